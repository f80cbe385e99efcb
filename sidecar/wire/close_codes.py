"""Close codes of sockets: one table from gRPC status and reason to close code and word.

    1000  done                the stream is complete
    1001  going_away          this sidecar is shutting down; reconnect to another one
    1002  unmasked            a frame is not masked, against RFC 6455 section 5.1; browsers always mask
    4400  bad_message         the frame is invalid; do not send it again
    4401  token_expired       get a new token, then reconnect
    4403  forbidden           the token does not allow the call
    4404  not_found           no such resource in the token's project
    4409  superseded          a newer connection of the same window took over; do not reconnect
    4413  too_large           the frame exceeds the limit; split it
    4429  rate_limited, slow  over a limit, or reading too slowly; reconnect with backoff, continue after the last seq
    4500  internal            internal error; reconnect
    4503  unavailable         a service is unavailable; reconnect

The reason text of the close frame is the word: ErrorInfo's reason in lower case, if the service returned one. After a
quota's word follows its delay: "quota_exceeded; retry_after_s=1800".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import grpc
from aiohttp import WSCloseCode
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_MAX_WORD_BYTES = 123  # RFC 6455 section 5.5: a control frame has 125 bytes, the code takes two


class CloseCode(IntEnum):
    """Close codes of the contract."""

    DONE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    BAD_MESSAGE = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    NOT_FOUND = 4404
    SUPERSEDED = 4409
    TOO_LARGE = 4413
    RATE_LIMITED = 4429
    INTERNAL = 4500
    UNAVAILABLE = 4503


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a socket ends: the code and the short machine-readable word of its close frame."""

    code: CloseCode
    word: str
    retry_after_s: int = 0
    """Delay that the close frame asks for; 0: the client's own backoff."""

    @property
    def message(self) -> bytes:
        """The word as the close frame carries it, and the delay."""
        delay = f"; retry_after_s={self.retry_after_s}" if self.retry_after_s else ""
        return (self.word + delay).encode("ascii", "replace")[:_MAX_WORD_BYTES]


DONE = Verdict(CloseCode.DONE, "done")
GOING_AWAY = Verdict(CloseCode.GOING_AWAY, "going_away")
UNMASKED = Verdict(CloseCode.PROTOCOL_ERROR, "unmasked")
BAD_MESSAGE = Verdict(CloseCode.BAD_MESSAGE, "bad_message")
BAD_JSON = Verdict(CloseCode.BAD_MESSAGE, "bad_json")
BAD_TEXT = Verdict(CloseCode.BAD_MESSAGE, "bad_utf8")
BAD_FRAME = Verdict(CloseCode.BAD_MESSAGE, "bad_frame")
TEXT_FRAME = Verdict(CloseCode.BAD_MESSAGE, "text_frame")
BINARY_FRAME = Verdict(CloseCode.BAD_MESSAGE, "binary_frame")
EXTRA_FRAME = Verdict(CloseCode.BAD_MESSAGE, "extra_frame")
EXPIRED = Verdict(CloseCode.UNAUTHENTICATED, "token_expired")
TOO_LARGE = Verdict(CloseCode.TOO_LARGE, "too_large")
RATE_LIMITED = Verdict(CloseCode.RATE_LIMITED, "rate_limited")
SLOW = Verdict(CloseCode.RATE_LIMITED, "slow")
FRAGMENTS = Verdict(CloseCode.RATE_LIMITED, "fragments")
UNFINISHED = Verdict(CloseCode.RATE_LIMITED, "unfinished")
NO_ROOM = Verdict(CloseCode.RATE_LIMITED, "no_room")
INTERNAL = Verdict(CloseCode.INTERNAL, "internal")
UNAVAILABLE = Verdict(CloseCode.UNAVAILABLE, "unavailable")

_WITH_DELAY = frozenset({"QUOTA_EXCEEDED"})
"""Reasons with a delay longer than a client's own backoff, which the close frame has to tell."""

_OF_STATUS = {
    grpc.StatusCode.OK: DONE,
    grpc.StatusCode.INVALID_ARGUMENT: BAD_MESSAGE,
    grpc.StatusCode.OUT_OF_RANGE: BAD_MESSAGE,
    grpc.StatusCode.FAILED_PRECONDITION: BAD_MESSAGE,
    grpc.StatusCode.UNAUTHENTICATED: EXPIRED,
    grpc.StatusCode.PERMISSION_DENIED: Verdict(CloseCode.FORBIDDEN, "forbidden"),
    grpc.StatusCode.NOT_FOUND: Verdict(CloseCode.NOT_FOUND, "not_found"),
    grpc.StatusCode.UNIMPLEMENTED: Verdict(CloseCode.NOT_FOUND, "unimplemented"),
    grpc.StatusCode.ALREADY_EXISTS: Verdict(CloseCode.SUPERSEDED, "superseded"),
    grpc.StatusCode.ABORTED: Verdict(CloseCode.SUPERSEDED, "superseded"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: RATE_LIMITED,
    grpc.StatusCode.UNAVAILABLE: UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED: UNAVAILABLE,
    # The sidecar handles its own cancellations elsewhere; other calls are cancelled only by a service that is stopping.
    grpc.StatusCode.CANCELLED: UNAVAILABLE,
}
# Close codes of aiohttp's frame parser, and of the check in front of it (streams/frame_meter.py).
_OF_PARSER = {
    WSCloseCode.MESSAGE_TOO_BIG: TOO_LARGE,
    WSCloseCode.INVALID_TEXT: BAD_TEXT,
    WSCloseCode.PROTOCOL_ERROR: BAD_FRAME,
    WSCloseCode.UNSUPPORTED_DATA: BAD_FRAME,
    WSCloseCode.POLICY_VIOLATION: UNMASKED,
}


def of_status(code: grpc.StatusCode, reason: str | None = None, retry_after_s: float | None = None) -> Verdict:
    """Returns the verdict for a stream that ended with `code`.

    Args:
        code: The gRPC status code.
        reason: ErrorInfo's reason, UPPER_SNAKE; None for a status without one.
        retry_after_s: RetryInfo's delay; None for a status without one.
    """
    verdict = _OF_STATUS.get(code, INTERNAL)
    if reason is None or code is grpc.StatusCode.OK:
        return verdict
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "TOO_LARGE" in reason:
        return Verdict(CloseCode.TOO_LARGE, reason.lower())
    if code is grpc.StatusCode.ABORTED and reason != "SUPERSEDED":
        return Verdict(CloseCode.UNAVAILABLE, reason.lower())
    delay_s = math.ceil(retry_after_s or 0) if reason in _WITH_DELAY else 0
    return Verdict(verdict.code, reason.lower(), delay_s)


def of_parser(code: int) -> Verdict | None:
    """Returns the verdict for the parser's close code; None if `code` is not one of the parser's."""
    return next((verdict for known, verdict in _OF_PARSER.items() if known == code), None)


def of_error(error: grpc.aio.AioRpcError) -> Verdict:
    """Returns the verdict for a stream that failed with `error`."""
    status = status_of(error)
    return of_status(error.code(), reason_of(status), retry_after_s_of(status))


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """Returns the google.rpc.Status in the metadata of `error`, or one with its code and a generic text."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                break
    code: tuple[int, str] = error.code().value
    # Errors raised by gRPC itself contain internal addresses and file names in their text.
    return status_pb2.Status(code=code[0], message=code[1])


def reason_of(status: status_pb2.Status) -> str | None:
    """Returns ErrorInfo's reason, or None without one."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return str(info.reason) or None
    return None


def retry_after_s_of(status: status_pb2.Status) -> float | None:
    """Returns RetryInfo's delay in seconds, or None without one."""
    info = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Is(info.DESCRIPTOR) and detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
