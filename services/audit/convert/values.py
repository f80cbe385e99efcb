"""Conversions shared by the others: times, durations, ids and enums."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol
from uuid import UUID

from afterimage.recording.v1 import interaction_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.audit.model import Target
from services.runtime.errors import InvalidArgument, Violations
from services.runtime.rpc.enums import EnumCodec

_MOST_MS = 2**62
_UUID_V7 = 7


def known(codec: EnumCodec, number: int) -> Any:
    """Returns a stored number as an enum's value; the generated types require their own subclass of int."""
    return codec.from_storage(number)


class ToNumber(Protocol):
    """A conversion of an enum's value to its stored number: one of `services.audit.enums`."""

    def __call__(self, value: int, field: str, *, specified: bool) -> int:
        """Returns the number. Raises InvalidArgument, listing the allowed names."""
        ...


def numbers(to_number: ToNumber, field: str, given: Iterable[int], problems: Violations) -> tuple[int, ...]:
    """Returns the stored numbers of an enum's values in a request; each unspecified or unknown one is a problem.

    Args:
        to_number: The enum's conversion.
        field: The request's field.
        given: The values.
        problems: Receives one violation per refused value.
    """
    found = []
    for value in given:
        try:
            found.append(to_number(value, field, specified=True))
        except InvalidArgument as error:
            problems.add(field, error.violations[0].description)
    return tuple(found)


def as_is(number: int) -> Any:
    """Returns a number of the domain as an enum's value: both use the same numbers."""
    return int(number)


def target(found: Target | None) -> interaction_pb2.Target | None:
    """Returns the element of an interaction."""
    if found is None:
        return None
    return interaction_pb2.Target(name=found.name, role=found.role, tag=found.tag, selector=found.selector)


def timestamp(ms: int) -> Timestamp:
    """Returns milliseconds since 1970 UTC as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def duration(ms: int) -> Duration:
    """Returns milliseconds as a Duration."""
    return Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def milliseconds(value: Timestamp | Duration) -> int:
    """Returns a Timestamp or a Duration in milliseconds, clamped to the range of storage."""
    return min(max(value.seconds * 1000 + value.nanos // 1_000_000, -_MOST_MS), _MOST_MS)


def session_id(text: str, field: str = "session_id") -> UUID:
    """Returns the UUIDv7 in a request.

    Raises:
        InvalidArgument: If the text is not a UUIDv7.
    """
    found = uuid(text, field)
    if found.version != _UUID_V7:
        raise InvalidArgument.of(field, "must be a UUIDv7: its first 48 bits are the session's start time")
    return found


def uuid(text: str, field: str) -> UUID:
    """Returns the UUID in a request.

    Raises:
        InvalidArgument: If the text is not a UUID.
    """
    try:
        return UUID(text)
    except ValueError:
        raise InvalidArgument.of(field, "is required" if not text else "is not a UUID") from None
