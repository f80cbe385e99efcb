"""Faulty and hostile peers: each gets the documented code, memory stays bounded, other peers continue."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import struct
import time
from functools import partial

import aiohttp
import psutil
import pytest
from support.wait import PATIENCE_S

from services.runtime.rpc.scopes import AUDIT
from sidecar.streams.connection import BrowserConnection
from tests.sidecar.conftest import WindowMessages, rigged

GET_SESSION = f"/{AUDIT}/GetSession"


async def closed(ws, within_s=PATIENCE_S):
    """Returns the close code and word."""
    async with asyncio.timeout(within_s):
        while True:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.CLOSE:
                return message.data, message.extra
            if message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}:
                return ws.close_code, ""


class Raw:
    """A WebSocket client without manners: every byte is the test's own."""

    @classmethod
    async def connect(cls, rig, path="/ws/record", scope="record", protocol="afterimage.v1", early=b""):
        self = cls()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", rig.port)
        head = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{rig.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\n"
            f"Sec-WebSocket-Protocol: {protocol}, bearer.{rig.token(scope)}\r\n\r\n"
        )
        self.writer.write(head.encode() + early)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        return self

    async def send(self, payload, opcode=2, *, fin=True, length=None):
        """Sends one masked frame; `length` is a false size."""
        size = len(payload) if length is None else length
        first = bytes([(0x80 if fin else 0) | opcode])
        if size < 126:
            head = first + bytes([0x80 | size])
        elif size < 65536:
            head = first + b"\xfe" + struct.pack("!H", size)
        else:
            head = first + b"\xff" + struct.pack("!Q", size)
        self.writer.write(head + b"\0\0\0\0" + payload)
        await self.writer.drain()

    async def closed(self, within_s=PATIENCE_S):
        """Returns the close code and word; None: the connection ended without."""
        async with asyncio.timeout(within_s):
            while True:
                try:
                    first, size = await self.reader.readexactly(2)
                    if size == 126:
                        (size,) = struct.unpack("!H", await self.reader.readexactly(2))
                    elif size == 127:
                        (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
                    payload = await self.reader.readexactly(size)
                except (asyncio.IncompleteReadError, ConnectionError):
                    return None
                if first & 0xF == 8:
                    self.writer.close()
                    return struct.unpack("!H", payload[:2])[0], payload[2:].decode()


@pytest.mark.parametrize("path", ["/ws/record", "/ws/replay", "/ws/sessions"])
@pytest.mark.parametrize("frame", [b"\xff\xff\xff", b"\x0a\x05ab", b"<html>", b"\x0a\x04\x0a\x02\xff\xfe"])
async def test_frames_that_are_not_protobuf(rig, path, frame):
    async with rig.socket(path, "record" if path == "/ws/record" else "view") as ws:
        await ws.send_bytes(frame)
        assert await closed(ws) == (4400, "bad_message")
    assert rig.audit.requests == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        '"start"',
        "1",
        '{"start": 1}',
        '{"unknown": {}}',
        '{"start": {"sessionId": 5}}',
        '{"chunk": {"seq": "x"}}',
        '{"chunk": {"seq": 99999999999999999999}}',
        '{"start": {}, "end": {}}',
        '{"start": {"clientTime": "yesterday"}}',
        '{"start": {"tags": [1]}}',
        "[" * 100_000,
        '{"start":' * 5_000,
        '{"start": {"sessionId": "\\ud800"}}',
    ],
)
async def test_json_that_does_not_fit(rig, text):
    async with rig.socket("/ws/record", "record", json_frames=True) as ws:
        await ws.send_str(text)
        assert await closed(ws) == (4400, "bad_json")
    assert rig.audit.requests == 0


async def test_the_wrong_kind_of_frame(rig):
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_str("{}")
        assert await closed(ws) == (4400, "text_frame")
    async with rig.socket("/ws/record", "record", json_frames=True) as ws:
        await ws.send_bytes(b"")
        assert await closed(ws) == (4400, "binary_frame")


@pytest.mark.parametrize("scope_path", [("view", "/ws/replay"), ("view", "/ws/sessions")])
async def test_a_second_frame_where_one_is_the_request(rig, scope_path):
    scope, path = scope_path
    async with rig.socket(path, scope) as ws:
        await ws.send_bytes(b"")
        await ws.send_bytes(b"")
        code, word = await closed(ws)
        assert (code, word) in {(4400, "extra_frame"), (4404, "not_found")}


async def test_data_before_start(rig):
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(WindowMessages().chunk(1))
        assert await closed(ws) == (4400, "start_missing")
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(b"")
        assert await closed(ws) == (4400, "start_missing")


async def test_a_newer_recorder_of_the_window_takes_over(rig):
    recorder = WindowMessages()
    async with rig.socket("/ws/record", "record") as old, rig.socket("/ws/record", "record") as new:
        for ws in (old, new):
            await ws.send_bytes(recorder.start())
            await ws.receive_bytes()
        await old.send_bytes(recorder.chunk(1))
        assert await closed(old) == (4409, "superseded")
        await new.send_bytes(recorder.chunk(1))
        await new.receive_bytes()


async def test_oversized_frames(settings):
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"max_chunk_bytes": 200_000})})
    limit = 200_000 + 64 * 1024
    async with rigged(settings) as rig:
        recorder = WindowMessages()
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(recorder.start())
            await ws.receive_bytes()
            fits = recorder.chunk(1) + b"\x7a" + varint(limit)
            await ws.send_bytes((fits + bytes(limit))[: limit - 10])  # an unknown field, truncated, of maximum length
            assert await closed(ws) == (4400, "bad_message")
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(bytes(limit + 1))
            assert await closed(ws) == (4413, "too_large")
        async with rig.socket("/ws/sessions", "view") as ws:
            await ws.send_bytes(bytes(1024**2 + 1))
            assert await closed(ws) == (4413, "too_large")
        # Refused by the header alone: the announced bytes need not arrive.
        for announced in (limit + 1, 2**31, 2**62):
            raw = await Raw.connect(rig)
            await raw.send(b"x", length=announced)
            assert await raw.closed() == (4413, "too_large")


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


async def test_fragments_are_bounded_together(settings):
    settings = settings.model_copy(update={"ingest": settings.ingest.model_copy(update={"max_chunk_bytes": 100_000})})
    async with rigged(settings) as rig:
        raw = await Raw.connect(rig)
        await raw.send(b"x" * 1000, fin=False)
        for _ in range(200):
            await raw.send(b"x" * 1000, opcode=0, fin=False)
        assert await raw.closed() == (4413, "too_large")


async def test_fragments_make_a_message(rig):
    recorder = WindowMessages()
    raw = await Raw.connect(rig)
    start = recorder.start()
    await raw.send(start[:10], fin=False)
    await raw.send(b"ping", opcode=9)
    await raw.send(start[10:], opcode=0)
    await rig.until(lambda: rig.audit.requests == 1)
    raw.writer.close()


@pytest.mark.parametrize(
    ("opcode", "payload", "fin", "word"),
    [
        (1, b"\xff\xfe", True, "bad_utf8"),
        (3, b"", True, "bad_frame"),
        (0, b"x", True, "bad_frame"),
        (9, b"x" * 126, True, "bad_frame"),
        (9, b"", False, "bad_frame"),
        (8, b"\x00", True, "bad_frame"),
        (8, b"\x03\xed", True, "bad_frame"),
        (0x42, b"", True, "bad_frame"),
    ],
)
async def test_frames_that_break_the_protocol(rig, opcode, payload, fin, word):
    raw = await Raw.connect(rig, protocol="afterimage.v1+json")
    await raw.send(payload, opcode=opcode, fin=fin)
    assert await raw.closed() == (4400, word)


async def test_subprotocols_nobody_knows(rig):
    for protocols in ((), ("mqtt",), ("afterimage.v2", f"bearer.{rig.token('record')}")):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await rig.http.ws_connect(f"{rig.url}/ws/record", protocols=protocols)
        assert caught.value.status == 400


async def test_a_flood(settings):
    # Five frames at once, and so few later that no delay lets the flood through.
    async with rigged(settings, messages_per_s=1, bytes_per_s=0) as rig, rig.socket("/ws/record", "record") as calm:
        recorder = WindowMessages()
        await calm.send_bytes(recorder.start())
        await calm.receive_bytes()
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(WindowMessages().start())
            for _ in range(200):
                await ws.ping()
            assert await closed(ws) == (4429, "rate_limited")
        await calm.send_bytes(recorder.chunk(1))
        await calm.receive_bytes()
        await rig.until(lambda: rig.metric("closed_total", route="/ws/record", code="4429") == 1)


async def test_too_many_bytes(settings):
    # The largest frame's bytes at once, and so few later that it does not matter how long the sending takes.
    async with rigged(settings, messages_per_s=0, bytes_per_s=1000) as rig:
        recorder = WindowMessages()
        chunks = [recorder.chunk(seq, 1_000_000) for seq in range(1, 20)]
        async with rig.socket("/ws/record", "record") as ws:
            await ws.send_bytes(recorder.start())
            # One after the other: chunks that have come but are not passed on when the limit is exceeded are given up.
            for number, chunk in enumerate(chunks[:3], 2):
                await ws.send_bytes(chunk)
                await rig.until(lambda number=number: rig.audit.requests == number)
            for chunk in chunks[3:]:
                try:
                    await ws.send_bytes(chunk)
                except ConnectionError:
                    break
            assert await closed(ws) == (4429, "rate_limited")
        assert rig.audit.requests <= 12


async def test_a_client_that_never_reads(settings):
    """It is closed as slow, its queue is bounded, and other clients get their messages meanwhile."""
    async with rigged(settings, slow_timeout_s=0.5, ping_interval_s=60) as rig:
        rig.audit.answer_bytes = 100_000
        process = psutil.Process()
        # With a small window, so that the kernel's buffers do not hide it.
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.connect(("127.0.0.1", rig.port))
        plain.setblocking(False)
        before = process.memory_info().rss
        async with rig.socket("/ws/sessions", "view") as reading:
            loop = asyncio.get_running_loop()
            head = (
                f"GET /ws/sessions HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Sec-WebSocket-Protocol: afterimage.v1, bearer.{rig.token('view')}\r\n\r\n"
            )
            await loop.sock_sendall(plain, head.encode() + b"\x82\x80\0\0\0\0")
            await reading.send_bytes(b"")
            deadline = time.monotonic() + PATIENCE_S
            count = 0
            while time.monotonic() < deadline and not rig.metric("closed_total", route="/ws/sessions", code="4429"):
                await reading.receive_bytes()
                count += 1
        assert rig.metric("closed_total", route="/ws/sessions", code="4429") == 1
        assert count > 20
        assert process.memory_info().rss - before < 64 * 1024**2
        plain.close()


async def test_a_service_that_does_not_read_stops_the_peer(settings):
    """Backpressure: the bytes a recorder can push into a hanging service are bounded, and it stays connected."""
    limits = {"messages_per_s": 0, "bytes_per_s": 0, "ping_interval_s": 0.2, "pong_timeout_s": 0.2}
    async with rigged(settings, **limits) as rig:
        recorder = WindowMessages()
        rig.audit.accept.clear()
        async with rig.socket("/ws/record", "record", autoping=True) as ws:
            first = asyncio.create_task(ws.receive_bytes())  # a client that reads answers pings
            await ws.send_bytes(recorder.start())
            recorder.chunk(1)
            chunk = recorder.chunk(2, 500_000)
            sent = 0

            async def send():
                nonlocal sent
                for _ in range(400):
                    await ws.send_bytes(chunk)
                    sent += 1

            sending = asyncio.create_task(send())
            before, rounds = 0, 0
            while rounds < 20 and not sending.done():  # it is stuck in all turns of this loop, however long they take
                await asyncio.sleep(0.05)
                before, rounds = sent, rounds + 1 if sent == before else 0
            # Buffers of the kernel and windows of HTTP/2, which grow with the delay, hold some 30 MB of 100.
            assert sent < 200
            await asyncio.sleep(1.0)  # several pings' time
            assert not ws.closed
            assert rig.metric("connections", route="/ws/record") == 1
            rig.audit.accept.set()
            await first
            await ws.receive_bytes()
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            ws._response.connection.transport.abort()


async def test_half_open_tcp_is_dropped(settings):

    async def read(ws):
        async for _ in ws:
            pass

    async with (
        rigged(settings, ping_interval_s=0.3, pong_timeout_s=0.3) as rig,
        rig.socket("/ws/sessions", "view") as alive,
    ):
        reading = asyncio.create_task(read(alive))  # answers pings, from the start
        await alive.send_bytes(b"")
        await rig.until(lambda: rig.audit.open_calls == 1)
        async with rig.socket("/ws/sessions", "view", autoping=False) as dead:
            await dead.send_bytes(b"")
            dropped = partial(rig.metric, "closed_total", route="/ws/sessions", code="1006")
            await rig.until(lambda: rig.audit.open_calls == 2 or dropped())
            await rig.until(lambda: dropped() == 1)
            await asyncio.sleep(1.0)
            assert rig.metric("connections", route="/ws/sessions") == 1
            assert not reading.done()
            await rig.until(lambda: rig.audit.open_calls == 1)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_pause_of_the_sidecar_is_not_held_against_its_peers(settings, monkeypatch):
    send_ping, pauses = BrowserConnection.ping, 0

    async def ping(self, *args):
        nonlocal pauses
        await send_ping(self, *args)
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)  # before the answer to the ping is read
        pauses += 1

    monkeypatch.setattr(BrowserConnection, "ping", ping)
    async with (
        rigged(settings, ping_interval_s=0.2, pong_timeout_s=0.2) as rig,
        rig.socket("/ws/sessions", "view") as ws,
    ):
        await ws.send_bytes(b"")
        await ws.receive_bytes()
        reading = asyncio.create_task(ws.receive())
        await rig.until(lambda: pauses == 3 or reading.done())
        await asyncio.sleep(0)
        assert not reading.done()
        assert rig.metric("connections", route="/ws/sessions") == 1
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_slow_headers(settings):
    async with rigged(settings, headers_timeout_s=0.5) as rig:
        slow = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(50)]
        for _, writer in slow:
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")

        async def trickle():
            while True:
                await asyncio.sleep(0.1)
                for _, writer in slow:
                    writer.write(b"X-A: b\r\n")

        task = asyncio.create_task(trickle())
        # It has sent all before it is accepted: a pause of this process does not make it slow.
        with socket.create_connection(("127.0.0.1", rig.port)) as quick:
            quick.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            reader, writer = await asyncio.open_connection(sock=quick)
            assert (await reader.readline()).split()[1] == b"200"
            writer.close()
        async with asyncio.timeout(PATIENCE_S):
            for reader, writer in slow:
                assert await read_to_end(reader) == b""
                writer.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def read_to_end(reader):
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def test_a_slow_body(settings):
    async with rigged(settings, body_timeout_s=0.4) as rig:

        async def trickle():
            for _ in range(100):
                yield b"{"
                await asyncio.sleep(0.1)

        status, _, body = await rig.post(
            GET_SESSION, scopes=["view"], headers={"Content-Type": "application/json"}, data=trickle()
        )
        assert (status, json.loads(body)["details"][0]["debug"]["reason"]) == (400, "BODY_INCOMPLETE")


async def test_huge_headers_and_no_http_at_all(rig):
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", rig.port)
    writer.write(os.urandom(1000) + b"\r\n\r\n")
    assert b" 400 " in await reader.readline()
    writer.close()


@pytest.mark.campaign
async def test_attempts_by_the_thousand_from_one_address(settings, campaign_rounds):
    """All but the first three hundred are refused with 429 and the time to wait, and another address is served."""
    rounds = campaign_rounds(50, 500)
    async with rigged(settings, trusted_proxies=["127.0.0.0/8"]) as rig:

        async def attempt(address):
            headers = {"X-Forwarded-For": address, "Upgrade": "websocket", "Sec-WebSocket-Protocol": "afterimage.v1"}
            async with rig.http.get(f"{rig.url}/ws/record", headers=headers) as response:
                return response.status, response.headers.get("Retry-After")

        async def attempts(count):
            return [await attempt("203.0.113.7") for _ in range(count)]

        began = time.monotonic()
        answers = [answer for some in await asyncio.gather(*(attempts(rounds) for _ in range(20))) for answer in some]
        statuses = [status for status, _ in answers]
        # The allowance, and its growth in the meantime: five per second.
        assert 300 <= statuses.count(401) <= 310 + 5 * (time.monotonic() - began)
        assert statuses.count(401) + statuses.count(429) == 20 * rounds
        assert all(1 <= int(after) <= 60 for status, after in answers if status == 429)
        assert (await attempt("203.0.113.8"))[0] == 401
        assert rig.metric("refused_total", route="/ws/record", reason="rate_limited") == statuses.count(429)


async def test_open_connections_are_limited(settings):
    async with rigged(settings, max_connections_per_subject=2, max_connections=4) as rig:

        async def refused(**who):
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await rig.socket("/ws/sessions", token=rig.token("view", **who))
            assert (caught.value.status, caught.value.headers["Retry-After"]) == (429, "5")

        one = [await rig.socket("/ws/sessions", "view") for _ in range(2)]
        await refused()
        more = [await rig.socket("/ws/sessions", token=rig.token("view", subject="other")) for _ in range(2)]
        await refused(subject="third")
        await one[0].close()
        await rig.until(lambda: rig.metric("connections", route="/ws/sessions") == 3)
        again = await rig.socket("/ws/sessions", "view")
        for ws in (one[1], *more, again):
            await ws.close()
        assert rig.metric("refused_total", route="/ws/sessions", reason="too_many_connections") == 2


async def send_all(socket, messages):
    for message in messages:
        await socket.send_bytes(message)


async def test_stopping_sends_everybody_elsewhere_and_stores_what_was_sent(settings):
    recorder = WindowMessages()
    async with aiohttp.ClientSession() as http:
        async with rigged(settings, drain_timeout_s=PATIENCE_S, stop_timeout_s=PATIENCE_S) as rig:
            rig.http, own = http, rig.http
            recording = await rig.socket("/ws/record", "record")
            watching = await rig.socket("/ws/sessions", "view")
            idle = await rig.socket("/ws/replay", "view")
            rig.http = own
            await recording.send_bytes(recorder.start())
            await recording.receive_bytes()
            await watching.send_bytes(b"")
            await watching.receive_bytes()
            audit = rig.audit
            audit.accept.clear()
            await recording.send_bytes(recorder.chunk(1))
            await rig.until(lambda: audit.requests == 2)  # the service has it, and stores it while the sidecar stops
            # It reads these after it has stored the first: until then, the sidecar cannot send all of them.
            sending = asyncio.create_task(send_all(recording, [recorder.chunk(seq, 1_000_000) for seq in range(2, 40)]))

            def taken():
                return rig.metric("messages_total", route="/ws/record", direction="in")

            now, before = taken(), -1
            while now != before:
                await asyncio.sleep(0.2)
                now, before = taken(), now

            async def closing():
                others = [await closed(ws) for ws in (watching, idle)]
                assert not any(audit.chunks.values())
                audit.accept.set()
                return [await closed(recording), *others]

            task = asyncio.create_task(closing())
        assert await task == [(1001, "going_away")] * 3
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    assert 2 < taken() < 40
    assert len(next(iter(audit.chunks.values()))) == taken() - 1  # without the message of the start
