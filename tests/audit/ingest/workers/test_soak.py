"""Hostile chunks with ever new long strings: a worker keeps none of them."""

from __future__ import annotations

import asyncio
import json
import os

import psutil
import pytest
from audit.ingest.workers.test_pool import AT_MS, BOUNDS, HEAD, children, pool

from services.audit.ingest.process_chunk import GZIP, SentChunk
from services.audit.payload import deflate
from services.audit.window_state import WindowState

MAX_GROWTH_BYTES = 9 * 1024**2
"""The strings of the fewest rounds have 18 MB; without a leak, one to seven come and go."""


def word(size: int) -> str:
    return os.urandom(size // 2).hex()


def hostile_chunk() -> SentChunk:
    """A chunk with 1.5 MB of strings that no other chunk has, wherever a result for a string may be cached."""
    fields = [
        {
            "type": 2,
            "tagName": "input",
            "attributes": {"type": word(8_000), "autocomplete": word(8_000), word(2_000): word(100)},
            "childNodes": [],
            "id": 2 + number,
        }
        for number in range(20)
    ]
    events = [
        {"type": 2, "data": {"node": {"type": 0, "childNodes": fields, "id": 1}}},
        {"type": 5, "data": {"tag": word(100), "payload": {word(10_000): {word(10_000): 1} for _ in range(20)}}},
        {"type": 5, "data": {"tag": "x", "payload": "&".join(f"{word(4_000)}=1" for _ in range(5))}},
        {"type": 5, "data": {"tag": "x", "payload": json.dumps({word(10_000): "x"})}},
        *({"type": 4, "data": {"href": f"https://example.org/{word(4_000)}?{word(500)}=1"}} for _ in range(40)),
        *({"type": 4, "data": {"href": f"https://example.org/{word(1_500)}"}} for _ in range(200)),
        {"type": 6, "data": {"plugin": word(10_000), "payload": {word(10_000): "x"}}},
        {
            "type": 6,
            "data": {
                "plugin": "rrweb/network@1",
                "payload": {"requests": [{"name": f"//{word(4_000)}", "requestHeaders": {word(4_000): "x"}}]},
            },
        },
    ]
    timed = [{**event, "timestamp": AT_MS + number} for number, event in enumerate(events)]
    return SentChunk(1, GZIP, deflate(json.dumps(timed).encode()), 0)


@pytest.mark.campaign
@pytest.mark.timeout(1_800)
async def test_the_memory_of_a_worker_is_flat(campaign_rounds):
    async with pool(1) as processes:
        [worker] = children()

        async def soak(rounds: int) -> int:
            for _ in range(rounds):
                chunk = await asyncio.to_thread(hostile_chunk)
                taken = await processes.process_chunk(HEAD, WindowState(), chunk, BOUNDS)
                assert taken.row.event_count > 240
            return psutil.Process(worker.pid).memory_info().rss

        before = await soak(5)
        after = await soak(campaign_rounds(12, 200))
        assert after - before < MAX_GROWTH_BYTES
        assert processes.deaths == 0
