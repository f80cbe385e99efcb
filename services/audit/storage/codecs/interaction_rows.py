"""Interactions as rows: packs a chunk's interactions for their table (schema/tables_interactions.py).

A busy window has as many interactions per second as events, so its rows never become tuples: the columns
common to a chunk are packed once, the rest of a row with one call (about 1 microsecond per row).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import date

from services.audit.behaviour.definitions import Interaction
from services.audit.model import Target, WindowKey
from services.audit.storage.codecs.rowbinary import date_number, packed_text, uuid_words

_rest_of_chunk = struct.Struct("<HQQQQHIBB")
_one = struct.Struct("<IBqfffHHIIBqIIIffff")

ESTIMATED, CLAMPED = 1, 2
NOWHERE = -1.0

_MOST = 0xFFFF_FFFF
_NO_TARGET = b"\0" * len(Target._fields)


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
        day: The day of the session's id.
        kept_from: The day from which retention counts.
        seq: The chunk's seq.
        who: Device type and actor type.
        first_number: Number of earlier interactions in the window.
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
        if one.page != page:  # most chunks have a single page
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
                one.anchor,
                *one.box,
            ),
            no_detail if not detail else no_detail[:-1] + packed_text(detail),
            _NO_TARGET if one.target is None else b"".join(map(packed_text, one.target)),
        )
    return b"".join(parts)
