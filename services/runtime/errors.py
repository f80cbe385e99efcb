"""Every error that a caller may see.

    AfterimageError            a gRPC code, a reason (UPPER_SNAKE), one sentence
    ├── InvalidArgument        names the invalid fields
    ├── Unauthenticated        the token is missing or invalid
    ├── PermissionDenied       the token does not allow it
    ├── NotFound               does not exist, or not in the caller's project
    ├── FailedPrecondition     not possible in the current state
    ├── Aborted                another call took over
    ├── ResourceExhausted      over a limit; may have a retry delay
    ├── Unavailable            an upstream is unavailable; has a retry delay
    └── Unimplemented          in the contract, not implemented yet

The wire form (rpc/status.py) is google.rpc.Status with ErrorInfo (domain "afterimage"), BadRequest and RetryInfo, as
described in AIP-193; it travels in the trailing metadata `grpc-status-details-bin`.
"""

# ruff: noqa: N818 - named as gRPC names its codes

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DOMAIN = "afterimage"


class AfterimageError(Exception):
    """An error with a text that the caller may see.

    Attributes:
        code: The gRPC status code.
        reason: The cause, UPPER_SNAKE and stable, for programs to act on.
        message: One sentence for people, naming the field and the limit, if any.
        metadata: Further data for programs, such as the exceeded limit.
        retry_after_s: Delay in seconds after which a retry may succeed; None: a retry will not.
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
    """An invalid field."""

    field: str
    description: str


class InvalidArgument(AfterimageError):
    """The request is invalid in any state of the system; `violations` names the fields."""

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
    """Collects field problems, so that a caller gets all of them at once."""

    def __init__(self) -> None:
        self._found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Adds an invalid field."""
        self._found.append(FieldViolation(field, description))

    def raise_if_any(self) -> None:
        """Raises InvalidArgument if a field is invalid."""
        if self._found:
            raise InvalidArgument(self._found)


class Unauthenticated(AfterimageError):
    """The token is missing or invalid."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = "UNAUTHENTICATED"


class PermissionDenied(AfterimageError):
    """The token is valid but does not allow this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = "PERMISSION_DENIED"


class NotFound(AfterimageError):
    """The object does not exist in the caller's project."""

    code = grpc.StatusCode.NOT_FOUND
    reason = "NOT_FOUND"


class FailedPrecondition(AfterimageError):
    """The request is valid, but not in the current state."""

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
    """An upstream is unavailable; a later retry may succeed."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = "UNAVAILABLE"

    def __init__(self, message: str, *, reason: str | None = None, retry_after_s: float = 1.0) -> None:
        super().__init__(message, reason=reason, retry_after_s=retry_after_s)


class Unimplemented(AfterimageError):
    """In the contract, not implemented yet."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = "UNIMPLEMENTED"
