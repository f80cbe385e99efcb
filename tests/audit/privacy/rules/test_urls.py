"""Parameters of URLs as the URL standard delimits them, and secrets in paths."""

from __future__ import annotations

import pytest

from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.masker import Masker, MaskState
from services.audit.privacy.masking.strings import TextMasker
from services.audit.privacy.policy.parser import load_policy

TEXT = TextMasker(load_policy({}, None, "test"), b"k" * 32)
PATHS = load_policy({"rules": {"url_path": "block"}}, None, "test")
PATH_TEXT = TextMasker(PATHS, b"k" * 32)


def masked(text: str, key: str = "href", *, resource: bool = False) -> str:
    return TEXT.mask(text, "text", Counts(), key=key, resource=resource)


@pytest.mark.parametrize("character", [*";[]()'{}|\\^`,!*@:/?$~ \"<>\u00e9%=", "%26", "%3D"])
def test_a_parameter_is_masked_to_its_end_whatever_it_has(character):
    assert masked(f"https://a.example/s?q=one{character}secret&page=2") == "https://a.example/s?q=***&page=2"
    assert masked(f"/s?page=2&q=one{character}secret#top") == "/s?page=2&q=***#top"
    assert "secret" not in masked(f"/s?a{character}b=secret")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/s?x[]=a&x[]=b", "/s?x[]=***&x[]=***"),
        ("/s?%74oken=abc&%70age=2", "/s?%74oken=***&%70age=2"),
        ("/s?%2570age=2", "/s?%2570age=2"),
        ("/s?=nameless&flag&n=", "/s?=***&flag&n="),
        ("/s?a=1&amp;page=2&amp;token=3", "/s?a=***&amp;page=2&amp;token=***"),
        ("/s?page=2;token=abc", "/s?page=***"),
        ("/s?page=https%3A%2F%2Fb.example%2F%3Ftoken%3Dabc", "/s?page=***"),
        ("/s?page=https%253A%252F%252Fb.example%253Fa%253Dabc", "/s?page=***"),
        ("/s?next=/t?token=abc&page=3", "/s?next=***&page=3"),
        ("/a;jsessionid=AB12;w=2/b;c=d?x=1", "/a;jsessionid=***;w=***/b;c=***?x=***"),
        ("/a#access_token=a;b&state=c=d", "/a#access_token=***&state=***"),
        ("/a#/orders?id=7&page=1", "/a#/orders?id=***&page=1"),
        ("/a?x=1#?y=2", "/a?x=***#?y=***"),
        ("/a#:~:text=secret,words", "/a#:~:text=***"),
        ("//host.example?q=x", "//host.example?q=***"),
        ("?q=x y", "?q=***"),
        ("/a#top", "/a#top"),
        ("/a?plain", "/a?plain"),
    ],
)
def test_addresses(before, after):
    assert masked(before) == after
    assert masked(after) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("see https://a.example/s?q=it's(secret);b=c|d now", "see https://a.example/s?q=*** now"),
        ("(https://a.example/s?q=(x)y)", "(https://a.example/s?q=***)"),
        ("fetch('https://a.example/s?q=x(y');", "fetch('https://a.example/s?q=***');"),
        ("[link](https://a.example/s?q=x_(y)) end", "[link](https://a.example/s?q=***) end"),
        ('<a href="https://a.example/s?q=x;y">', '<a href="https://a.example/s?q=***">'),
        ('{"u":"https:\\/\\/a.example\\/s?q=x","v":1}', '{"u":"https:\\/\\/a.example\\/s?q=***","v":1}'),
        ('"{\\"u\\":\\"https://a.example/s?q=x\\"}"', '"{\\"u\\":\\"https://a.example/s?q=***\\"}"'),
        ("x?token=a;b(c) y", "x?token=***(c) y"),
        ("What now? a=b; c=d", "What now? a=b; c=d"),
    ],
)
def test_addresses_in_texts(before, after):
    assert masked(before, "") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("/a.png?w=3&h=4", "/a.png?w=3&h=4"),
        ("/a.png?w=3&%74oken=abc", "/a.png?w=3&%74oken=***"),
        ("/a.png?w=3;token=abc", "/a.png?w=***"),
        ("/a.png?url=https%3A%2F%2Fb%2Fc%3Fsig%3Dabc&w=3", "/a.png?url=***&w=3"),
        ("/a.png?url=https%3A%2F%2Fb%2Fc%3Fw%3D3", "/a.png?url=https%3A%2F%2Fb%2Fc%3Fw%3D3"),
        ("/a.png;jsessionid=AB12?v=1", "/a.png;jsessionid=***?v=1"),
    ],
)
def test_resources_keep_what_is_no_secret(before, after):
    assert masked(before, "src", resource=True) == after


def test_styles_keep_the_ends_of_their_addresses():
    style = "a{background:url(https://a.example/b.png?token=x(y)z)} b{background:url('/c.png?w=3')}"
    assert masked(style, "") == "a{background:url(https://a.example/b.png?token=***)} b{background:url('/c.png?w=3')}"


LONG = "9f86d081884c7d659a2feaa0c55ad015"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"https://a.example/reset/{LONG}", "https://a.example/reset/[url_path]"),
        (f"/x/{LONG.upper()}/y", "/x/[url_path]/y"),
        ("/invite/abc123", "/invite/[url_path]"),
        ("/password_reset/MTIz-5f4dcc3b?x=1", "/password_reset/[url_path]?x=***"),
        ("/api/verify-email/k3jH8sdfKJH2384sdfkjhQ/done", "/api/verify-email/[url_path]/done"),
        ("/share/aVeryLongWordWithoutDigits", "/share/[url_path]"),
        ("/reset%20password/abc123xyz", "/reset%20password/[url_path]"),
        ("/docs/reset/password", "/docs/reset/password"),
        ("/login/callback/index.html", "/login/callback/index.html"),
        ("/orders/123e4567-e89b-12d3-a456-426614174000", "/orders/123e4567-e89b-12d3-a456-426614174000"),
        ("/blog/2024/how-to-reset-a-password-in-10-steps", "/blog/2024/how-to-reset-a-password-in-10-steps"),
        ("/users/12345678/settings", "/users/12345678/settings"),
        (f"see https://a.example/reset/{LONG}, soon", "see https://a.example/reset/[url_path] soon"),
    ],
)
def test_secrets_in_paths_are_masked_where_a_policy_says_so(before, after):
    key = "" if before.startswith("see ") else "href"
    assert PATH_TEXT.mask(before, "text", Counts(), key=key) == after
    assert "url_path" not in masked(before, key)


def test_the_rule_for_paths_alone_covers_session_ids():
    alone = TextMasker(load_policy({"rules": {"url_path": "mask", "url_query": "keep"}}, None, "test"), b"k" * 32)
    assert alone.mask("/a;jsessionid=AB12?x=1", "text", Counts(), key="href") == "/a;jsessionid=***?x=1"


@pytest.mark.parametrize("written", [f"https://a.example/reset/{LONG}", f"https:\\/\\/a.example\\/reset\\/{LONG}"])
def test_a_chunk_with_a_secret_in_a_path_is_masked_under_such_a_policy(written):
    event = f'[{{"type":4,"data":{{"href":"{written}","width":1,"height":1}},"timestamp":1}}]'
    assert LONG.encode() not in Masker(PATHS, b"k" * 32).mask(MaskState(True), event.encode()).text
    assert LONG.encode() in Masker(load_policy({}, None, "test"), b"k" * 32).mask(MaskState(True), event.encode()).text
