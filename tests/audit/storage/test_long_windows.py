"""The index of a long window, read in parts, is the same as the whole one."""

from __future__ import annotations

from audit.storage import chunk, head, session_of, window_key

from services.audit.storage.chunk_reader import ChunkReader, Stretch
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention


async def test_parts_of_the_index_are_those_of_the_whole(engine, dialect, clock):
    retention = Retention({"demo": 30}, clock)
    store, playback = RecordingStore(engine, dialect, retention, clock), ChunkReader(engine, retention)
    key, other = window_key(), window_key()
    rows = [chunk(key, seq, snapshot=seq in {1, 10, 20}) for seq in range(1, 31)]
    await store.insert([head(key), head(other)], [*rows, chunk(other, 1)])
    await store.insert([], rows[5:15])  # delivered twice
    session, start = session_of(key), key.session_key.start_ms
    whole = await playback.contents(session)
    assert whole.is_whole
    opening = await playback.contents(session, 7)
    assert not opening.is_whole
    assert (opening.windows, opening.chunks) == (whole.windows, whole.chunks[:7])
    assert (await playback.contents(session, 30)).is_whole
    for low, high in ((1, 30), (8, 12), (30, 99), (31, 40)):
        assert await playback.index_of_window(session, key.window, low, high) == whole.chunks[low - 1 : high]
    sizes = [len(row.payload) for row in rows]
    for low in (1, 9, 30):
        expected = Stretch(31 - low, sum(sizes[low - 1 :]), rows[low - 1].first_ms)
        assert await playback.stretch(session, key.window, low) == expected
    assert (await playback.stretch(session, key.window, 31)).chunk_count == 0
    for at_ms, begin in ((0, None), (1_000, 1), (10_000, 10), (19_999, 10), (20_000, 20), (10**9, 20)):
        assert await playback.seq_before(session, key.window, start + at_ms) == begin
