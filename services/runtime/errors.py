"""Every error that a caller may see, and how it is put on the wire.

    AfterimageError            a gRPC code, a reason (UPPER_SNAKE), one sentence
    ├── InvalidArgument        names the fields at fault
    ├── Unauthenticated        no token, or one that does not hold
    ├── PermissionDenied       the token does not allow it
    ├── NotFound               there is none, or not in the caller's project
    ├── FailedPrecondition     not in this state
    ├── Aborted                another call took over
    ├── ResourceExhausted      over a limit; may say when to come back
    ├── Unavailable            an upstream is away; says when to come back
    └── Unimplemented          in the contract, not built yet

The wire form is google.rpc.Status with ErrorInfo (domain "afterimage"), BadRequest and RetryInfo, as
AIP-193 describes; it travels in the trailing metadata `grpc-status-details-bin`.
"""

# ruff: noqa: N818 - named as gRPC names its codes

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOMAIN = "afterimage"


class AfterimageError(Exception):
    """An error whose text may be shown to the caller.

    Attributes:
        code: The gRPC status code.
        reason: What went wrong, UPPER_SNAKE, stable: programs act on it.
        message: One sentence for people, naming the field and the limit where there is one.
        metadata: More for programs, such as the limit that was hit.
        retry_after_s: When a retry may help, in seconds; None: it will not.
    """

    code = grpc.StatusCode.INTERNAL
    reason = "INTERNAL"

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or type(self).reason
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field that is not as it must be."""

    field: str
    description: str


class InvalidArgument(AfterimageError):
    """The request is wrong whatever the state of the system; `violations` names the fields."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = "INVALID_ARGUMENT"

    def __init__(self, violations: Sequence[FieldViolation], *, reason: str | None = None) -> None:
        super().__init__("; ".join(f"{v.field}: {v.description}" for v in violations), reason=reason)
        self.violations = tuple(violations)

    @classmethod
    def of(cls, field: str, description: str, *, reason: str | None = None) -> InvalidArgument:
        """Returns the error for one field."""
        return cls([FieldViolation(field, description)], reason=reason)


class Violations:
    """Collects field problems, so that a caller hears of all of them at once."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Notes that `field` is not as it must be."""
        self._found.append(FieldViolation(field, description))

    def raise_if_any(self) -> None:
        """Raises InvalidArgument if anything was noted."""
        if self._found:
            raise InvalidArgument(self._found)


class Unauthenticated(AfterimageError):
    """There is no token, or it does not hold."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(AfterimageError):
    """The token holds and does not allow this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class NotFound(AfterimageError):
    """There is no such thing in the caller's project."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class FailedPrecondition(AfterimageError):
    """Right in itself, but not in this state."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = "FAILED_PRECONDITION"


class Aborted(AfterimageError):
    """Another call took over."""

    code = grpc.StatusCode.ABORTED
    reason = "ABORTED"


class ResourceExhausted(AfterimageError):
    """Over a limit."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = "RESOURCE_EXHAUSTED"


class Unavailable(AfterimageError):
    """An upstream is away; trying again later may help."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)


class Unimplemented(AfterimageError):
    """In the contract, not built yet."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "UNIMPLEMENTED"


def to_status(error: AfterimageError) -> status_pb2.Status:
    """Returns the google.rpc.Status that carries `error` with all its details."""
    details: list[any_pb2.Any] = []

    def attach(
        detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
    ) -> None:
        packed = any_pb2.Any()
        packed.Pack(detail)
        details.append(packed)

    attach(error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata))
    if isinstance(error, InvalidArgument):
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        attach(error_details_pb2.BadRequest(field_violations=fields))
    if error.retry_after_s is not None:
        delay = duration_pb2.Duration(
            seconds=int(error.retry_after_s), nanos=int((error.retry_after_s % 1) * 1_000_000_000)
        )
        attach(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(code=error.code.value[0], message=error.message, details=details)
