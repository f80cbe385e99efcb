"""A long session is replayed as a short one is: its index is read page by page."""

from __future__ import annotations

from uuid import uuid4

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from support.audit_server import long_story, move, new_session, start_of

from services.audit.replay import replayer
from services.audit.storage.chunk_reader import ChunkReader

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def long_from_five(monkeypatch):
    """Windows of more than five chunks are long, and four chunks are a page."""

    def on() -> None:
        monkeypatch.setattr(replayer, "OPENING_SEQS", 5)
        monkeypatch.setattr(replayer, "PAGE_SEQS", 4)

    return on


def requests(session, window):
    start = start_of(session)
    yield {}
    yield {"window_id": window}
    for at in (0, 1, 9_999, 10_000, 15_000, 29_999, 39_500, 10_000_000):
        yield {"from_offset": Duration(seconds=at // 1000, nanos=at % 1000 * 1_000_000)}
    yield {"from_time": Timestamp(seconds=start // 1000 - 60)}
    yield {"from_time": Timestamp(seconds=start // 1000 + 21)}
    for seq in (0, 3, 5, 8, 39, 40, 99):
        yield {"cursor": pb.ReplayCursor(positions=[pb.WindowPosition(window_id=window, seq=seq)])}


async def test_every_replay_is_the_same(shared_audit, long_from_five, monkeypatch):
    session = new_session()
    window = await shared_audit.record(session, long_story(start_of(session)))
    wanted = list(requests(session, window))
    expected = [await shared_audit.replay(session, **request) for request in wanted]
    assert expected[0].header.chunk_count == 40
    long_from_five()
    whole = []
    contents = ChunkReader.contents

    async def noted(self, key, most=None):
        whole.append(most is None)
        return await contents(self, key, most)

    monkeypatch.setattr(ChunkReader, "contents", noted)
    for request, one in zip(wanted, expected, strict=True):
        found = await shared_audit.replay(session, **request)
        assert found.header == one.header, request
        assert (found.positions, found.events, found.end) == (one.positions, one.events, one.end), request
    assert not any(whole), "no replay read the whole index"


async def test_a_follower_of_a_long_session_gets_each_chunk_once(shared_audit, long_from_five):
    long_from_five()
    session = new_session()
    start, story = start_of(session), long_story(start_of(session), count=20)
    async with shared_audit.recorder(session) as recorder:
        for seq, events in enumerate(story, 1):
            await recorder.send(seq, events)
        await recorder.ack(20)
        async with shared_audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            await recorder.send(21, [move(start + 30_000)])
            await recorder.ack(21)
            await viewer.until("chunk")
            seqs = [message.chunk.seq for message in viewer.seen if message.HasField("chunk")]
    assert seqs == list(range(1, 22))


async def test_sessions_of_several_windows_keep_their_order(shared_audit, long_from_five):
    session = new_session()
    for window in (str(uuid4()), str(uuid4())):
        await shared_audit.record(session, long_story(start_of(session), count=12), window)
    expected = await shared_audit.replay(session)
    long_from_five()
    found = await shared_audit.replay(session)
    assert (found.positions, found.header) == (expected.positions, expected.header)


async def test_a_link_to_a_long_session_hides_its_visitor(shared_audit, long_from_five):
    long_from_five()
    session = new_session()
    await shared_audit.record(
        session, long_story(start_of(session)), actor_id="ann", user_agent="Agent", tags={"plan": "pro"}
    )
    token = shared_audit._minter.mint("link", "demo", ["view"], 60, session_id=session)
    request = pb.ReplaySessionRequest(session_id=session)
    replay = shared_audit.stub.ReplaySession(request, metadata=[("authorization", f"Bearer {token}")])
    [header, *rest] = [part async for part in replay]
    assert (header.header.session.actor_id, dict(header.header.session.tags)) == ("", {})
    assert header.header.session.user_agent == ""
    assert len(rest) == 41
