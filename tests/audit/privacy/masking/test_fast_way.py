"""The fast way through a chunk, which opens few events and judges few strings, against opening and judging all."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from typing import Any

import msgspec
import pytest
from audit.canaries import has_page, leaks, plant, value_of
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.audit.payload import decode
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy
from services.audit.rrweb import NOTHING, Event

KEY = b"k" * 32
POLICIES: dict[str, dict[str, Any]] = {
    "default": {},
    "strict": {"preset": "strict"},
    "own": {
        "selectors": {"mask": [".secret", "blockquote"], "block": ["#card"], "unmask": ["[data-open]"]},
        "inputs": "patterns",
        "custom": {"order": {"pattern": r"ORD-\d{4}", "method": "hash"}},
    },
}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@cache
def pair(policy: str) -> tuple[Masker, Masker]:
    """Returns a masker that opens few events, and one that opens all."""
    fast, slow = (Masker(load_policy(POLICIES[policy], None, "test"), KEY, opens_all=all_) for all_ in (False, True))
    return fast, slow


def pack(events: list[Any], separators: tuple[str, str] = (",", ":")) -> str:
    return json.dumps(events, separators=separators, ensure_ascii=False)


def escaped(text: str, chance: random.Random, share: float) -> str:
    """Writes some characters of some strings as JSON escapes, also those of keys."""

    def string(match: re.Match[str]) -> str:
        if chance.random() > share or "\\" in match[0]:
            return match[0]
        inner = match[0][1:-1]
        return (
            '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 and chance.random() < 0.1 else c for c in inner) + '"'
        )

    return STRING.sub(string, text)


def told(events: list[Event]) -> bytes:
    """Returns the parts of events that code other than masking may read."""
    for event in events:
        if event.data is not None:
            data = event.data
            data.text = data.texts = data.attributes = data.removes = NOTHING
    return msgspec.json.encode(events)


@pytest.fixture(autouse=True)
def _any_work(monkeypatch):
    """The thorough way examines each string, at more work than a chunk may cause."""
    monkeypatch.setattr("services.audit.privacy.masking.counts.MAX_WORK", 10**12)


def assert_alike(policy: str, chunks: list[str]) -> bytes:
    """Masks chunks in both ways, compares the results, and returns all masked values."""
    fast, slow = pair(policy)
    state, out = MaskState(), b""
    for chunk in chunks:
        text = chunk.encode()
        quick, thorough = fast.mask(state, text), slow.mask(state, text)
        assert quick.text == thorough.text
        assert quick.counts == thorough.counts
        assert quick.state == thorough.state
        assert told(quick.events) == told(decode(quick.text))
        state = quick.state
        out += quick.text
    return out


CASES = [
    pytest.param(path, policy, id=f"{path.stem}-{policy}")
    for path in recordings.paths()
    for policy in POLICIES
    if policy == "default" or len(recordings.text(path)) <= recordings.LARGE
]


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize(("path", "policy"), CASES)
def test_recordings_with_canaries_and_escapes_are_masked_alike(path, policy):
    """Canaries are planted in some recordings, and the large ones are shortened; with --campaign all, unabridged."""
    events = recordings.shortened(path)
    chance = random.Random(path.stem + policy)
    canaries: list[Any] = []
    if path in recordings.varied() and has_page(events):  # others are compared unchanged
        events, canaries = plant(events)
    at, chunks = 0, []
    while at < len(events):
        size = chance.choice((1, 5, 50, 200))
        text = pack(events[at : at + size])
        chunks.append(escaped(text, chance, 0.02) if chance.random() < 0.5 else text)
        at += size
    masked = assert_alike(policy, chunks)
    if policy != "own":  # its fields keep values without a match
        assert leaks(masked, canaries) == []


def test_a_number_that_stands_twice_in_a_snapshot_belongs_to_the_last_node_that_has_it():
    field = {"type": 2, "tagName": "textarea", "attributes": {}, "childNodes": [], "id": 2}
    words = {"type": 3, "textContent": "words", "id": 2}
    for children in ([field, words], [words, field]):
        tree = {"type": 2, "tagName": "div", "attributes": {}, "childNodes": children, "id": 1}
        changed = {"source": 0, "adds": [], "removes": [], "attributes": [], "texts": [{"id": 2, "value": "typed"}]}
        events = [{"type": 2, "data": {"node": tree}, "timestamp": 1}, {"type": 3, "data": changed, "timestamp": 2}]
        masked = assert_alike("default", [pack(events[:1]), pack(events[1:])])
        assert (b"typed" in masked) is (children[-1] is words)


ids = st.integers(1, 24)
value = st.sampled_from(
    [
        "",
        "plain",
        "Dana Lind",
        "ORD-1234",
        "a secret",
        "1 2 3",
        *(value_of(rule, 7) for rule in ("email", "iban", "jwt")),
    ]
) | st.text(max_size=12)
attributes = st.dictionaries(
    st.sampled_from(["class", "id", "type", "value", "title", "href", "autocomplete", "data-afterimage", "data-open"]),
    st.sampled_from(["secret", "x rr-mask", "card", "password", "hidden", "text", "mask", "block", "unmask", "submit"])
    | value,
    max_size=3,
)
leaf = st.fixed_dictionaries({"type": st.just(3), "textContent": value, "id": ids})
tags = st.sampled_from(["div", "p", "INPUT", "input", "textarea", "select", "option", "style", "blockquote", "a"])
element = st.recursive(
    leaf,
    lambda inner: st.fixed_dictionaries(
        {
            "type": st.just(2),
            "tagName": tags,
            "attributes": attributes,
            "childNodes": st.lists(inner, max_size=3),
            "id": ids,
        }
    ),
    max_leaves=5,
)
mutation = st.fixed_dictionaries(
    {
        "source": st.just(0),
        "texts": st.lists(st.fixed_dictionaries({"id": ids, "value": value}), max_size=2),
        "attributes": st.lists(st.fixed_dictionaries({"id": ids, "attributes": attributes}), max_size=2),
        "removes": st.lists(st.fixed_dictionaries({"parentId": ids, "id": ids}), max_size=2),
    },
    optional={
        "adds": st.lists(
            st.fixed_dictionaries({"parentId": ids | st.none(), "nextId": st.none(), "node": element}), max_size=4
        )
    },
)
typed = st.fixed_dictionaries({"source": st.just(5), "text": value, "id": ids})
moved = st.fixed_dictionaries({"source": st.just(2), "type": st.just(2), "id": ids}, optional={"note": value})
ruled = st.fixed_dictionaries({"source": st.just(8), "adds": st.lists(st.fixed_dictionaries({"rule": value}))})
custom = st.fixed_dictionaries({"tag": value, "payload": value})
event = st.one_of(
    st.tuples(st.just(3), mutation | typed | moved | ruled),
    st.tuples(st.just(3), mutation),
    st.tuples(st.just(5), custom),
    st.tuples(st.just(4), st.fixed_dictionaries({"href": value})),
    st.tuples(st.just(2), st.fixed_dictionaries({"node": element})),
).map(lambda pair: {"type": pair[0], "data": pair[1], "timestamp": 1_790_000_000_000})


@pytest.mark.campaign
@settings(max_examples=examples(40, 200), deadline=None)
@given(
    st.lists(st.lists(event, max_size=8), min_size=1, max_size=3),
    st.sampled_from(list(POLICIES)),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    st.integers(0, 2**16),
    st.sampled_from([0.0, 0.0, 0.3]),
)
def test_any_mutations_are_masked_alike(chunks, policy, separators, seed, share):
    chance = random.Random(seed)
    start = {"type": 2, "data": {"node": {"type": 0, "id": 1, "childNodes": []}}, "timestamp": 1_790_000_000_000}
    assert_alike(policy, [escaped(pack(events, separators), chance, share) for events in [[start], *chunks]])
