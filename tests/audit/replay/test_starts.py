from __future__ import annotations

import json
import uuid

import pytest

from services.audit.model import ChunkIndex
from services.audit.payload import deflate
from services.audit.replay.starts import MAX_READS, Starts, find_starts
from services.audit.storage.chunk_reader import StoredPayload

FIRST, SECOND = uuid.UUID(int=1), uuid.UUID(int=2)
T0 = 1_780_000_000_000
META, SNAPSHOT, OTHER = 4, 2, 3


class Stored:
    """The chunks of a session, each a list of (time, type), with a count of the reads."""

    def __init__(self, **windows):
        self.payloads, self.index, self.reads = {}, [], 0
        for window, chunks in zip((FIRST, SECOND), windows.values(), strict=False):
            meta_seq = 0
            for seq, events in enumerate(chunks, 1):
                times = [T0 + at for at, _ in events]
                text = json.dumps([{"type": kind, "timestamp": T0 + at} for at, kind in events]).encode()
                stored = StoredPayload(window, seq, min(times), max(times), len(events), False, deflate(text))
                self.payloads[window, seq] = stored
                snapshot_ms = snapshot_seq = 0
                for at, kind in events:  # as `fold` does
                    if kind == META:
                        meta_seq = seq
                    elif kind == SNAPSHOT:
                        if not snapshot_seq:
                            snapshot_ms, snapshot_seq = T0 + at, meta_seq or seq
                        meta_seq = 0
                self.index.append(
                    ChunkIndex(window, seq, min(times), min(times), max(times), snapshot_ms, snapshot_seq, 9)
                )
        self.index.sort(key=lambda chunk: chunk.order_ms)

    async def read(self, chunks):
        self.reads += 1
        return [self.payloads[chunk.window, chunk.seq] for chunk in chunks]

    async def around(self, at):
        """Returns the starts before and after a moment, from T0."""
        found = await find_starts(self.index, self.read, T0 + at)
        return tuple(None if time is None else time - T0 for time in (found.previous_ms, found.next_ms))


@pytest.mark.parametrize(
    ("at", "found"),
    [(0, (None, 5)), (5, (None, 5)), (6, (5, 60)), (8, (5, 60)), (60, (5, 60)), (61, (60, 95)), (96, (95, None))],
)
async def test_a_start_is_the_meta_event_of_a_snapshot(at, found):
    """Two snapshots in the first chunk; the Meta event of the last one ends the chunk before it."""
    stored = Stored(
        window=[
            [(0, OTHER), (5, META), (8, SNAPSHOT), (50, OTHER), (60, META), (62, SNAPSHOT), (70, OTHER)],
            [(80, OTHER), (95, META)],
            [(99, SNAPSHOT), (120, OTHER)],
        ]
    )
    assert await stored.around(at) == found


async def test_a_snapshot_without_meta_is_a_start_too():
    stored = Stored(window=[[(0, META), (1, SNAPSHOT), (40, SNAPSHOT), (50, OTHER)]])
    assert await stored.around(10) == (0, 40)


async def test_the_nearest_start_of_all_windows_is_found():
    stored = Stored(
        first=[[(0, META), (1, SNAPSHOT)], [(100, META), (101, SNAPSHOT)]],
        second=[[(30, META), (31, SNAPSHOT)], [(60, OTHER)], [(70, META), (71, SNAPSHOT)]],
    )
    assert await stored.around(50) == (30, 70)
    assert await stored.around(80) == (70, 100)


async def test_a_session_without_a_snapshot_has_no_start():
    assert await Stored(window=[[(0, META), (5, OTHER)]]).around(0) == (None, None)
    assert await find_starts([], Stored().read, T0) == Starts()


async def test_a_search_reads_few_chunks():
    """Also in a session of many snapshots, and where many windows have theirs at the same time."""
    stored = Stored(window=[[(at, META), (at + 1, SNAPSHOT)] for at in range(0, 10_000, 10)])
    assert await stored.around(5_005) == (5_000, 5_010)
    assert stored.reads <= 3
    crowd = Stored(window=[[(0, OTHER), (50, META), (60, SNAPSHOT), (99, OTHER)]] * 500)
    assert await crowd.around(55) == (50, None)
    assert crowd.reads <= 2 * MAX_READS
