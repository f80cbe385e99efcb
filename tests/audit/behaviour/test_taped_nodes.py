"""Detectors and names find the same in the tables of masking's walk as in decoded nodes."""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

import numpy as np
import pytest
from audit.behaviour_events import RULES, add, click, element, events, mutation, opened, snapshot, taped
from audit.json_tape.uncompiled import uncompiled
from hypothesis import given, settings
from hypothesis import strategies as st
from support import recordings
from support.campaign import examples

from services.audit.behaviour import node_index, taped_nodes
from services.audit.behaviour.interactions import BehaviourState, observe
from services.audit.behaviour.node_index import NodeIndex, Nodes
from services.audit.behaviour.taped_nodes import ELSEWHERE, TapedNodes
from services.audit.behaviour.targets import node_records
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.json_tape import kernels, key_table
from services.audit.json_tape.tape import EventRow, Row, TapeKind
from services.audit.payload import BadPayload, decode_chunk
from services.audit.play_time import play
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy
from services.runtime.play_clock import PlayClock

MASKER = Masker(load_policy({}, None, "taped"), b"k" * 32)
TAGS = ["div", "p", "span", "button", "a", "ul", "li", "input", "label", "summary", "area", "svg"]
VALUES: dict[str, list[Any]] = {
    "id": ["basket", "total"],
    "class": ["card", "price big"],
    "for": ["total"],
    "role": ["button", "link", "presentation", "menuitem", 5, None],
    "onclick": ["go()", "", None],
    "href": ["/cart", "#top", "mailto:jane@shop.example", "tel:+441632960961", "/?mail=jane@shop.example", "", None, 7],
    "target": ["_self", "_blank", "", None],
    "download": ["", None, True],
    "type": ["text", "submit", "radio"],
    "title": ["Write to jane@shop.example", "Close"],
    "dir": ["rtl", []],
    "rr_scrollTop": [0, 12, 1.5],
}
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e300, 2**53, 2**60, -(2**63), 10**30, "7", "", [], {}, [1], {"id": 3}),
    *("label", "button", "a", "\u00e9\u2028", 'q"\\'),
]
KEYS = [
    *("id", "rootId", "nextId", "parentId", "isShadow", "isSVG", "childNodes", "textContent", "tagName", "type"),
    *("node", "adds", "attributes", "removes", "texts", "value", "source", "afterimage.parent", "afterimage.traits"),
    *VALUES,
]


class Page:
    """Events of a page at random, as rrweb sends them, or damaged."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.next = 4
        self.time = 0.0

    def element(self, *, children: bool) -> dict[str, Any]:
        chance = self.random
        if chance.random() < 0.3:
            node: dict[str, Any] = {"type": 3, "textContent": chance.choice(["Pay", "jane@shop.example", ""])}
        else:
            names = chance.sample(list(VALUES), chance.randint(0, 3))
            attributes = {name: chance.choice(VALUES[name]) for name in names}
            node = {"type": 2, "tagName": chance.choice(TAGS), "attributes": attributes, "childNodes": []}
            if children and chance.random() < 0.6:
                node["childNodes"] = [self.element(children=True) for _ in range(chance.randint(0, 3))]
        node["id"] = self.fresh()
        return node

    def fresh(self) -> int:
        self.next += self.random.choice([1, 1, 1, 3])
        return self.next

    def known(self) -> int:
        return self.random.randint(1, self.next)

    def event(self) -> dict[str, Any]:
        chance = self.random
        self.time += chance.choice([0, 1, 40, 700, 3_000])
        what = chance.random()
        if what < 0.35:
            return click(self.time, node=self.known())
        if what < 0.42:
            body = element(3, "body", *[self.element(children=True) for _ in range(4)], dir="rtl")
            return snapshot(self.time, element(2, "html", element(self.fresh(), "head"), body))
        adds = [add(self.known(), self.element(children=chance.random() < 0.05)) for _ in range(chance.randint(0, 6))]
        if chance.random() < 0.1:
            adds *= 15
        for each in adds:
            each["nextId"] = chance.choice([None, self.known()])
        changed = mutation(self.time, *adds)
        if chance.random() < 0.1:
            del changed["data"]["adds"]
        changed["data"]["removes"] = [{"parentId": 1, "id": self.known()} for _ in range(chance.randint(0, 2))]
        changed["data"]["texts"] = [{"id": self.known(), "value": chance.choice(["Buy", None])} for _ in range(2)]
        name = chance.choice(list(VALUES))
        changed["data"]["attributes"] = [{"id": self.known(), "attributes": {name: chance.choice(VALUES[name])}}]
        return changed

    def damage(self, chunk: list[dict[str, Any]]) -> None:
        """Changes a value somewhere in a chunk."""
        chance = self.random
        at: Any = chance.choice(chunk)
        while True:
            inside = [each for each in (at.values() if isinstance(at, dict) else at) if isinstance(each, (dict, list))]
            inside = [each for each in inside if each]
            if not inside or chance.random() < 0.15:
                break
            at = chance.choice(inside)
        if isinstance(at, dict):
            at[chance.choice([*at, *KEYS])] = copy.deepcopy(chance.choice(ODD))
        else:
            at.append(copy.deepcopy(chance.choice([*at, *ODD])))

    def text(self, chunk: list[dict[str, Any]], *, is_odd: bool) -> bytes:
        text = json.dumps(chunk, ensure_ascii=False)
        if is_odd and self.random.random() < 0.3:
            names = r'"(id|tagName|role|adds|rootId|href|node)":'
            text = re.sub(names, self._respell, text, count=self.random.randint(1, 3))
        return text.encode()

    def _respell(self, match: re.Match[str]) -> str:
        name = match[1]
        escaped = f'"{name[:1]}\\u{ord(name[1]):04x}{name[2:]}":'
        return self.random.choice([match[0], escaped, f'"{name}":1,{match[0]}', f'"{name}\\/":1,{match[0]}'])


def assert_same(texts: list[bytes], masker: Masker = MASKER) -> int:
    """Compares the findings from tables with those from decoded nodes; returns the number of interactions."""
    states, mirrors = [BehaviourState(), BehaviourState()], [PageMirror(), PageMirror()]
    masks, clocks, last, count = MaskState(), PlayClock(), 0, 0
    for text in texts:
        try:
            masked = masker.mask(masks, text)
        except BadPayload:
            continue
        played = play(clocks, masked.events, last)
        masks, clocks, last = masked.state, played.clock, played.last
        assert masked.tape is not None
        nodes = TapedNodes(masked.tape.walk, masked.tape.edits(), masked.tape.renewed, masked.tape.read)
        found = []
        for at, its in enumerate((None, None if played.repeated else nodes)):
            states[at], more = observe(states[at], played.events, RULES, played.set_back, mirrors[at], its)
            found.append(more)
        assert found[0] == found[1]
        assert states[0] == states[1]
        assert (mirrors[0].lost, mirrors[0].missed) == (mirrors[1].lost, mirrors[1].missed)
        count += len(found[0])
    return count


@settings(max_examples=examples(60, 2_000), deadline=None)
@given(st.integers(0, 2**32))
def test_pages_are_understood_alike(seed):
    page = Page(seed)
    chunks = [opened(), *([page.event() for _ in range(12)] for _ in range(4))]
    assert_same([page.text(chunk, is_odd=False) for chunk in chunks])


@settings(max_examples=examples(150, 6_000), deadline=None)
@given(st.integers(0, 2**32))
def test_damaged_pages_are_understood_alike(seed):
    page = Page(seed)
    chunks = copy.deepcopy([opened(), *([page.event() for _ in range(6)] for _ in range(4))])
    for _ in range(page.random.randint(1, 8)):
        page.damage(page.random.choice(chunks))
    assert_same([page.text(chunk, is_odd=True) for chunk in chunks])


@pytest.mark.campaign
@recordings.catalogue()
@pytest.mark.parametrize("path", recordings.paths(), ids=lambda path: path.stem)
def test_recordings_are_understood_alike(path):
    found = recordings.shortened(path)
    assert_same([json.dumps(found[at : at + 40]).encode() for at in range(0, len(found), 40)])


def test_ordinary_events_are_not_decoded(monkeypatch):
    page = Page(1)
    chunk = [*opened(), *(event for event in (page.event() for _ in range(60)) if "adds" in event["data"])]
    for event in chunk:
        for each in event["data"].get("adds", ()):
            each["node"].pop("childNodes", None)
            attributes = each["node"].get("attributes", {})
            for name in [name for name, value in attributes.items() if not isinstance(value, str | None)]:
                del attributes[name]
    nodes = taped(chunk)
    monkeypatch.setattr(node_index, "decode_tree", None)
    monkeypatch.setattr(node_index, "decode_adds", None)
    observe(BehaviourState(), events(chunk), RULES, (), None, nodes)
    stop, _ = nodes.follow(0, (), 800, node_index._CLICK_WORDS)
    assert stop == len(chunk)


def test_of_many_clickable_elements_the_newest_are_kept():
    added = [mutation(50, *(add(2, element(100 + 2 * n, "button")) for n in range(node_index.MAX_RUNS + 50)))]
    states = [observe(BehaviourState(), events(added), RULES, (), None, its)[0] for its in (None, taped(added))]
    assert states[0] == states[1]
    assert len(states[0].nodes.clickable) == 2 * node_index.MAX_RUNS
    many = [mutation(50, *(add(2, element(2 * n + 1, "a", href="")) for n in range(3_000)))]
    index = NodeIndex(Nodes(), taped(many))
    index.grow(events(many)[0].data.adds, 0)
    assert index.stop == 0, "more new runs than there is room for"
    assert len(index.dump().clickable) == 2 * node_index.MAX_RUNS


def test_numbers_are_the_same_in_what_is_compiled():
    names = ("REMOVED", "ADDED", "TEXT", "CHANGE", "LABEL", "ADDITIONS")
    assert [getattr(node_records, name) for name in names] == [
        *(TapeKind.REMOVE, TapeKind.NODE, TapeKind.TEXT, TapeKind.CHANGE),
        *(kernels.LABEL, kernels.ADDITIONS),
    ]
    state = ("NUMBER", "_ADDITION", "_LINK", "_OP", "_IN_ADDED", "_IN_SETTLED", "_USED", "BYTES", "BYTES_LIMIT")
    assert [getattr(node_records, name) for name in (*state, "NODES_LIMIT", "_IS_FULL", "_FACTOR", "_MEMBER")] == [
        *(kernels._NUMBER, kernels._ADDITIONS, kernels._LINKS, kernels._OPS, kernels._ADDED, kernels._SETTLED),
        *(kernels._USED, kernels._BYTES, kernels._BYTES_LIMIT, kernels._NODES_LIMIT, kernels._IS_FULL, kernels._FACTOR),
        kernels._MEMBERS,
    ]
    assert (node_records._NEAR, node_records._MOST_ID) == (kernels._NEAR, kernels._MOST_ID)
    assert node_records._IS_OBJECT == kernels.IS_OBJECT
    words = node_index._click_words()
    for name, word in (
        *(("BUTTON", "summary"), ("LINK", "area"), ("INPUT", "input"), ("CLICK_ROLE", "tab"), ("CLICK_TYPE", "submit")),
        *(("STAYS", "_top"), ("HREF", "href"), ("TARGET", "target"), ("DOWNLOAD", "download"), ("ROLE", "role")),
        *(("TYPE", "type"), ("ONCLICK", "onclick"), ("OTHER", "dir")),
    ):
        assert words[word] == getattr(kernels, f"C_{name}")
    tags = node_index._PROMISING_TAGS | node_index._LINK_TAGS | {"input"}
    assert tags == set(key_table.CLICK_TAGS), "else the walk does not mark them"


def test_the_schemes_are_known_to_what_is_compiled():
    for scheme in (*ELSEWHERE, "mailt:", "mailto", "sip:", "geo", "", "a:", "https:"):
        text = np.frombuffer(b'"' + scheme.encode() + b'x"', np.uint8)
        assert kernels._opens_elsewhere(text, 1, len(text) - 1) == (scheme in ELSEWHERE)
        assert taped_nodes._scheme(text.tobytes()) == (scheme in ELSEWHERE)


@settings(max_examples=examples(20, 200), deadline=None)
@given(st.integers(0, 2**32))
def test_what_is_compiled_does_as_the_plain_loops(seed):
    page, plain = Page(seed), uncompiled(kernels)
    chunk = [page.event() for _ in range(8)]
    if seed % 2:
        page.damage(chunk)
    text = page.text(chunk, is_odd=seed % 2 == 1)
    try:
        decoded = decode_chunk(text)
    except BadPayload:
        return
    walk = MASKER.walker.walk(decoded.text, len(decoded.events))
    size, renewed = len(decoded.events), np.zeros(len(decoded.events), np.uint8)
    edits = np.array([(5, 9, 0, 3), (300, 320, -1, -5)], np.int64)
    told = []
    with np.errstate(over="ignore"):
        for its in (kernels, plain):
            room, answers = np.zeros((2, 16 if seed % 3 == 0 else 256), np.int64), np.zeros(size, np.uint8)
            room[0, :4] = (3, 5, 9, 12)
            tables = walk.marks, walk.events, walk.rows, renewed, edits, node_index._CLICK_WORDS
            told.append(its.follow(*tables, 0, 4, 12, room, answers))
            told.append((room[0].tolist(), answers.tolist()))
            records, links = np.zeros((1024, 5), np.int64), np.zeros((400, 2), np.int64)
            records[:, 0] = kernels.ABSENT
            state = np.zeros(13, np.int64)
            state[[kernels._BYTES_LIMIT, kernels._NODES_LIMIT, kernels._FACTOR]] = 2_000, 50, 2**61 + 12_345
            ops, members = np.zeros((900, 4), np.int64), np.zeros((400, 4), np.int64)
            its.settle(np.arange(1, 9), 1, records, state)
            told.append(its.note(walk.events, walk.rows, renewed, edits, 0, size, records, links, state, ops, members))
            its.settle(np.arange(5, 20), 0, records, state)
            larger = np.full((2048, 5), kernels.ABSENT, np.int64)
            told.append(its.enlarge(records, larger, state[kernels._FACTOR]))
            told.append([table.tolist() for table in (records, links, state, ops, members, larger)])
    assert told[: len(told) // 2] == told[len(told) // 2 :]


def test_an_event_of_a_decoded_mutation_has_the_form_of_a_walk():
    tables = node_records.decoded_mutation([1], None, [], [])
    event, rows = EventRow(*tables[0][0].tolist()), [Row(*each) for each in tables[1].tolist()]
    assert (event.type, event.source, event.node, event.rows, event.rows_end) == (3, 0, -1, 0, 1)
    assert [(row.kind, row.id) for row in rows] == [(TapeKind.REMOVE, 1)]
