"""Workers and the pages of windows: a window stays with its worker, and another one asks for its history."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import uuid

import pytest
from audit.behaviour_events import T0, change, click, document, element, meta, snapshot
from support.wait import PATIENCE_S

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.ingest.page_mirrors import NO_HISTORY, NO_PAGE, HistoryNeeded, PageHistory
from services.audit.ingest.process_chunk import IDENTITY, InlineProcessor, SentChunk
from services.audit.ingest.workers.pool import workers
from services.audit.ingest.workers.protocol import WorkerSetup
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import Bounds
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.window_state import WindowState, read_state
from services.runtime.log import LogOptions

KEY = b"k" * 32
POLICY = load_policy({}, None, "test")
BOUNDS = Bounds(2**26, 2**26, 0)
RULES = BehaviourRules()
PAGE = document(element(6, "body", element(10, "button", {"type": 3, "textContent": "Export", "id": 11}, id="export")))


def sent(seq: int, *events: dict) -> SentChunk:
    return SentChunk(seq, IDENTITY, json.dumps(events).encode(), 0)


FIRST = sent(1, meta(0), snapshot(10, PAGE))


def a_click(seq: int) -> SentChunk:
    return sent(seq, click(5_000 * seq, node=11))


def words(seq: int, value: str) -> SentChunk:
    texts = [{"id": 11, "value": value}]
    return sent(seq, change(5_000 * seq, 0, adds=[], removes=[], texts=texts, attributes=[]))


def window() -> WindowHead:
    return WindowHead(WindowKey("demo", uuid.UUID(int=T0 << 80), uuid.uuid4()), dt.date(2026, 1, 1))


def pool(count: int):
    masker = Masker(POLICY, KEY)
    return workers(
        count,
        InlineProcessor(lambda _: masker, RULES, 2**20),
        lambda: WorkerSetup({"demo": (POLICY, KEY)}, RULES, LogOptions(), 4_000, page_memory_bytes=2**20),
    )


async def ready(pool, count: int) -> None:
    await pool.process_chunk(window(), WindowState(), FIRST, BOUNDS)
    async with asyncio.timeout(PATIENCE_S):
        while pool.ready_count < count:  # noqa: ASYNC110 - processes set no events
            await asyncio.sleep(0.01)


def name(done) -> str:
    return read_state(done.row.state).behaviour.clicks.last.target.name


async def test_a_window_stays_with_the_worker_that_has_its_page():
    async with pool(2) as running:
        await ready(running, 2)
        heads = [window() for _ in range(6)]
        states = [
            (await running.process_chunk(head, WindowState(), FIRST, BOUNDS, history=None)).state for head in heads
        ]
        for seq in range(2, 8):
            done = [
                await running.process_chunk(head, state, a_click(seq), BOUNDS, history=None)
                for head, state in zip(heads, states, strict=True)
            ]
            assert [name(one) for one in done] == ["Export"] * 6
            states = [one.state for one in done]


async def test_a_worker_without_the_page_asks_for_the_history():
    async with pool(1) as running:
        await ready(running, 1)
        head = window()
        first = await running.process_chunk(head, WindowState(), FIRST, BOUNDS, history=None)
        second = await running.process_chunk(head, first.state, words(2, "Saved"), BOUNDS, history=None)
        running._links[0].process.kill()
        async with asyncio.timeout(PATIENCE_S):
            while running.deaths < 1 or running.ready_count < 1:  # noqa: ASYNC110 - processes set no events
                await asyncio.sleep(0.01)
        with pytest.raises(HistoryNeeded) as needed:
            await running.process_chunk(head, second.state, a_click(3), BOUNDS, history=None)
        assert needed.value.after == NO_PAGE
        history = PageHistory(NO_PAGE, (first.row.payload, second.row.payload))
        third = await running.process_chunk(head, second.state, a_click(3), BOUNDS, history=history)
        assert name(third) == "Saved"
        fourth = await running.process_chunk(head, third.state, a_click(4), BOUNDS, history=None)
        assert name(fourth) == "Saved"


async def test_a_changed_policy_makes_workers_forget_pages():
    async with pool(1) as running:
        await ready(running, 1)
        head = window()
        first = await running.process_chunk(head, WindowState(), FIRST, BOUNDS, history=None)
        running.policies_changed()
        with pytest.raises(HistoryNeeded):
            await running.process_chunk(head, first.state, a_click(2), BOUNDS, history=None)
        done = await running.process_chunk(head, first.state, a_click(2), BOUNDS, history=NO_HISTORY)
        assert done.unnamed == {"no_history": 1}
