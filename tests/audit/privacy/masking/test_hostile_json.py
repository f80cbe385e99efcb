"""JSON that no recorder writes: duplicate or escaped keys, in any order, with any content below."""

from __future__ import annotations

import json
import random
import re
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.campaign import examples

from services.audit.payload import decode_chunk
from services.audit.privacy.masking.masker import _MOST_ODD, Masker, MaskState
from services.audit.privacy.policy.parser import load_policy

KEY = b"k" * 32
POLICIES = {"default": {}, "strict": {"preset": "strict"}, "own": {"custom": {"order": {"pattern": r"ORD-\d{4}"}}}}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


@cache
def pair(policy: str) -> tuple[Masker, Masker]:
    """Returns a masker that opens few events, and one that opens all."""
    fast, slow = (Masker(load_policy(POLICIES[policy], None, "test"), KEY, opens_all=all_) for all_ in (False, True))
    return fast, slow


secret = st.sampled_from(["dana@example.com", "4111 1111 1111 1111", "say dana@example.com", "x", ""])
number = st.integers(0, 12) | st.sampled_from([5.0, 1e3, 10**25, -1, None, True, "7"])
pairs = st.recursive(
    number | secret,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(
            st.tuples(
                st.sampled_from(
                    [
                        *(
                            "id",
                            "id",
                            "node",
                            "adds",
                            "texts",
                            "attributes",
                            "removes",
                            "parentId",
                            "childNodes",
                            "value",
                        ),
                        *("textContent", "text", "payload", "plugin", "source", "data", "x"),
                    ]
                ),
                inner,
            ),
            max_size=5,
        ).map(tuple)
    ),
    max_leaves=14,
)
typed = st.tuples(st.just("text"), st.just("hunter2"))
its_source = st.tuples(st.just("source"), st.sampled_from([0, 0, 5, 5, 3, 8, None]))
field = st.tuples(st.sampled_from(["id", "node", "adds", "texts", "attributes", "removes", "payload", "x"]), pairs)
data = st.lists(its_source | typed | field, max_size=6).map(tuple)
"""An object: pairs of key and value, in a tuple; keys may be duplicate."""


def written(value: Any, chance: random.Random, share: float) -> str:
    if isinstance(value, tuple):
        return (
            "{" + ",".join(f"{key(name, chance, share)}:{written(each, chance, share)}" for name, each in value) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(written(each, chance, share) for each in value) + "]"
    return json.dumps(value)


def key(name: str, chance: random.Random, share: float) -> str:
    return '"' + "".join(f"\\u{ord(c):04x}" if chance.random() < share else c for c in name) + '"'


def strings(text: bytes) -> list[str]:
    return [json.loads(match[0]) for match in STRING.finditer(text.decode())]


@pytest.mark.campaign
@settings(max_examples=examples(60, 400), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([2, 3, 3, 3, 5, 6, 4]), data, st.booleans()), max_size=5),
    st.sampled_from(list(POLICIES)),
    st.integers(0, 2**16),
    st.sampled_from([0.0, 0.02, 0.2]),
)
def test_nothing_hides_in_keys_that_stand_twice_or_are_escaped(events, policy, seed, share):
    chance = random.Random(seed)
    raw = []
    for kind, its, comes_last in events:
        inner = written(its, chance, share)
        fields = [
            f"{key('type', chance, share)}:{kind}",
            f"{key('data', chance, share)}:{inner}",
            '"timestamp":1700000000000',
        ]
        raw.append("{" + ",".join(reversed(fields) if comes_last else fields) + "}")
    text = ("[" + ",".join(raw) + "]").encode()
    fast, slow = pair(policy)
    masked, thorough = fast.mask(MaskState(True), text), slow.mask(MaskState(True), text)
    assert (masked.text, masked.counts, masked.state) == (thorough.text, thorough.counts, thorough.state)
    before, after = json.loads(text), json.loads(masked.text)
    assert [(each["type"], each["timestamp"]) for each in after] == [
        (each["type"], each["timestamp"]) for each in before
    ]
    assert len(masked.events) == len(before)
    for string in strings(masked.text):
        assert "dana@" not in string
        assert "4111" not in string
    for each in after:
        if isinstance(each["data"], dict) and each["type"] == 3 and each["data"].get("source") == 5:
            assert "hunter2" not in json.dumps(each["data"].get("text"))
    again = fast.mask(MaskState(True), masked.text)
    assert again.text is masked.text
    assert again.counts == {}


def odd(*names: str, value: str = "dana") -> str:
    """Returns an event with its texts under an escaped key: `texts` of the nodes in `names`."""
    texts = ",".join(f'{{"id":{name},"value":"{value}"}}' for name in names)
    return rf'{{"type":3,"data":{{"source":0,"text\u0073":[{texts}]}},"timestamp":1700000000000}}'


def test_escaped_keys_are_understood_and_nodes_followed_through_them():
    start = (
        r'[{"type":2,"data":{"node":{"id":1,"type":0,"childNodes":[{"id":5,"type":2,"tagNam\u0065":"p","attributes":'
        r'{"class":"rr-mask"},"childNodes":[{"id":6,"type":3,"textContent":"dana"}]},{"id":7,"type":3}]}},'
        r'"timestamp":1700000000000}]'
    )
    masker = pair("default")[0]
    masked = masker.mask(MaskState(), start.encode())
    assert b"dana" not in masked.text
    later = masker.mask(masked.state, ("[" + odd("6", "7") + "]").encode())
    assert [each["value"] for each in json.loads(later.text)[0]["data"]["texts"]] == ["***", "dana"]
    assert later.events[0].data is not None
    assert b"***" in bytes(later.events[0].data.texts)


def test_nodes_are_followed_through_escaped_keys_within_a_chunk():
    brings = (
        r'{"type":3,"data":{"source":0,"add\u0073":[{"parentId":1,"node":{"id":6,"type":2,"tagName":"textarea"}}]},'
        r'"timestamp":1700000000000}'
    )
    plain = '{"type":3,"data":{"source":0,"texts":[{"id":6,"value":"dana"},{"id":7,"value":"x"}]},"timestamp":1}'
    masked = pair("default")[0].mask(MaskState(True), f"[{brings},{plain}]".encode())
    assert [each["value"] for each in json.loads(masked.text)[1]["data"]["texts"]] == ["***", "x"]


NODE = '{"id":1,"type":2,"tagName":"p","attributes":{"class":"4111 1111 1111 1111"}}'


@pytest.mark.parametrize(
    ("event", "is_layout"),
    [
        ('{"type":3,"data":{"source":0,"adds":[{"node":%s}]},"timestamp":1}', True),
        ('{"timestamp":1,"data":{"adds":[{"node":%s}],"source":0},"type":3}', True),
        ('{"type":2,"data":{"node":%s},"timestamp":1}', True),
        ('{"data":{"node":%s},"timestamp":1,"type":2}', True),
        ('{"type":3,"data":{"source":8,"adds":[{"node":%s}]},"timestamp":1}', False),
        ('{"type":3,"data":{"adds":[{"node":%s}],"source":8},"timestamp":1}', False),
        ('{"type":3,"data":{"source":8,"node":%s},"timestamp":1}', False),
        ('{"type":5,"data":{"node":%s},"timestamp":1}', False),
        ('{"type":7,"data":{"source":0,"adds":[{"node":%s}]},"timestamp":1}', False),
        ('{"data":{"source":0,"adds":[{"node":%s}]},"timestamp":1,"type":7}', False),
    ],
)
def test_only_the_layout_of_nodes_is_left_alone(event, is_layout):
    masked = pair("default")[0].mask(MaskState(True), f"[{event % NODE}]".encode())
    assert (b"4111 1111" in masked.text) == is_layout


def test_after_many_odd_events_nothing_of_them_is_kept_and_every_node_counts_as_masked():
    many = [odd("6")] * (_MOST_ODD + 3)
    plain = '{"type":3,"data":{"source":0,"texts":[{"id":6,"value":"dana"}]},"timestamp":1700000000000}'
    masker = pair("default")[0]
    masked = masker.mask(MaskState(True), ("[" + ",".join([*many, plain]) + "]").encode())
    after = json.loads(masked.text)
    assert [bool(each["data"]) for each in after] == [True] * _MOST_ODD + [False] * 3 + [True]
    assert after[-1]["data"]["texts"][0]["value"] == "***"
    assert masked.state.full


@pytest.mark.parametrize("depth", [10, 300, 900])
def test_deep_json_is_masked(depth):
    deep = "[" * depth + '"dana@example.com"' + "]" * depth
    raw = ('[{"type":3,"data":{"source":0,"x":' + deep + '},"timestamp":1}]').encode()
    decode_chunk(raw)
    assert b"dana" not in pair("default")[0].mask(MaskState(True), raw).text
