from __future__ import annotations

import grpc
import pytest

from sidecar.wire.close_codes import Verdict, of_parser, of_status

CODE = grpc.StatusCode


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        (CODE.OK, None, (1000, "done")),
        (CODE.OK, "X", (1000, "done")),
        (CODE.INVALID_ARGUMENT, "INVALID_ARGUMENT", (4400, "invalid_argument")),
        (CODE.FAILED_PRECONDITION, "START_MISSING", (4400, "start_missing")),
        (CODE.UNAUTHENTICATED, "TOKEN_EXPIRED", (4401, "token_expired")),
        (CODE.PERMISSION_DENIED, None, (4403, "forbidden")),
        (CODE.NOT_FOUND, None, (4404, "not_found")),
        (CODE.ABORTED, "SUPERSEDED", (4409, "superseded")),
        (CODE.ABORTED, "TRY_AGAIN", (4503, "try_again")),
        (CODE.RESOURCE_EXHAUSTED, None, (4429, "rate_limited")),
        (CODE.RESOURCE_EXHAUSTED, "PAYLOAD_TOO_LARGE", (4413, "payload_too_large")),
        (CODE.INTERNAL, "INTERNAL", (4500, "internal")),
        (CODE.UNKNOWN, None, (4500, "internal")),
        (CODE.DATA_LOSS, None, (4500, "internal")),
        (CODE.UNAVAILABLE, "STORAGE_SLOW", (4503, "storage_slow")),
        (CODE.DEADLINE_EXCEEDED, None, (4503, "unavailable")),
        (CODE.CANCELLED, None, (4503, "unavailable")),
    ],
)
def test_of_status(code, reason, expected):
    verdict = of_status(code, reason)
    assert (verdict.code, verdict.word) == expected


def test_the_close_frame_of_a_quota_has_its_delay():
    assert of_status(CODE.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", 59.2).message == b"quota_exceeded; retry_after_s=60"
    assert of_status(CODE.RESOURCE_EXHAUSTED, "SESSION_FULL", 3600.0).message == b"session_full"
    assert of_status(CODE.RESOURCE_EXHAUSTED, "STORAGE_FULL", 30.0).message == b"storage_full"
    assert of_status(CODE.UNAVAILABLE, "SERVER_STOPPING", 1.0).message == b"server_stopping"


def test_every_status_has_a_verdict():
    for code in CODE:
        assert 1000 <= of_status(code).code <= 4503


def test_what_the_parser_says():
    assert of_parser(1009).code == 4413
    assert of_parser(1007).word == "bad_utf8"
    assert of_parser(1002).word == "bad_frame"
    assert of_parser(1000) is None


def test_a_word_fits_into_a_close_frame():
    assert len(Verdict(of_status(CODE.INTERNAL).code, "x" * 500).message) == 123
