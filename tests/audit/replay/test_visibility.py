from __future__ import annotations

import json
import uuid
from itertools import accumulate

import pytest
from audit.storage import head, uuid7, window_key
from hypothesis import given
from hypothesis import strategies as st

from services.audit.model import ChunkIndex, SessionSummary, Times, WindowSummary
from services.audit.payload import deflate, inflate
from services.audit.replay.plan import _STORED, cut, replay_plan
from services.audit.replay.visibility import EVERYTHING, Visible, visible_to
from services.audit.storage.chunk_reader import StoredPayload
from services.audit.storage.session_queries import SessionDetails
from services.runtime.errors import NotFound
from services.runtime.identity.tokens import Identity, Scope

WINDOW = uuid.uuid4()
START = 1_780_000_000_000


def identity(**values):
    return Identity("someone", "demo", frozenset({Scope.VIEW}), 2e9, **values)


def chunks(count=10, every=3):
    """Chunks of one second each; every third starts with a full snapshot."""
    return [
        ChunkIndex(
            WINDOW,
            seq,
            START + (seq - 1) * 1000,
            START + (seq - 1) * 1000,
            START + seq * 1000 - 1,
            START + (seq - 1) * 1000 if seq % every == 1 else 0,
            seq if seq % every == 1 else 0,
            100,
        )
        for seq in range(1, count + 1)
    ]


def payload(times, types=None):
    events = [{"type": kind, "timestamp": at} for at, kind in zip(times, types or [5] * len(times), strict=True)]
    text = json.dumps(events).encode()
    return StoredPayload(WINDOW, 1, int(min(times)), int(max(times)), len(events), 2 in (types or ()), deflate(text))


def test_members_see_everything():
    session = uuid7(START)
    assert visible_to(identity(), session) is EVERYTHING
    stored = payload([START, START + 5])
    assert cut(stored, EVERYTHING.within(START)) is stored
    assert replay_plan(chunks(), Times(), None, None) == chunks()


def test_a_grant_sees_its_own_part():
    session = uuid7(START)
    seen = visible_to(identity(session_id=str(session), range_start_ms=5, range_end_ms=9), session)
    assert seen == Visible(5, 9, by_grant=True)
    assert seen.within(START) == Times(START + 5, START + 9)
    fixed = identity(session_id=str(session), range_start_ms=5, range_end_ms=9, range_origin_ms=START)
    assert visible_to(fixed, session).within(START - 50) == Times(START + 5, START + 9)
    with pytest.raises(NotFound):
        visible_to(identity(session_id=str(session)), uuid7(START))


def test_a_part_tells_nothing_of_the_rest():
    key = window_key()
    windows = [
        WindowSummary(uuid.uuid4(), START + first, START + last, 7, (5, 5), False)
        for first, last in ((0, 400), (200, 900), (700, 900))
    ]
    summary = SessionSummary(key.session_key, head(key), START - 50, START + 900, 1, (9, 9), 3, 1)
    part = Visible(100, 500, by_grant=True, origin_ms=START)
    shown = part.details(SessionDetails(summary, windows))
    assert (shown.session.first_ms, shown.session.last_ms) == (START, START + 500)
    assert (shown.session.totals, shown.session.window_count, shown.session.stored_ms) == ((), 2, START + 500)
    assert [(one.first_ms - START, one.last_ms - START, one.totals) for one in shown.windows] == [
        (100, 400, ()),
        (200, 500, ()),
    ]
    whole = SessionDetails(summary, windows)
    assert Visible(by_grant=True).details(whole).windows == windows
    assert EVERYTHING.details(whole) == whole


def test_a_link_does_not_tell_who_the_visitor_was():
    key = window_key()
    summary = SessionSummary(
        key.session_key,
        head(key, actor_id="dana", tags={"a": "b"}, user_agent="Mozilla", first_url="https://x/", browser="Chrome"),
        0, 1, 2, (), 1, 1,
    )  # fmt: skip
    assert EVERYTHING.session(summary) is summary
    shown = visible_to(identity(session_id=str(key.session)), key.session).session(summary)
    assert (shown.head.actor_id, shown.head.tags, shown.head.user_agent, shown.head.first_url) == ("", {}, "", "")
    assert (shown.head.browser, shown.first_ms, shown.last_ms) == ("Chrome", 0, 1)


@given(
    start=st.none() | st.integers(0, 10_500),
    length=st.none() | st.integers(1, 10_500),
    asked=st.none() | st.integers(-1000, 11_000),
)
def test_no_seek_leaves_the_range(start, length, asked):
    every = chunks()
    end = None if length is None else (start or 0) + length
    times = Visible(start, end).within(START)
    planned = replay_plan(every, times, None if asked is None else START + asked, None)
    for chunk in planned:
        assert times.holds(chunk.first_ms)
        assert times.holds(chunk.last_ms)
    inside = [chunk for chunk in every if times.touches(chunk.first_ms, chunk.last_ms)]
    assert {chunk.seq for chunk in planned} <= {chunk.seq for chunk in inside}
    if inside:
        assert planned  # a seek beyond the range shows its nearest moment
    begins = max(asked or 0, start or 0)
    if begins < 10_000 and (end is None or begins <= end):
        assert [chunk for chunk in planned if chunk.first_ms <= START + begins <= chunk.last_ms]
    snapshots = [chunk.seq for chunk in every if chunk.snapshot_seq and times.holds(chunk.snapshot_ms)]
    earlier = [seq for seq in snapshots if (seq - 1) * 1000 <= begins]
    if earlier and begins < 10_000 and (end is None or begins <= end):
        assert planned[0].seq == earlier[-1]  # it can be drawn


def shown_events(stored, times):
    shown = cut(stored, times)
    return shown, [] if shown is None else json.loads(inflate(shown.payload, _STORED))


@given(st.lists(st.integers(0, 100), min_size=1, max_size=30), st.integers(0, 100), st.integers(0, 100))
def test_events_outside_of_the_range_are_cut(offsets, start, length):
    stored = payload([START + at for at in offsets])
    end = start + length
    shown, events = shown_events(stored, Times(START + start, START + end))
    # An event that was recorded late is played with those before it.
    played = zip(offsets, accumulate(offsets, max), strict=True)
    left = [(at, played_at) for at, played_at in played if start <= played_at <= end]
    assert [event["timestamp"] - START for event in events] == [at for at, _ in left]
    if left:
        assert shown.event_count == len(left)
        assert (shown.first_ms, shown.last_ms) == (START + left[0][1], START + left[-1][1])
    else:
        assert shown is None


@pytest.mark.parametrize("source", [1, 6, 12])
def test_pointer_positions_before_the_start_are_cut(source):
    """They lie before the time of their event, which may be in the range."""

    def moves(*offsets):
        return {"source": source, "positions": [{"x": 1, "y": 2, "id": 3, "timeOffset": at} for at in offsets]}

    events = [
        {"type": 3, "timestamp": START + 100, "data": moves(-300, -100, 0)},
        {"type": 3, "timestamp": START + 120, "data": moves(-200, -150)},
        {"type": 3, "timestamp": START + 130, "data": {"source": 5, "text": "a"}},
        {"type": 3, "timestamp": START + 400, "data": moves(-400)},
    ]
    stored = StoredPayload(WINDOW, 1, START + 100, START + 400, 4, False, deflate(json.dumps(events).encode()))
    _, left = shown_events(stored, Times(START, None))
    assert [event["data"].get("positions") for event in left] == [
        moves(-100, 0)["positions"], None, moves(-400)["positions"],
    ]  # fmt: skip
    assert cut(stored, Times(START - 1_000, None)) is stored


def test_a_snapshot_that_is_cut_is_not_announced():
    stored = payload([START, START + 50], [5, 2])
    assert stored.has_full_snapshot
    assert not cut(stored, Times(None, START + 10)).has_full_snapshot
    assert cut(stored, Times(None, START + 50)).has_full_snapshot


def test_events_keep_their_text():
    text = b'[{"type":5,"timestamp":%d,"data":"\\ud83d alone"},{"timestamp": %d.5 ,"type":5}]' % (START, START + 50)
    stored = StoredPayload(WINDOW, 1, START, START + 50, 2, False, deflate(text))
    shown = inflate(cut(stored, Times(None, START + 10)).payload, _STORED)
    assert shown in {
        b'[{"type":5,"timestamp":%d,"data":"\\ud83d alone"}]' % START,
        b'[{"type":5,"timestamp":%d,"data":"\\ufffd alone"}]' % START,
    }
