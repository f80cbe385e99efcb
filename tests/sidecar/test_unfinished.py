"""Unfinished messages and bodies count in bytes, in time and in fragments, and have one budget for the process."""

from __future__ import annotations

import asyncio
import os
import struct

import pytest
from support.wait import PATIENCE_S

from sidecar.streams.frame_meter import SMALL_FRAGMENT_BYTES
from sidecar.wire.held_bytes import HeldBytes
from tests.sidecar.conftest import WindowMessages, rigged
from tests.sidecar.test_bad_input import Raw

MIB = 1024**2


async def an_ordinary_one_goes_on(rig):
    recorder = WindowMessages()
    async with rig.socket("/ws/record", "record") as ws:
        await ws.send_bytes(recorder.start())
        await ws.receive_bytes(timeout=PATIENCE_S)
        await ws.send_bytes(recorder.chunk(1, 20_000))
        await ws.receive_bytes(timeout=PATIENCE_S)


async def test_sockets_with_unfinished_frames_share_a_budget(settings):
    async with rigged(settings, max_held_bytes=8 * MIB) as rig:
        sockets = [await Raw.connect(rig) for _ in range(6)]
        for raw in sockets:
            await raw.send(os.urandom(2 * MIB), length=4 * MIB)
            await raw.writer.drain()
        dropped = [asyncio.create_task(raw.closed()) for raw in sockets]
        await rig.until(lambda: rig.metric("excess_total", reason="no_room") >= 2)
        assert rig.metric("held_bytes") <= 8 * MIB
        await rig.until(lambda: sum(one.done() for one in dropped) >= 2)
        assert {one.result() for one in dropped if one.done()} == {(4429, "no_room")}
        await an_ordinary_one_goes_on(rig)
        for one in dropped:
            one.cancel()
        for raw in sockets:
            raw.writer.close()
        await rig.until(lambda: rig.metric("held_bytes") == 0)


@pytest.mark.parametrize("kind", ["bytes", "fragments"])
async def test_an_unfinished_message_has_its_time(settings, kind):
    async with rigged(settings, body_timeout_s=1, slow_timeout_s=1, pong_timeout_s=1) as rig:
        raw = await Raw.connect(rig)

        async def trickle():
            await raw.send(b"x", fin=False, length=1 if kind == "fragments" else 1000)
            while True:
                if kind == "fragments":
                    await raw.send(b"x", opcode=0, fin=False)
                else:
                    raw.writer.write(b"x")
                await asyncio.sleep(0.1)

        trickling = asyncio.create_task(trickle())
        assert await raw.closed() == (4429, "unfinished")
        trickling.cancel()
        await asyncio.gather(trickling, return_exceptions=True)
        await an_ordinary_one_goes_on(rig)


@pytest.mark.parametrize("size", [0, 1, 200])
async def test_small_fragments_count_as_messages(settings, size):
    async with rigged(settings, messages_per_s=20) as rig:
        raw = await Raw.connect(rig)
        await raw.send(b"x" * size, fin=False)
        head = bytes([0, 0x80 | size]) if size < 126 else bytes([0, 0x80 | 126]) + struct.pack("!H", size)
        frame = head + b"\0\0\0\0" + b"x" * size
        raw.writer.write(frame * 150)
        assert await raw.closed() == (4429, "fragments")
        await rig.until(lambda: rig.metric("excess_total", reason="fragments") == 1)
        await an_ordinary_one_goes_on(rig)


async def test_large_fragments_make_a_message(settings):
    recorder = WindowMessages()
    async with rigged(settings, messages_per_s=20) as rig:
        raw = await Raw.connect(rig)
        await raw.send(recorder.start())
        await raw.send(recorder.chunk(1))
        chunk = recorder.chunk(2, 3 * MIB)
        parts = [chunk[at : at + SMALL_FRAGMENT_BYTES] for at in range(0, len(chunk), SMALL_FRAGMENT_BYTES)]
        assert len(parts) > 300
        for number, part in enumerate(parts):
            await raw.send(part, opcode=0 if number else 2, fin=number == len(parts) - 1)
        await rig.until(lambda: rig.audit.requests == 3)
        await rig.until(lambda: rig.metric("held_bytes") == 0)
        assert not rig.metric("excess_total", reason="fragments")
        raw.writer.close()


async def test_bodies_share_the_budget(settings):
    async with rigged(settings, max_held_bytes=4 * MIB) as rig:
        head = (
            f"POST /record HTTP/1.1\r\nHost: 127.0.0.1:{rig.port}\r\nContent-Length: {4 * MIB}\r\n"
            f"Authorization: Bearer {rig.token('record')}\r\n\r\n"
        ).encode()
        connections = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(4)]
        for _, writer in connections:
            writer.write(head + os.urandom(3 * MIB // 2))
        answers = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _ in connections]
        await rig.until(lambda: sum(one.done() for one in answers) >= 2)
        assert rig.metric("held_bytes") <= 4 * MIB
        for one in answers:
            if one.done():
                assert b" 429 " in one.result()
                assert b"Retry-After" in one.result()
            one.cancel()
        assert rig.metric("refused_total", route="/record", reason="no_room") >= 2
        await an_ordinary_one_goes_on(rig)
        for _, writer in connections:
            writer.close()
        await rig.until(lambda: rig.metric("held_bytes") == 0)


def test_the_address_with_the_most_loses_its_largest():
    budget, ended = HeldBytes(100), []

    def holder(address, name, count):
        context = budget.holder(address)
        held = context.__enter__()
        held.on_excess = lambda: ended.append(name)
        held.add(count)
        return context, held

    small = [holder(f"visitor {number}", f"visitor {number}", 6) for number in range(10)]
    attacker = [holder("attacker", f"attacker {number}", 5 + number) for number in range(4)]
    assert (budget.total, ended) == (86, [])
    small[0][1].add(15)
    assert ended == ["attacker 3"]
    assert budget.total == 60 + 15 + 5 + 6 + 7
    attacker[3][1].add(50)
    assert budget.total == 93, "it counts no more"
    for context, _ in (*small, *attacker):
        context.__exit__(None, None, None)
    assert (budget.total, budget.dropped, budget._counts, budget._holders) == (0, 1, {}, {})


def test_without_a_limit_nothing_is_dropped():
    budget = HeldBytes(0)
    with budget.holder("a") as held:
        held.add(10**12)
        assert not held.is_dropped
