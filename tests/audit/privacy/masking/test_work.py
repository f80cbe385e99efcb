"""The work that a chunk may cause: paid before it is done, and far above that of real recordings."""

from __future__ import annotations

import json

import pytest
from support import recordings
from support.campaign import is_campaign

from services.audit.payload import BadPayload, Fault
from services.audit.privacy.masking.counts import MAX_WORK, Counts
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.policy.parser import load_policy

KEY = b"k" * 32
STRICT = Masker(load_policy({"preset": "strict"}, None, "test"), KEY)
DEFAULT = Masker(load_policy({}, None, "test"), KEY)
PART = 1 if is_campaign() else 10
"""Part of the items and of the work that chunks with too much to check have: both are in proportion."""

COUNT, STRINGS, CHANGES = (number // PART for number in (400_000, 1_900_000, 499_000))


def event(kind: int, data: bytes) -> bytes:
    return b'[{"type":%d,"timestamp":1790000000000,"data":%b}]' % (kind, data)


def custom(payload: bytes) -> bytes:
    return event(5, b'{"tag":"x","payload":%b}' % payload)


def plugin(name: bytes, payload: bytes) -> bytes:
    return event(6, b'{"plugin":"rrweb/%b@1","payload":%b}' % (name, payload))


def snapshot(nodes: bytes) -> bytes:
    return event(2, b'{"node":{"type":0,"id":1,"childNodes":[%b]}}' % nodes)


def mutation(name: bytes, changes: bytes) -> bytes:
    return event(3, b'{"source":0,"adds":[],"removes":[],"%b":[%b]}' % (name, changes))


def many(item: bytes, between: bytes = b",", count: int = COUNT) -> bytes:
    return between.join([item] * count)


def addresses(count: int) -> bytes:
    return b",".join(b'{"type":3,"id":%d,"textContent":"u%d@example.org"}' % (each, each) for each in range(count))


# Made when they are needed: together they have 100 MB.
HOSTILE = {
    "strings in a payload": lambda: custom(b"[%b]" % many(b'""', count=STRINGS)),
    "keys": lambda: custom(b"{%b}" % b",".join(b'"k%d":1' % number for number in range(COUNT))),
    "addresses in a payload": lambda: custom(b"[%b]" % many(b'"u@example.org"')),
    "JSON in a string": lambda: custom(b'"[%b]"' % many(b"0,0,0,0,0,0,0,0")),
    "assignments": lambda: custom(b'"%b"' % many(b"password: x1", b" ")),
    "a form": lambda: custom(b'"%b"' % many(b"a=b", b"&")),
    "URLs in a text": lambda: custom(b'"%b"' % many(b"//a?b=c", b" ")),
    "console": lambda: plugin(b"console", b'{"level":"log","payload":[%b]}' % many(b'"\\"u@example.org\\""')),
    "requests": lambda: plugin(b"network", b'{"requests":[%b]}' % many(b'{"name":"//a?b=c"}')),
    "headers": lambda: plugin(b"network", b'{"requests":[{"requestHeaders":[%b]}]}' % many(b'["a","b"]')),
    "text nodes": lambda: snapshot(
        b",".join(b'{"type":3,"id":%d,"textContent":"u%d@example.org"}' % (n, n) for n in range(COUNT))
    ),
    "a text": lambda: snapshot(b'{"type":3,"id":2,"textContent":"%b"}' % many(b"u@example.org", b" ")),
    "numbers in a text": lambda: snapshot(b'{"type":3,"id":2,"textContent":"%b"}' % many(b"4111111111111112", b" ")),
    "attributes": lambda: mutation(b"attributes", many(b'{"id":2,"attributes":{"value":"x"}}', count=CHANGES)),
    "unexpected data": lambda: event(3, b'{"source":"x","a":[%b]}' % many(b'""', count=STRINGS)),
    "duplicate keys": lambda: event(5, b'{"tag":"x","tag":"y","payload":[%b]}' % many(b'""', count=STRINGS)),
}


@pytest.mark.campaign
@pytest.mark.parametrize("name", HOSTILE)
def test_a_chunk_with_too_much_to_check_is_rejected(name, monkeypatch):
    """A tenth of it, at a tenth of the work; with --campaign the whole."""
    monkeypatch.setattr("services.audit.privacy.masking.counts.MAX_WORK", MAX_WORK // PART)
    with pytest.raises(BadPayload, match="send smaller chunks") as caught:
        DEFAULT.mask(MaskState(), HOSTILE[name]())
    assert caught.value.fault is Fault.TOO_LARGE
    assert "\n" not in str(caught.value)


def test_more_nodes_than_the_limit_are_rejected_before_one_is_read():
    with pytest.raises(BadPayload, match="more than 500,000 nodes"):
        DEFAULT.mask(MaskState(), mutation(b"removes", b",".join([b'{"id":1}'] * 500_001)))


def test_recordings_use_a_fifth_of_the_work_at_most_even_as_one_chunk_under_the_strictest_policy():
    for path in recordings.paths():
        masked = STRICT.mask(MaskState(), json.dumps(recordings.events(path)).encode())
        used = MAX_WORK - masked.counts.work
        assert 0 < used < MAX_WORK / 5, path


def test_the_same_chunk_costs_the_same_whatever_was_masked_before():
    text = snapshot(addresses(50))
    masker = Masker(load_policy({}, None, "test"), KEY)
    first, again = (masker.mask(MaskState(), text).counts.work for _ in range(2))
    assert first == again < MAX_WORK


def test_work_is_paid_before_it_is_done():
    counts = Counts(10)
    counts.spend(10)
    with pytest.raises(BadPayload):
        counts.spend(1)
    assert counts == {}
