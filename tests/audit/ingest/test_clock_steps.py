"""A visitor's clock that is set while it is recorded: order, length, findings, shared parts and live go on."""

from __future__ import annotations

import uuid
from itertools import chain

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import click, full_snapshot, meta, move, new_session, now_ms, start_of, unpacked

from services.runtime.play_clock import play_times

MINUTE_MS, HOUR_MS = 60_000, 3_600_000
BEGUN_MS = 3 * 24 * HOUR_MS
"""Age of the sessions: the server's clock must not bound them."""

STEPS = {
    "set back by ten minutes": ([-10 * MINUTE_MS], 0),
    "set back by half an hour, twice": ([-30 * MINUTE_MS, -20 * MINUTE_MS], 0),
    "set forward by an hour": ([HOUR_MS], HOUR_MS),
    "set forward by an hour and back": ([HOUR_MS, -HOUR_MS], HOUR_MS),
    "set back and forward": ([-10 * MINUTE_MS, 10 * MINUTE_MS], 10 * MINUTE_MS),
}
"""Steps, and the length that they add at most."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


def recorded(session, steps):
    """Returns runs of events, a second each: the clock is set between them."""
    clock = start_of(session)
    runs = [[meta(clock), full_snapshot(clock + 1), *(click(clock + 100 * number) for number in range(1, 5))]]
    for step in steps:
        clock += 1_000 + step
        runs.append([move(clock, 1), *(click(clock + 100 * number) for number in range(1, 5)), move(clock + 900, 2)])
    return runs


def played_ms(chunks):
    """Returns the play times of a replay's events, and the events."""
    found = []
    for chunk in chunks:
        events = unpacked(chunk)
        times = play_times(chunk.first_time.ToMilliseconds(), [event["timestamp"] for event in events])
        found += zip(times, events, strict=True)
    return found


@pytest.mark.parametrize("in_one_chunk", [True, False], ids=["within a chunk", "between chunks"])
@pytest.mark.parametrize("name", STEPS)
async def test_a_step_changes_no_order_and_no_length_by_more_than_itself(shared_audit, name, in_one_chunk):
    steps, added_ms = STEPS[name]
    session = new_session(now_ms() - BEGUN_MS)
    runs = recorded(session, steps)
    events = list(chain.from_iterable(runs))
    await shared_audit.record(session, [events] if in_one_chunk else runs)
    got = (await shared_audit.session(session)).session
    start_ms, end_ms = got.start_time.ToMilliseconds(), got.end_time.ToMilliseconds()
    assert start_ms == start_of(session)
    assert end_ms - start_ms <= added_ms + 2_000 * len(runs)
    assert got.duration.ToMilliseconds() == end_ms - start_ms
    assert got.totals.click_count == 4 * len(runs)

    replay = await shared_audit.replay(session)
    played = played_ms(replay.chunks)
    assert [event for _, event in played] == events  # as they were recorded
    times = [time for time, _ in played]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (start_ms, end_ms)
    for chunk in replay.chunks:
        assert start_ms <= chunk.first_time.ToMilliseconds() <= chunk.last_time.ToMilliseconds() <= end_ms


async def test_what_is_found_has_the_times_at_which_it_is_played(shared_audit):
    session = new_session(now_ms() - BEGUN_MS)
    runs = recorded(session, [-10 * MINUTE_MS])
    await shared_audit.record(session, runs)
    request = pb.ListInteractionsRequest(session_id=session, page_size=1_000)
    found = (await shared_audit.stub.ListInteractions(request, metadata=shared_audit.auth("view"))).interactions
    replay = await shared_audit.replay(session)
    clicks = {time for time, event in played_ms(replay.chunks) if event["data"].get("type") == 2}
    assert {one.time.ToMilliseconds() for one in found if one.kind == 1} == clicks
    times = [one.time.ToMilliseconds() for one in found]
    assert min(times) >= start_of(session)
    assert max(times) <= start_of(session) + 5_000


async def test_a_run_of_clicks_ends_where_the_clock_was_set_back(shared_audit):
    """How long the step took is not known."""
    session = new_session(now_ms() - BEGUN_MS)
    start = start_of(session)
    opened = [meta(start), full_snapshot(start + 1)]
    before = [click(start + 100 * number) for number in range(1, 3)]
    after = [click(start - 10 * MINUTE_MS + 100 * number) for number in range(1, 3)]
    await shared_audit.record(session, [[*opened, *before, *after, move(start - 9 * MINUTE_MS)]])
    totals = (await shared_audit.session(session)).session.totals
    assert (totals.click_count, totals.rage_click_count) == (4, 0)


async def test_a_stream_that_resumes_goes_on_with_the_clock(shared_audit):
    session, window = new_session(now_ms() - BEGUN_MS), str(uuid.uuid4())
    runs = recorded(session, [-10 * MINUTE_MS, 0])
    for seq, run in enumerate(runs, 1):
        async with shared_audit.recorder(session, window) as recorder:
            assert recorder.ready.next_seq == seq
            await recorder.send(seq, run)
            await recorder.ack(seq)
    got = (await shared_audit.session(session)).session
    assert got.duration.ToMilliseconds() <= 6_000
    times = [time for time, _ in played_ms((await shared_audit.replay(session)).chunks)]
    assert times == sorted(times)


async def test_a_step_in_one_window_does_not_move_the_other(shared_audit):
    session = new_session(now_ms() - BEGUN_MS)
    runs = recorded(session, [-10 * MINUTE_MS])
    stepped = await shared_audit.record(session, runs)
    steady = await shared_audit.record(session, recorded(session, [0]))
    details = await shared_audit.session(session)
    assert details.session.duration.ToMilliseconds() <= 4_000
    replay = await shared_audit.replay(session)
    for window in (stepped, steady):
        times = [time for time, _ in played_ms([chunk for chunk in replay.chunks if chunk.window_id == window])]
        assert times == sorted(times)
    firsts = [chunk.first_time.ToMilliseconds() for chunk in replay.chunks]
    assert firsts == sorted(firsts)


async def test_a_seek_finds_what_is_after_the_step(shared_audit):
    session = new_session(now_ms() - BEGUN_MS)
    runs = recorded(session, [-10 * MINUTE_MS])
    back = start_of(session) + 1_000 - 10 * MINUTE_MS
    runs.append([meta(back + 1_000), full_snapshot(back + 1_001), click(back + 1_500)])
    await shared_audit.record(session, runs)
    end = (await shared_audit.session(session)).session.end_time
    request = {"from_time": end}
    assert [chunk.seq for chunk in (await shared_audit.replay(session, **request)).chunks] == [3]


async def test_it_is_followed_live(shared_audit):
    session = new_session(now_ms() - 30 * MINUTE_MS)
    runs = recorded(session, [-10 * MINUTE_MS, 10 * MINUTE_MS])
    async with shared_audit.recorder(session) as recorder:
        await recorder.send(1, runs[0])
        await recorder.ack(1)
        async with shared_audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            for seq, run in enumerate(runs[1:], 2):
                await recorder.send(seq, run)
                await recorder.ack(seq)
            chunks = [await viewer.until("chunk") for _ in runs[1:]]
        assert await recorder.end(len(runs)) is None
    times = [time for time, _ in played_ms(chunks)]
    assert times == sorted(times)
    assert times[0] >= start_of(session) + 400


EACH_TWICE = {
    "in one chunk": lambda runs: [[event for run in runs for event in run for _ in range(2)]],
    "in chunks": lambda runs: [[event for event in run for _ in range(2)] for run in runs],
    "over the border of chunks": lambda runs: [[event] for run in runs for event in run for _ in range(2)],
}


@pytest.mark.parametrize("name", EACH_TWICE)
async def test_events_that_are_there_twice_count_once(shared_audit, name):
    runs = EACH_TWICE[name]
    session, plain = new_session(now_ms() - BEGUN_MS), new_session(now_ms() - BEGUN_MS)
    await shared_audit.record(session, runs(recorded(session, [0])))
    await shared_audit.record(plain, recorded(plain, [0]))
    twice, once = [(await shared_audit.session(one)).session for one in (session, plain)]
    assert twice.totals.click_count == once.totals.click_count == 8
    assert twice.totals.event_count == once.totals.event_count
    assert twice.totals.page_count == once.totals.page_count
    assert twice.totals.rage_click_count == once.totals.rage_click_count
    assert twice.duration == once.duration
    # They are stored as they were recorded.
    assert len((await shared_audit.replay(session)).events) == 2 * len((await shared_audit.replay(plain)).events)
