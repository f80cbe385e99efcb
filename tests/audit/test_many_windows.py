"""A session of 1,000 windows is listed, read and replayed like any other, within what clients accept."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from support.audit_server import full_snapshot, meta, new_session, start_of

COUNT = 1_000
DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024**2
"""Largest message that gRPC clients accept unless they are told otherwise."""


@pytest.mark.timeout(900)
async def test_a_session_of_a_thousand_windows(audit):
    session = new_session()
    start, places = start_of(session), asyncio.Semaphore(40)
    url = f"https://shop.example/{'a' * 1_900}"

    async def record(number):
        async with places:
            at = start + number
            await audit.record(session, [[meta(at, url), full_snapshot(at + 1)]], str(uuid4()))

    await asyncio.gather(*(record(number) for number in range(COUNT)))

    (listed,) = await audit.sessions()
    assert (listed.session_id, listed.window_count) == (session, COUNT)
    answer = await audit.session(session)
    assert len(answer.windows) == COUNT
    assert answer.ByteSize() < DEFAULT_MAX_MESSAGE_BYTES
    replay = await audit.replay(session)
    assert len({chunk.window_id for chunk in replay.chunks}) == len(replay.chunks) == COUNT
    assert len(replay.header.windows) == COUNT
    assert replay.header.ByteSize() < DEFAULT_MAX_MESSAGE_BYTES
    assert max(chunk.ByteSize() for chunk in replay.chunks) < DEFAULT_MAX_MESSAGE_BYTES
    one = replay.chunks[-1].window_id
    assert {chunk.window_id for chunk in (await audit.replay(session, window_id=one)).chunks} == {one}
