"""Processing of chunks: stored rows of a recording in which only some events are decoded for masking."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import uuid
from functools import cache

import pytest
from audit.canaries import Canary, has_page, leaks, plant
from support import recordings

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.ingest import process_chunk as process_chunk_module
from services.audit.ingest.process_chunk import GZIP, IDENTITY, SentChunk, process_chunk
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import BadPayload, Bounds, Fault, deflate
from services.audit.privacy.masking.masker import Masker
from services.audit.privacy.policy.parser import load_policy
from services.audit.window_state import WindowState

KEY = b"k" * 32
BOUNDS = Bounds(2**26, 2**26, 0)
HEAD = WindowHead(WindowKey("demo", uuid.uuid4(), uuid.uuid4()), kept_from=dt.date(2026, 1, 1))


@cache
def masker(preset: str = "default", *, opens_all: bool = False) -> Masker:
    return Masker(load_policy({"preset": preset}, None, "test"), KEY, opens_all=opens_all)


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
def test_rows_are_the_same_as_if_every_event_were_opened_and_hold_no_canary(path):
    """Canaries are planted in some recordings, and the large ones are shortened; with --campaign all, unabridged."""
    events = recordings.shortened(path)
    canaries: list[Canary] = []
    if path in recordings.varied() and has_page(events):  # others are compared unchanged
        events, canaries = plant(events)
    fast = slow = WindowState()
    for begin in range(0, len(events), 50):
        sent = SentChunk(1, IDENTITY, json.dumps(events[begin : begin + 50]).encode(), 0)
        one = process_chunk(HEAD, fast, sent, BOUNDS, masker(), BehaviourRules())
        two = process_chunk(HEAD, slow, sent, BOUNDS, masker(opens_all=True), BehaviourRules())
        assert one == two
        stored = gzip.decompress(one.row.payload) + one.row.state + repr(one.row).encode()
        assert leaks(stored, canaries) == []
        fast, slow = one.state, two.state


def test_a_payload_in_which_nothing_is_masked_is_stored_as_it_was_sent():
    text = b'[{"type":3,"data":{"source":3,"id":1,"x":0,"y":1},"timestamp":1790000000000}]'
    payload = gzip.compress(text, 9)
    assert (
        process_chunk(HEAD, WindowState(), SentChunk(1, GZIP, payload, 1), BOUNDS, masker(), None).row.payload
        == payload
    )
    assert process_chunk(
        HEAD, WindowState(), SentChunk(1, IDENTITY, text, 1), BOUNDS, masker("keep_all"), None
    ).row.payload == deflate(text)


@pytest.mark.parametrize("kind", ["meta", "url"])
def test_page_changes_are_limited_before_their_urls_are_read(monkeypatch, kind):
    """50,000 of them, with paths of 300 segments, took 45 s of processor time."""

    def page(number):
        href = f"https://shop.example/{number}" + "/x1" * 300
        if kind == "meta":
            return {"type": 4, "timestamp": 1_790_000_000_000 + number, "data": {"href": href, "width": 1, "height": 1}}
        data = {"tag": "afterimage.url", "payload": {"href": href}}
        return {"type": 5, "timestamp": 1_790_000_000_000 + number, "data": data}

    def sent(count):
        return SentChunk(1, GZIP, deflate(json.dumps([page(number) for number in range(count)]).encode()), 0)

    monkeypatch.setattr(process_chunk_module, "MAX_PAGE_CHANGES", 20)
    arguments = (HEAD, WindowState())
    process_chunk(*arguments, sent(20), BOUNDS, masker(), BehaviourRules())
    monkeypatch.setattr(process_chunk_module, "find", None)
    with pytest.raises(BadPayload, match="21 page changes, more than 20; send smaller chunks") as refused:
        process_chunk(*arguments, sent(21), BOUNDS, masker(), BehaviourRules())
    assert refused.value.fault is Fault.TOO_LARGE
