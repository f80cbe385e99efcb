"""The part of a session that a link shows: fixed when the link is made, and begun by a full snapshot."""

from __future__ import annotations

import grpc
import pytest
import redis.asyncio
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2
from support.share import AuditCalls, ShareCalls, bearer, clock, refusal, replay, seconds, ticks

from services.runtime.errors import InvalidArgument
from services.share.model import FixedSpan, SharedSession, Span
from services.share.ranges import fixed_span, fixed_span_of_old_link

Code = grpc.StatusCode
KINDS = [enums_pb2.INTERACTION_KIND_PAGE]


async def shown_by(audit: AuditCalls, token: str, session: str, **fields) -> list[int]:
    return ticks(await replay(audit, token, session, **fields))


async def test_earlier_events_do_not_move_the_range(share, audit):
    session = await audit.record()
    made = await share.create(session, start_offset=40, end_offset=45)
    token = (await share.redeem(made.token)).grant_token
    assert await shown_by(audit, token, session) == list(range(40, 46))

    await audit.record_earlier(session, 39)
    renewed = await share.redeem(made.token)
    for held in (token, renewed.grant_token):
        for fields in ({}, {"follow": True}, {"from_offset": seconds(0)}, {"from_offset": seconds(44)}):
            assert await shown_by(audit, held, session, **fields) == list(range(40, 46)), fields
    assert (renewed.start_offset, renewed.end_offset) == (seconds(40), seconds(45))

    # Everything beside the replay stays where it is, too.
    got = await audit.stub.GetSession(pb.GetSessionRequest(session_id=session), metadata=bearer(token))
    start = clock(got.session.start_time)
    assert clock(made.share_link.start_time) - start == pytest.approx(40, abs=0.001)
    assert clock(made.share_link.end_time) - start == pytest.approx(45, abs=0.001)
    assert [page.url for page in got.pages] == ["https://x.example/40"]
    found = await audit.stub.ListInteractions(
        pb.ListInteractionsRequest(session_id=session, kinds=KINDS), metadata=bearer(token)
    )
    assert [one.offset for one in found.interactions] == [seconds(40)]
    [listed] = (await share.list()).share_links
    assert listed == (await _listed_again(share, made))


async def _listed_again(share, made):
    """Returns the link as it was made, with the views that were counted since."""
    expected = made.share_link
    expected.view_count = 2
    return expected


async def test_a_range_that_ends_later_stays_too(share, audit):
    """A live session, and a range with an end in the future."""
    session = await audit.record(ended=False)
    made = await share.create(session, start_offset=20, end_offset=70)
    await audit.record_earlier(session, 50)
    details = await audit.details(session)
    assert clock(made.share_link.end_time) - clock(details.session.start_time) == pytest.approx(120, abs=0.001)
    token = (await share.redeem(made.token)).grant_token
    assert await shown_by(audit, token, session) == list(range(20, 61))


async def test_the_start_is_moved_to_a_snapshot_and_nothing_before_is_shown(share, audit):
    session = await audit.record()
    made = await share.create(session, start_offset=25, end_offset=50)
    link = made.share_link
    assert (link.requested_start_offset, link.start_offset, link.end_offset) == (seconds(25), seconds(40), seconds(50))
    token = (await share.redeem(made.token)).grant_token
    assert await shown_by(audit, token, session) == list(range(40, 51))
    # A cursor does not lead before the start either.
    windows = (await audit.details(session)).windows
    for seq in range(7):
        cursor = pb.ReplayCursor(positions=[{"window_id": windows[0].window_id, "seq": seq}])
        assert set(await shown_by(audit, token, session, cursor=cursor)) <= set(range(40, 51))
    found = await audit.stub.ListInteractions(
        pb.ListInteractionsRequest(session_id=session, kinds=KINDS), metadata=bearer(token)
    )
    assert [one.detail for one in found.interactions] == ["https://x.example/40"]


@pytest.mark.parametrize(
    ("offsets", "words"),
    [
        ({"start_offset": 41, "end_offset": 59}, ["the last one before it is at 40 s", "the next one is at 60 s"]),
        ({"start_offset": 60.4}, ["past the session's end"]),
        ({"start_offset": 45, "end_offset": 60}, ["before end_offset"]),
    ],
)
async def test_a_range_without_a_snapshot_is_refused(share, audit, offsets, words):
    session = await audit.record()
    told = await refusal(share.create(session, **offsets))
    assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {"start_offset"})
    assert all(word in told.message for word in words), told.message
    assert (await share.list()).share_links == []


async def old_link(share: ShareCalls, session: str, **offsets) -> str:
    """Makes a link as an older version left it in Redis, with offsets only; returns its token."""
    made = await share.create(session, end_offset=50)
    name = f"afterimage:test:share:link:{made.share_link.share_link_id}"
    async with redis.asyncio.Redis.from_url(share.redis_url) as client:
        await client.hdel(name, "origin", "requested_start", "wrong", "locked")
        await client.hset(name, mapping={key: str(round(value * 1000)) for key, value in offsets.items()})
    return made.token


async def test_a_link_of_an_older_version_goes_on_working_and_is_fixed(share, audit):
    session = await audit.record()
    token = await old_link(share, session, start=25, end=50)
    [listed] = (await share.list()).share_links
    assert (listed.start_offset, listed.HasField("start_time")) == (seconds(25), False)
    # Events recorded after it was made do not move it, although it was not opened before.
    await audit.record_earlier(session, 30)
    for _ in range(2):
        got = await share.redeem(token)
        assert (got.start_offset, got.end_offset) == (seconds(40), seconds(50))
        assert await shown_by(audit, got.grant_token, session) == list(range(40, 51))
    [listed] = (await share.list()).share_links
    assert (listed.start_offset, listed.requested_start_offset) == (seconds(40), seconds(25))
    assert clock(listed.end_time) - clock(listed.start_time) == pytest.approx(10)


async def test_a_link_of_an_older_version_without_a_snapshot_shows_what_it_did(share, audit):
    session = await audit.record()
    token = await old_link(share, session, start=41, end=50)
    got = await share.redeem(token)
    assert got.start_offset == seconds(40)
    assert await shown_by(audit, got.grant_token, session) == list(range(40, 51))


async def test_a_grant_of_an_older_version_shows_nothing_before_its_range(audit, mint):
    session = await audit.record()
    token = mint("view", session_id=session, range_ms=(25_000, 50_000))
    assert await shown_by(audit, token, session) == list(range(25, 51))


async def test_where_a_replay_can_start(audit, mint):
    session = await audit.record()
    start = clock((await audit.details(session)).session.start_time)

    async def around(offset):
        found = await audit.stub.GetReplayStart(
            pb.GetReplayStartRequest(session_id=session, offset=seconds(offset)), metadata=bearer(mint("view"))
        )
        assert clock(found.session_start_time) == start
        assert (found.session_duration, found.session_status) == (seconds(60), enums_pb2.SESSION_STATUS_ENDED)
        return tuple(
            round(clock(at) - start, 3) if found.HasField(name) else None
            for name, at in (("previous_time", found.previous_time), ("next_time", found.next_time))
        )

    assert [await around(at) for at in (0, 20, 25, 60, 99)] == [
        (None, 0),
        (0, 20),
        (20, 40),
        (40, 60),
        (60, None),
    ]
    for fields, field in (({"offset": {"seconds": -1}}, "offset"), ({"session_id": "x"}, "session_id")):
        request = pb.GetReplayStartRequest(**{"session_id": session, **fields})
        told = await refusal(audit.stub.GetReplayStart(request, metadata=bearer(mint("view"))))
        assert (told.code, told.fields) == (Code.INVALID_ARGUMENT, {field})
    for token in (mint("view", project="other"), mint("view", session_id=session)):
        told = await refusal(
            audit.stub.GetReplayStart(pb.GetReplayStartRequest(session_id=session), metadata=bearer(token))
        )
        assert told.code in {Code.NOT_FOUND, Code.PERMISSION_DENIED}


def session_of(duration_s=60, *, is_live=False, previous=None, following=None):
    def ms(at):
        return None if at is None else at * 1000

    return SharedSession(1_000_000, duration_s * 1000, is_live, ms(following), ms(previous))


@pytest.mark.parametrize(
    ("span", "session", "start"),
    [
        ((25, None), session_of(following=40), 40),
        ((25, 50), session_of(following=40), 40),
        ((0, None), session_of(), 0),  # nothing lies before it
        ((None, 50), session_of(following=40), None),
        # The next snapshot of a live session is still to come.
        ((25, None), session_of(is_live=True, previous=0), 25),
        ((25, 90), session_of(is_live=True, previous=0), 25),
        ((25, 90), session_of(is_live=True, following=70), 70),
    ],
)
def test_the_start_of_a_new_range(span, session, start):
    wanted = Span(*(None if at is None else at * 1000 for at in span))
    fixed = fixed_span(wanted, session)
    assert fixed == FixedSpan(
        Span(None if start is None else start * 1000, wanted.end_ms), session.start_ms, wanted.start_ms
    )


@pytest.mark.parametrize(
    ("span", "session"),
    [
        ((25, None), session_of(previous=0)),
        ((25, 40), session_of(following=40)),
        ((25, 50), session_of(is_live=True, previous=0)),  # over already: no snapshot can come
        ((25, 65), session_of(is_live=True, following=70)),
    ],
)
def test_a_new_range_that_would_show_nothing(span, session):
    with pytest.raises(InvalidArgument):
        fixed_span(Span(*(None if at is None else at * 1000 for at in span)), session)


@pytest.mark.parametrize(
    ("session", "start"),
    [
        (session_of(previous=20, following=40), 40),
        (session_of(previous=20, following=50), 20),
        (session_of(previous=20), 20),
        (session_of(), 25),
    ],
)
def test_the_start_of_an_old_range(session, start):
    fixed = fixed_span_of_old_link(Span(25_000, 50_000), session)
    assert fixed == FixedSpan(Span(start * 1000, 50_000), session.start_ms, 25_000)


def test_a_link_to_the_whole_session_has_no_range():
    assert fixed_span(Span(), session_of()) == FixedSpan()
    assert not FixedSpan().is_open
    assert FixedSpan(Span(0, None)).is_open
