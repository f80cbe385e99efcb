"""Dropped viewers and a killed AuditService: every viewer gets every chunk exactly once."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import signal
import time

import aiohttp
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.wait import PATIENCE_S

from tests.sidecar.conftest import WindowMessages
from tests.sidecar.processes import real

FAST = {"upgrades_per_minute_per_address": 0, "upgrades_per_minute_per_subject": 0}
RECONNECT = {1001, 1006, 4401, 4429, 4500, 4503}


class ReconnectingPeer:
    """Client behaviour by docs/websocket.md: reconnect after these codes, with backoff and full jitter."""

    def __init__(self, rig, seed):
        self.rig = rig
        self.random = random.Random(seed)
        self.connections = 0
        self.codes = []

    async def backoff(self):
        await asyncio.sleep(self.random.uniform(0.05, 0.4))

    async def run(self):
        while True:
            self.connections += 1
            try:
                if await self.connected():
                    return
            except (aiohttp.ClientError, ConnectionError):
                pass
            await self.backoff()


class LiveRecorder(ReconnectingPeer):
    """Records a number of chunks, one every few milliseconds, and keeps unacknowledged ones; None: until `finish`."""

    def __init__(self, rig, seed, chunks, pause_s):
        super().__init__(rig, seed)
        self.recorder = WindowMessages()
        self.chunks, self.pause_s = chunks, pause_s
        self.acked = 0
        self.resumed_behind_ack = 0

    async def connected(self):
        async with self.rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(self.recorder.start())
            message = await ws.receive(PATIENCE_S)
            if message.type is not aiohttp.WSMsgType.BINARY:
                return self.closed(ws)
            seq = pb.RecordSessionResponse.FromString(message.data).ready.next_seq
            self.resumed_behind_ack += seq <= self.acked
            reading = asyncio.create_task(self.acks(ws))
            try:
                while (self.chunks is None or seq <= self.chunks) and not reading.done():
                    await ws.send_bytes(self.recorder.chunk(seq))
                    seq += 1
                    await asyncio.sleep(self.pause_s)
                if not reading.done():
                    await ws.send_bytes(self.recorder.end(self.chunks))
            except ConnectionError:
                pass
            await reading
            return self.closed(ws)

    def finish(self):
        """Ends the recording after the last sent chunk."""
        self.chunks = len(self.recorder.events)

    def closed(self, ws):
        self.codes.append(ws.close_code)
        assert ws.close_code == 1000 or ws.close_code in RECONNECT, ws.close_code
        return ws.close_code == 1000 and self.acked == self.chunks

    async def acks(self, ws):
        async for message in ws:
            self.acked = max(self.acked, pb.RecordSessionResponse.FromString(message.data).ack.through_seq)


class DroppingViewer(ReconnectingPeer):
    """Follows a session; drops its own connection at random and resumes from its cursor."""

    def __init__(self, rig, seed, recorder, drops):
        super().__init__(rig, seed)
        self.recorder, self.drops = recorder, drops
        self.seq = 0
        self.events = []
        self.story = []

    async def connected(self):
        request = pb.ReplaySessionRequest(session_id=self.recorder.session_id, follow=True)
        request.cursor.positions.add(window_id=self.recorder.window_id, seq=self.seq)
        async with self.rig.socket("/ws/replay", "view") as ws:
            await ws.send_bytes(request.SerializeToString())
            while (message := await ws.receive()).type is aiohttp.WSMsgType.BINARY:
                response = pb.ReplaySessionResponse.FromString(message.data)
                chunk = response.chunk
                if not chunk.seq:
                    self.story.append((response.WhichOneof("message"), self.seq))
                    continue
                self.events += json.loads(gzip.decompress(chunk.payload))
                self.seq = chunk.seq
                if self.drops and self.random.random() < 0.05:
                    self.drops -= 1
                    if self.random.random() < 0.5:
                        ws._response.connection.transport.abort()
                    return False
            # Without a close frame aiohttp reports 1000, too, for any cause.
            self.story.append((message.type.name, message.data))
            return message.type is aiohttp.WSMsgType.CLOSE and message.data == 1000


async def test_viewers_that_drop_and_come_back(settings, tmp_path):
    async with real(settings, tmp_path, **FAST) as rig:
        recorder = LiveRecorder(rig, 1, chunks=150, pause_s=0.02)
        viewers = [DroppingViewer(rig, seed, recorder.recorder, drops=3 if seed % 10 < 3 else 0) for seed in range(20)]
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            tasks.create_task(recorder.run())
            while recorder.acked < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for viewer in viewers:
                tasks.create_task(viewer.run())
        assert recorder.acked == 150
        for viewer in viewers:
            assert viewer.events == recorder.recorder.events, viewer.story
        assert sum(viewer.connections > 1 for viewer in viewers) >= 6
        assert rig.metric("ack_lag_seconds_count") == 150


@pytest.mark.chaos
@pytest.mark.campaign
@pytest.mark.timeout(900)
async def test_audit_is_killed_under_load(settings, tmp_path, campaign_rounds):
    kills = campaign_rounds(1, 5)
    async with real(settings, tmp_path, **FAST) as rig:
        recorders = [LiveRecorder(rig, seed, chunks=None, pause_s=0.03) for seed in range(10)]

        async def recorded(count):
            wanted = [recorder.acked + count for recorder in recorders]
            await rig.until(lambda: all(one.acked >= some for one, some in zip(recorders, wanted, strict=True)))

        async with asyncio.timeout(PATIENCE_S * (kills + 1)), asyncio.TaskGroup() as tasks:
            for recorder in recorders:
                tasks.create_task(recorder.run())
            for _ in range(kills):
                await recorded(50)
                before = [len(recorder.codes) for recorder in recorders]
                await rig.process.stop(signal.SIGKILL)
                # All clients are turned away before it is back.
                await rig.until(
                    lambda before=before: all(
                        4503 in one.codes[some:] for one, some in zip(recorders, before, strict=True)
                    )
                )
                await rig.process.start()
            await recorded(30)
            for recorder in recorders:
                recorder.finish()
        for recorder in recorders:
            assert recorder.acked == recorder.chunks
            assert recorder.resumed_behind_ack == 0
            assert recorder.connections > 1
            assert 4503 in recorder.codes
            viewer = DroppingViewer(rig, 0, recorder.recorder, drops=0)
            await viewer.run()
            assert viewer.events == recorder.recorder.events


@pytest.mark.chaos
async def test_after_a_restart_the_sidecar_is_back_in_two_seconds(settings, tmp_path):
    async with real(settings, tmp_path, **FAST) as rig:
        await rig.process.stop(signal.SIGKILL)
        async with rig.http.get(f"{rig.url}/readyz") as response:
            assert response.status == 503
        await asyncio.sleep(5)  # long enough for gRPC's backoff to have grown
        await rig.process.start()
        started = time.monotonic()
        while True:
            async with rig.http.get(f"{rig.url}/readyz") as response:
                if response.status == 200:
                    break
            await asyncio.sleep(0.05)
        assert time.monotonic() - started < 20  # gRPC's own backoff goes up to two minutes
