"""The head that began a session, by its stored heads."""

from __future__ import annotations

from audit.storage import head, window_key

from services.audit.ingest.session_claims import begun_first, hash_secret

ONE, OTHER = hash_secret("one"), hash_secret("other")
KEY = window_key()


def test_the_earliest_stream_began_a_session_and_no_order_of_rows_matters():
    heads = [head(KEY, secret_hash=OTHER, begun_ms=6), head(KEY, secret_hash=ONE, begun_ms=5)]
    assert begun_first(heads) == begun_first(heads[::-1]) == heads[1]
    at_once = [head(KEY, secret_hash=secret, begun_ms=5) for secret in (ONE, OTHER)]
    assert begun_first(at_once) == begun_first(at_once[::-1])
    assert begun_first([]) is None


def test_a_row_of_a_server_before_secrets_does_not_open_a_session_that_has_one():
    old, new = head(KEY), head(KEY, secret_hash=ONE, begun_ms=5)
    assert begun_first([old, new]) == new
    assert begun_first([old]) == old


def test_a_session_of_before_secrets_was_begun_without_one():
    old, later = head(KEY, actor_id="ann"), head(KEY, begun_ms=5, imported=True)
    assert begun_first([later, old]) == old
