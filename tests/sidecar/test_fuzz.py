"""Random frames by the thousand: no traceback, no leaked call, no socket that stays open, and a close code of ours."""

from __future__ import annotations

import asyncio
import random

import aiohttp
import hypothesis
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from hypothesis import HealthCheck, given, seed
from hypothesis import strategies as st
from support.wait import PATIENCE_S

from sidecar.wire import delimited, methods
from sidecar.wire.close_codes import CloseCode
from tests.sidecar.conftest import WindowMessages, rigged

FRAMES = 50  # of each example: 1,250 in all, 100,000 in a campaign

RECORDER = WindowMessages()
VALID = [
    RECORDER.start(),
    RECORDER.chunk(1),
    RECORDER.chunk(2),
    RECORDER.end(),
    pb.ReplaySessionRequest(session_id=RECORDER.session_id, follow=True).SerializeToString(),
    b"",
]


def mutated(source: random.Random, frame: bytes) -> bytes:
    data = bytearray(frame)
    for _ in range(source.randint(0, 3)):
        if not data:
            break
        at = source.randrange(len(data))
        data[at : at + source.randint(0, 2)] = source.randbytes(source.randint(0, 3))
    return bytes(data)


def frames_of(number: int):
    """Frames derived from one number: hypothesis chooses it, and Python quickly derives fifty frames from it."""
    source = random.Random(number)
    for _ in range(FRAMES):
        kind = source.random()
        if kind < 0.5:
            yield aiohttp.WSMsgType.BINARY, mutated(source, source.choice(VALID))
        elif kind < 0.7:
            yield aiohttp.WSMsgType.BINARY, source.randbytes(source.randint(0, 300))
        elif kind < 0.9:
            text = source.choice(['{"start":{}}', '{"chunk":{"seq":"1"}}', "{}", "[1]", '{"end":{}}', "\x00", "ü" * 9])
            yield aiohttp.WSMsgType.TEXT, mutated(source, text.encode()).decode(errors="replace").encode()
        elif kind < 0.97:
            yield aiohttp.WSMsgType.PING, source.randbytes(source.randint(0, 125))
        else:
            yield aiohttp.WSMsgType.BINARY, source.choice(VALID)


async def thrown(rig, number):
    """Sends the frames, over as many sockets as it takes; returns the close codes seen."""
    source, codes = random.Random(~number), set()
    frames = list(frames_of(number))
    while frames:
        path = source.choice(["/ws/record", "/ws/replay", "/ws/sessions"])
        json_frames = source.random() < 0.3
        async with rig.socket(
            path, "record", "view", json_frames=json_frames, timeout=aiohttp.ClientWSTimeout(ws_close=2)
        ) as ws:
            # At most ten before looking: a socket that was closed takes no more, and all frames have to be seen.
            for _ in range(source.randint(1, 10)):
                if not frames or ws.closed:
                    break
                opcode, payload = frames.pop()
                try:
                    await ws.send_frame(payload, opcode)
                except ConnectionError:
                    break
            try:
                async with asyncio.timeout(0.02):
                    async for _ in ws:
                        pass
            except TimeoutError:
                pass
            if source.random() < 0.3 and ws._response.connection:
                ws._response.connection.transport.abort()
        codes.add(ws.close_code)
    return codes


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_random_frames(settings, campaign_rounds):
    examples = campaign_rounds(25, 2_000)  # a socket that ends as it should is one of a thousand

    async def run():
        async with rigged(settings, upgrades_per_minute_per_address=0, upgrades_per_minute_per_subject=0) as rig:
            seen = set()

            @seed(20260)
            @hypothesis.settings(
                max_examples=examples, deadline=None, database=None, suppress_health_check=[*HealthCheck]
            )
            @given(st.integers(0, 2**64))
            def throw(number):
                # Hypothesis is not asynchronous: it runs in a thread, the sockets in this loop.
                seen.update(asyncio.run_coroutine_threadsafe(thrown(rig, number), loop).result(PATIENCE_S))

            loop = asyncio.get_running_loop()
            await asyncio.to_thread(throw)
            assert seen <= {int(code) for code in CloseCode} | {1006}
            assert 4400 in seen
            recorder = WindowMessages()
            async with rig.socket("/ws/record", "record") as ws:
                await ws.send_bytes(recorder.start())
                await ws.send_bytes(recorder.chunk(1))
                await ws.send_bytes(recorder.end(1))
                async for _ in ws:
                    pass
            assert ws.close_code == 1000, "the sidecar serves as before"
            for stream in methods.STREAMS:
                await rig.until(lambda path=stream.path: rig.metric("connections", route=path) == 0)
        # `rigged` has waited until the service had no call open any more, `logged` looks for tracebacks.

    asyncio.run(run())


@given(st.binary(max_size=300))
def test_delimited_never_fails_otherwise(data):
    try:
        messages = list(delimited.split(data))
    except ValueError:
        return
    assert sum(map(len, messages)) + len(messages) <= len(data)


@given(st.lists(st.binary(max_size=300)))
def test_delimited_there_and_back(messages):
    assert list(delimited.split(delimited.join(messages))) == messages
