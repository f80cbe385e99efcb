from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.audit.behaviour.pages import MAX_PAGE_LENGTH, FoldRule, PageRules, normalise_page, page_address

RULES = PageRules()
HASHED = PageRules(hash_routes=True)


@pytest.mark.parametrize(
    ("href", "page"),
    [
        ("https://shop.example/", "https://shop.example/"),
        ("https://shop.example", "https://shop.example/"),
        ("https://shop.example/cart/", "https://shop.example/cart"),
        ("https://shop.example/cart?coupon=me@shop.example#top", "https://shop.example/cart"),
        ("HTTPS://Ann:secret@Shop.Example:443/Cart", "https://shop.example/Cart"),
        ("http://localhost:8101/docs/index.html#/", "http://localhost:8101/docs/index.html"),
        ("http://[::1]:80/a", "http://[::1]/a"),
        ("/orders/17", "/orders/:id"),
        ("https://s.example/orders/1841/items/7", "https://s.example/orders/:id/items/:id"),
        ("https://s.example/u/550e8400-E29B-41d4-a716-446655440000", "https://s.example/u/:id"),
        ("https://s.example/o/507f1f77bcf86cd799439011/edit", "https://s.example/o/:id/edit"),
        ("https://s.example/r/01ARZ3NDEKTSV4RRFFQ69G5FAV", "https://s.example/r/:id"),
        ("https://s.example/n/V1StGXR8_Z5jdHi6B-myT", "https://s.example/n/:id"),
        ("https://s.example/blog/2024-02-29/leap", "https://s.example/blog/:date/leap"),
        ("https://s.example/by/dana%40shop.example", "https://s.example/by/:email"),
        ("https://s.example/a;jsessionid=1A2B/b", "https://s.example/a/b"),
        # Words, slugs, versions and languages are no ids.
        ("https://s.example/blog/how-to-fold-a-shirt", "https://s.example/blog/how-to-fold-a-shirt"),
        ("https://s.example/docs/v2/de-DE/faced", "https://s.example/docs/v2/de-DE/faced"),
        ("https://s.example/internationalisation", "https://s.example/internationalisation"),
        ("file:///C:/a.html?x", "file:///C:/a.html"),
        ("about:blank", "about:blank"),
        ("data:text/html,<b>dana</b>", "data:"),
        ("", ""),
        ("  ", ""),
        ("https://[broken/path?secret=1", "https://[broken/path"),
        ("https://s.example:port/a?secret=1", "https://s.example:port/a"),
    ],
)
def test_a_url_becomes_its_page(href: str, page: str) -> None:
    assert normalise_page(href, RULES) == page


@pytest.mark.parametrize(
    ("href", "page"),
    [
        ("https://app.example/#/orders/17?tab=items", "https://app.example/#/orders/:id"),
        ("https://app.example/?a=1#!/orders/", "https://app.example/#!/orders"),
        ("https://app.example/#/", "https://app.example/#/"),
        ("https://app.example/#chapter-2", "https://app.example/"),
    ],
)
def test_routes_in_the_fragment_are_kept_where_that_is_configured(href: str, page: str) -> None:
    assert normalise_page(href, HASHED) == page
    assert "#" not in normalise_page(href, RULES)


def test_folding_is_by_the_rules_given() -> None:
    rules = PageRules(folds=(FoldRule(re.compile(r"sku-\w+"), ":sku"),))
    assert normalise_page("https://s.example/p/sku-77ab/12", rules) == "https://s.example/p/:sku/12"


def test_addresses_tell_ids_apart_and_ignore_query_and_fragment() -> None:
    assert page_address("https://s.example/o/1?a#b", RULES) == page_address("https://s.example/o/1", RULES)
    assert page_address("https://s.example/o/1", RULES) != page_address("https://s.example/o/2", RULES)
    assert page_address("https://s.example/#/a?x", RULES) == page_address("https://s.example/#/b", RULES)
    assert page_address("https://s.example/#/a?x", HASHED) == "https://s.example/#/a"


@given(st.one_of(st.text(max_size=200), st.from_regex(r"https?://[a-z.]{1,9}(/[\w;%@.-]{0,40}){0,6}(\?.*)?(#.*)?")))
def test_any_text_gives_a_bounded_page_without_query_that_stays_as_it_is(href: str) -> None:
    page = normalise_page(href, RULES)
    assert len(page) <= MAX_PAGE_LENGTH
    assert "?" not in page
    assert "#" not in page
    normalise_page(href, HASHED)
    page_address(href, HASHED)


def test_a_long_url_is_cut() -> None:
    assert len(normalise_page("https://s.example/" + "a/" * 5_000, RULES)) == MAX_PAGE_LENGTH
