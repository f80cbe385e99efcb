"""Caches keyed by text of visitors: they take short keys only, and results are those without a cache."""

from __future__ import annotations

import pytest

from services.audit.behaviour.pages import MAX_HREF_LENGTH, MAX_SEGMENTS, PageRules, normalise_page
from services.audit.ingest import user_agent
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


def test_only_the_first_characters_of_a_url_are_read():
    path = "/a" * MAX_HREF_LENGTH
    assert normalise_page("https://example.org" + path, PageRules()) == normalise_page(
        ("https://example.org" + path)[:MAX_HREF_LENGTH], PageRules()
    )


def test_only_the_first_segments_of_a_path_are_folded():
    page = normalise_page("https://example.org" + "/12345" * (MAX_SEGMENTS + 10), PageRules())
    assert (page.count(":id"), page.count("12345")) == (MAX_SEGMENTS - 1, 11)
