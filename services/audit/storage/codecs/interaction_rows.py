"""Interactions as rows: the table that heatmaps and timelines read, and how a chunk's are packed for it.

A busy window has as many interactions in a second as it has events, so its rows never become tuples: what
all of a chunk have in common is packed once, the rest of a row with one call (about 1 microsecond a row).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from services.audit.behaviour.definitions import Interaction
from services.audit.model import WindowKey
from services.audit.storage.codecs.rowbinary import date_number, packed_text, uuid_words
from services.audit.storage.engine.engine import Table

if TYPE_CHECKING:
    from services.audit.storage.schema.tables import Dialect  # which imports the migration from here

_OF_CHUNK = (
    ("project", "String"),
    ("day", "Date"),
    ("session", "UUID"),
    ("window", "UUID"),
    ("kept_from", "Date"),
    ("seq", "UInt32"),
    ("device_type", "UInt8"),
    ("actor_type", "UInt8"),
)
_OF_ONE = (
    ("number", "UInt32"),
    ("kind", "UInt8"),
    ("time_ms", "Int64"),
    ("x", "Float32"),
    ("y", "Float32"),
    ("top_y", "Float32"),
    ("viewport_width", "UInt16"),
    ("viewport_height", "UInt16"),
    ("page_width", "UInt32"),
    ("page_height", "UInt32"),
    ("flags", "UInt8"),
    ("node_id", "Int64"),
    ("times", "UInt32"),
    ("weight_ms", "UInt32"),
)
_rest_of_chunk = struct.Struct("<HQQQQHIBB")
_one = struct.Struct("<IBqfffHHIIBqII")

INTERACTIONS = Table("interactions", (*_OF_CHUNK, *_OF_ONE, ("page", "String"), ("detail", "String")))
"""`number` counts the window's interactions; x, y and top_y are -1 where there is no place; `flags` below."""

ESTIMATED, CLAMPED = 1, 2
NOWHERE = -1.0

_MOST = 0xFFFF_FFFF


def interactions_migration(dialect: Dialect) -> list[str]:
    """Returns the statements that make the table.

    Sorted by page and kind, since that is how a heatmap reads. Who asks for one session reads the narrow column
    of its day; a server that has bloom filters skips most of it.
    """
    few = {"project", "page"}
    codecs = {name: dialect.codec("ZSTD(1)") for name in ("window", "detail")}
    columns = [
        f"{name} {dialect.name_type if name in few else kind}{codecs.get(name, '')}"
        for name, kind in INTERACTIONS.columns
    ]
    if dialect.modern:
        columns.append("INDEX by_session session TYPE bloom_filter GRANULARITY 4")
    name = INTERACTIONS.name
    create = (
        f"CREATE TABLE IF NOT EXISTS {dialect.local(name)}{dialect.on_cluster} ({', '.join(columns)}) "
        f"ENGINE = {dialect.engine('ReplacingMergeTree', name)} PARTITION BY day "
        f"ORDER BY (project, page, kind, session, window, number) {dialect.settings(8192)}"
    )
    statements = [create]
    if dialect.cluster:
        statements.append(
            f"CREATE TABLE IF NOT EXISTS {name}{dialect.on_cluster} AS {dialect.local(name)} "
            f"ENGINE = Distributed({dialect.cluster}, currentDatabase(), {dialect.local(name)}, cityHash64(session))"
        )
    return statements


def pack_rows(
    key: WindowKey,
    day: date,
    kept_from: date,
    seq: int,
    who: tuple[int, int],
    first_number: int,
    found: Sequence[Interaction],
) -> bytes:
    """Returns a chunk's interactions as RowBinary, in the order of INTERACTIONS' columns.

    Args:
        key: The window.
        day: That of the session's id.
        kept_from: Where retention counts from.
        seq: The chunk's.
        who: Device type and actor type.
        first_number: How many interactions of the window came before.
        found: The interactions.
    """
    if not found:
        return b""
    common = packed_text(key.project) + _rest_of_chunk.pack(
        date_number(day), *uuid_words(key.session), *uuid_words(key.window), date_number(kept_from), seq, *who
    )
    pack = _one.pack
    page, no_detail = found[0].page, packed_text(found[0].page) + b"\0"
    parts: list[bytes] = []
    for number, one in enumerate(found, first_number):
        x, y, top, detail = one.x_percent, one.y_percent, one.top_percent, one.detail
        width, height = one.viewport
        page_width, page_height = one.page_size
        if one.page != page:  # most chunks are of one page
            page, no_detail = one.page, packed_text(one.page) + b"\0"
        parts += (
            common,
            pack(
                number,
                one.kind,
                one.time_ms,
                NOWHERE if x is None else x,
                NOWHERE if y is None else y,
                NOWHERE if top is None else top,
                width,
                height,
                page_width,
                page_height,
                one.estimated + 2 * one.clamped,
                one.node_id,
                one.count,
                min(one.weight_ms, _MOST),
            ),
            no_detail if not detail else no_detail[:-1] + packed_text(detail),
        )
    return b"".join(parts)
