"""Support for storage tests: a stopped clock, handmade rows, an engine of either kind."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.audit.behaviour.definitions import Interaction
from services.audit.model import ChunkRow, InteractionKind, Mark, SessionKey, Total, WindowHead, WindowKey
from services.audit.payload import deflate
from services.audit.storage.codecs.interaction_rows import pack_rows
from services.audit.storage.retention import day_of
from services.audit.window_state import WindowState, dump_state
from services.runtime.uuid7 import uuid7

NOW_MS = round(dt.datetime(2026, 6, 15, 12, tzinfo=dt.UTC).timestamp() * 1000)


@dataclass
class MillisecondClock:
    """A clock that the test moves."""

    ms: int = NOW_MS

    def __call__(self) -> int:
        return self.ms


def numbered_uuid7(ms: int, low: int) -> uuid.UUID:
    """Returns a UUIDv7 with the given low 62 bits."""
    return uuid.UUID(int=(ms << 80) | (7 << 76) | (2 << 62) | (low & ((1 << 62) - 1)))


def window_key(start_ms: int = NOW_MS - 60_000, project: str = "demo", session: uuid.UUID | None = None) -> WindowKey:
    return WindowKey(project, session or uuid7(start_ms), uuid.uuid4())


def head(key: WindowKey, **values: object) -> WindowHead:
    return replace(WindowHead(key, day_of(key.session_key.start_ms)), **values)


def chunk(
    key: WindowKey,
    seq: int,
    *,
    text: bytes = b"[]",
    snapshot: bool = False,
    found: Sequence[Interaction] = (),
    first_number: int = 0,
    device_type: int = 0,
    actor_type: int = 0,
    **values: object,
) -> ChunkRow:
    """A chunk of one second: number `seq` covers [start + seq, start + seq + 1) seconds."""
    begin = key.session_key.start_ms + seq * 1000
    totals = [0] * len(Total)
    totals[Total.CHUNKS], totals[Total.EVENTS] = seq, 10 * seq
    for name in list(values):
        if name.upper() in Total.__members__:
            totals[Total[name.upper()]] = values.pop(name)
    row = ChunkRow(
        key=key,
        seq=seq,
        kept_from=day_of(key.session_key.start_ms),
        order_ms=begin,
        first_ms=begin,
        last_ms=begin + 999,
        event_count=10,
        snapshot_ms=begin if snapshot else 0,
        snapshot_seq=seq if snapshot else 0,
        marks=(),
        totals=tuple(totals),
        state=dump_state(WindowState(seq=seq)),
        payload=deflate(text),
        interactions=pack_rows(
            key,
            day_of(key.session_key.start_ms),
            day_of(key.session_key.start_ms),
            seq,
            (device_type, actor_type),
            first_number,
            found,
        ),
    )
    return replace(row, **values)


def page(url: str, time_ms: int = NOW_MS) -> Mark:
    return Mark(InteractionKind.PAGE, time_ms, url, 1280, 720)


def session_of(key: WindowKey) -> SessionKey:
    return key.session_key
