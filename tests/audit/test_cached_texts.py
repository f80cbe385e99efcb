"""Caches keyed by text of visitors: they take short keys only, and results are those without a cache."""

from __future__ import annotations

import json

import pytest

from services.audit.behaviour.pages import MAX_HREF_LENGTH, MAX_SEGMENTS, PageRules, normalise_page
from services.audit.ingest import user_agent
from services.audit.privacy.masking import strings
from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.known_elements import MAX_CACHED_ATTRIBUTES
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.nodes import MAX_CACHED_FIELD
from services.audit.privacy.masking.payloads import MAX_CACHED_KEY
from services.audit.privacy.policy.parser import load_policy
from services.audit.storage.codecs import rowbinary

MASKER = Masker(load_policy({}, None, "test"), b"k" * 32)


@pytest.mark.parametrize(("key", "denied"), [("password", True), ("color", False)])
def test_long_keys_are_judged_and_not_cached(key, denied):
    payloads = Masker(load_policy({}, None, "test"), b"k" * 32).payloads
    long = key + "_" * MAX_CACHED_KEY
    assert [payloads.is_denied(each) for each in (key, long, long, key)] == [denied] * 4
    assert list(payloads._denials) == [key]


def test_long_texts_are_packed_and_not_cached():
    before = rowbinary._cached_text.cache_info().currsize
    for size in (rowbinary.MAX_CACHED_TEXT + 1, 5_000):
        text = "\u00e9" * size
        assert rowbinary.packed_text(text) == rowbinary.packed_length(2 * size) + text.encode()
    assert rowbinary._cached_text.cache_info().currsize == before


def test_long_user_agents_are_recognised_and_not_cached():
    plain = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    before = user_agent._known.cache_info().currsize
    long = user_agent.recognise(plain + " " * user_agent.MAX_CACHED_LENGTH)
    assert user_agent._known.cache_info().currsize == before
    assert long == user_agent.recognise(plain)


def test_a_field_with_attributes_longer_than_valid_ones_loses_its_value():
    field = (
        '[{"type":2,"timestamp":1,"data":{"node":{"type":2,"tagName":"input","id":1,"childNodes":[],'
        '"attributes":{"type":"submit","autocomplete":"%s","value":"typed"}}}}]'
    )
    for size, kept in ((10, True), (MAX_CACHED_FIELD, False)):
        text = MASKER.mask(MaskState(), (field % ("x" * size)).encode()).text
        assert (b"typed" in text) is kept
    assert MASKER.nodes._blocks.cache_info().currsize <= 2


def snapshot(text: str, **attributes: str) -> bytes:
    """Returns a snapshot of a field with attributes, and of a text."""
    field = {"type": 2, "tagName": "input", "id": 2, "attributes": attributes, "childNodes": []}
    nodes = [field, {"type": 3, "id": 3, "textContent": text}]
    event = {"type": 2, "timestamp": 1, "data": {"node": {"type": 0, "id": 1, "childNodes": nodes}}}
    return json.dumps([event]).encode()


SHEET = "a:hover { background: url(x.png?v=1); margin: 10px 20px } " * 60


def test_a_long_text_found_clean_is_remembered_by_its_digest_and_costs_the_same_work():
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    text = snapshot(SHEET)
    first, again = (masker.mask(MaskState(), text) for _ in range(2))
    assert (first.text, again.text) == (text, text)
    assert first.counts.work == again.counts.work
    assert [len(digest) for digest in masker.rules._clean] == [16]


def test_a_long_text_with_a_match_is_searched_each_time():
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    for _ in range(2):
        assert b"dana@example.org" not in masker.mask(MaskState(), snapshot(SHEET + "dana@example.org")).text
    assert not masker.rules._clean


def test_a_change_of_a_remembered_text_is_found():
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    masker.mask(MaskState(), snapshot(SHEET))
    assert b"4111" not in masker.mask(MaskState(), snapshot(SHEET + "4111111111111111 " + SHEET)).text


def test_the_number_of_remembered_texts_is_limited(monkeypatch):
    monkeypatch.setattr(strings, "_MOST_CLEAN", 3)
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    for number in (1, 2, 3, 1, 4):
        masker.mask(MaskState(), snapshot(SHEET + f"/* {number} */"))
    kept = sorted(masker.rules._clean)
    assert len(kept) == 3
    masker.mask(MaskState(), snapshot(SHEET + "/* 1 */"))
    assert sorted(masker.rules._clean) == kept  # the second was used least recently
    masker.mask(MaskState(), snapshot(SHEET + "/* 2 */"))
    assert sorted(masker.rules._clean) != kept


@pytest.mark.parametrize("more", ["", "b " * 1500], ids=["short", "long"])
def test_a_text_known_elsewhere_is_still_read_as_an_address_in_a_link(more):
    """In running text `x y?q=a b` has no URL; as a link it is one as a whole, with a parameter."""
    rules = Masker(load_policy({}, None, "test"), b"k" * 32).rules
    raw = json.dumps("x y?q=a b" + more).encode()
    assert rules.mask_json_at(raw, "title", Counts(), resource=False).masked is None
    assert rules.mask_json_at(raw, "href", Counts(), resource=False).masked == b'"x y?q=***"'


def test_an_element_that_comes_again_is_masked_the_same_and_costs_the_same_work():
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    text = snapshot("x", value="Dana Lind", title="of Dana Lind", role="combobox", style="color: red")
    first, again = (masker.mask(MaskState(), text) for _ in range(2))
    assert first.text == again.text
    assert b"Dana" not in first.text
    assert (first.counts, first.counts.work) == (again.counts, again.counts.work)
    assert len(masker.nodes._known._known) == 1
    assert "Dana" not in repr(masker.nodes._known._known)


def test_elements_with_long_attributes_are_not_cached():
    masker = Masker(load_policy({}, None, "test"), b"k" * 32)
    masker.mask(MaskState(), snapshot("x", value="Dana Lind" * MAX_CACHED_ATTRIBUTES))
    assert not masker.nodes._known._known


def test_only_the_first_characters_of_a_url_are_read():
    path = "/a" * MAX_HREF_LENGTH
    assert normalise_page("https://example.org" + path, PageRules()) == normalise_page(
        ("https://example.org" + path)[:MAX_HREF_LENGTH], PageRules()
    )


def test_only_the_first_segments_of_a_path_are_folded():
    page = normalise_page("https://example.org" + "/12345" * (MAX_SEGMENTS + 10), PageRules())
    assert (page.count(":id"), page.count("12345")) == (MAX_SEGMENTS - 1, 11)
