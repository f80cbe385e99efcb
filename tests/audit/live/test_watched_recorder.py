"""Commands to a watched recorder: flush faster, take a full snapshot."""

from __future__ import annotations

from uuid import uuid4

from support.audit_server import (
    full_snapshot,
    meta,
    move,
    new_session,
    now_ms,
    start_of,
    story,
)


async def test_a_recorder_flushes_faster_while_somebody_follows(audit):
    session = new_session()
    interval = audit.settings.ingest
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start_of(session)), full_snapshot(start_of(session))])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            faster = await recorder.until("command")
            assert faster.flush_interval.ToTimedelta().total_seconds() == interval.watched_flush_interval_s
        slower = await recorder.until("command")
        assert slower.flush_interval.ToTimedelta().total_seconds() == interval.flush_interval_s
        assert await recorder.end(1) is None
    assert [command.WhichOneof("command") for command in recorder.commands] == ["flush_interval", "flush_interval"]


async def test_a_recorder_that_connects_to_a_followed_session_is_told_at_once(audit):
    session, window = new_session(), str(uuid4())
    await audit.record(session, story(session, 1), window, end=False)
    async with audit.view(session, follow=True) as viewer:
        await viewer.until("live_edge")
        async with audit.recorder(session, window) as recorder:
            command = await recorder.until("command")
    assert command.flush_interval.ToTimedelta().total_seconds() == audit.settings.ingest.watched_flush_interval_s


async def test_a_late_viewer_makes_the_recorder_take_a_full_snapshot(audit):
    session = new_session(now_ms() - 120_000)
    start = start_of(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start), full_snapshot(start)])
        await recorder.send(2, [move(start + 90_000)])
        await recorder.ack(2)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            assert (await recorder.until("command")).WhichOneof("command") == "flush_interval"
            assert (await recorder.until("command")).WhichOneof("command") == "take_full_snapshot"
            await recorder.send(3, [full_snapshot(start + 90_001)])
            await recorder.ack(3)
            assert await recorder.end(3) is None
    assert len(recorder.commands) == 2


async def test_every_late_viewer_gets_a_full_snapshot_not_the_first_alone(audit):
    session = new_session(now_ms() - 300_000)
    start = start_of(session)
    async with audit.recorder(session) as recorder:
        await recorder.send(1, [meta(start), full_snapshot(start)])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as first:
            await first.until("live_edge")
            assert (await recorder.until("command")).WhichOneof("command") == "flush_interval"
            await recorder.send(2, [move(start + 200_000)])
            await recorder.ack(2)
            async with audit.view(session, follow=True) as second:
                await second.until("live_edge")
                while (await recorder.until("command")).WhichOneof("command") != "take_full_snapshot":
                    pass
