"""Live through sockets: notices to recorders about viewers, and the list of sessions across a reconnect."""

from __future__ import annotations

import asyncio
import gzip
import json
import time

from afterimage.audit.v1 import audit_service_pb2 as pb
from support.wait import PATIENCE_S

from tests.sidecar.conftest import WindowMessages
from tests.sidecar.processes import real

OLD_MS = 70_000  # a viewer joining a minute after the last full snapshot causes a new one


def later_chunk(seq):
    """Returns a chunk with one event, late enough that the full snapshot before it is old."""
    event = {"type": 5, "timestamp": round(time.time() * 1000) + OLD_MS, "data": {"tag": "later", "payload": {}}}
    request = pb.RecordSessionRequest()
    request.chunk.seq, request.chunk.encoding = seq, 2
    request.chunk.payload = gzip.compress(json.dumps([event]).encode(), 1)
    return request.SerializeToString()


async def answer(ws, kind):
    """Returns the recorder's next message of a kind."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            response = pb.RecordSessionResponse.FromString(await ws.receive_bytes())
            if response.HasField(kind):
                return getattr(response, kind)


async def recording(rig, ws, recorder):
    await ws.send_bytes(recorder.start())
    await ws.send_bytes(recorder.chunk(1))
    assert (await answer(ws, "ack")).through_seq == 1


async def test_a_recorder_hears_of_its_viewers(settings, tmp_path):
    recorder, heard = WindowMessages(), []
    async with real(settings, tmp_path) as rig, rig.socket("/ws/record", "record") as ws:
        await recording(rig, ws, recorder)
        await ws.send_bytes(later_chunk(2))
        assert (await answer(ws, "ack")).through_seq == 2
        async with rig.socket("/ws/replay", "view") as viewer:
            request = pb.ReplaySessionRequest(session_id=recorder.session_id, follow=True)
            await viewer.send_bytes(request.SerializeToString())
            heard += [await answer(ws, "command"), await answer(ws, "command")]
        heard.append(await answer(ws, "command"))
    assert [command.WhichOneof("command") for command in heard] == [
        "flush_interval",
        "take_full_snapshot",
        "flush_interval",
    ]
    faster, slower = heard[0].flush_interval.ToMilliseconds(), heard[2].flush_interval.ToMilliseconds()
    assert faster == settings.ingest.watched_flush_interval_s * 1000
    assert slower == settings.ingest.flush_interval_s * 1000


async def test_the_list_of_sessions_is_whole_again_after_a_reconnect(settings, tmp_path):
    stays, ends, comes = WindowMessages(), WindowMessages(), WindowMessages()
    live = set()

    async def watched(ws, until):
        """Applies the messages to the list until it is as wanted."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                change = pb.WatchSessionsResponse.FromString(await ws.receive_bytes())
                match change.WhichOneof("message"):
                    case "snapshot":
                        live.clear()
                        live.update(session.session_id for session in change.snapshot.sessions)
                    case "upsert":
                        live.add(change.upsert.session_id)
                    case "removal":
                        live.discard(change.removal.session_id)
                if live == until:
                    return

    async with (
        real(settings, tmp_path) as rig,
        rig.socket("/ws/record", "record") as one,
        rig.socket("/ws/record", "record") as two,
        rig.socket("/ws/record", "record") as three,
    ):
        async with rig.socket("/ws/sessions", "view") as ws:
            await ws.send_bytes(pb.WatchSessionsRequest().SerializeToString())
            await recording(rig, one, stays)
            await recording(rig, two, ends)
            await watched(ws, {stays.session_id, ends.session_id})
            ws._response.connection.transport.abort()
        await two.send_bytes(ends.end(1))
        assert (await two.receive()).data == 1000
        await recording(rig, three, comes)
        async with rig.socket("/ws/sessions", "view") as ws:
            await ws.send_bytes(pb.WatchSessionsRequest().SerializeToString())
            await watched(ws, {stays.session_id, comes.session_id})
            await three.send_bytes(comes.end(1))
            await watched(ws, {stays.session_id})
