"""Values of messages: times, durations, enums and ids, and the violations of invalid ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.errors import InvalidArgument, Violations
from services.runtime.rpc.enums import EnumCodec

_UUID_V7 = 7
_MAX_DURATION_S = 315_576_000_000
"""Maximum of google.protobuf.Duration, in seconds."""


def timestamp(ms: int) -> Timestamp:
    """Returns milliseconds since 1970 UTC as a Timestamp."""
    return Timestamp(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def duration(ms: int | None) -> Duration | None:
    """Returns milliseconds as a Duration."""
    return None if ms is None else Duration(seconds=ms // 1000, nanos=ms % 1000 * 1_000_000)


def milliseconds(value: Timestamp | Duration) -> int:
    """Returns a Timestamp or a Duration in milliseconds."""
    return value.seconds * 1000 + value.nanos // 1_000_000


def as_enums(numbers: Iterable[int]) -> list[Any]:
    """Returns the contract's values; the generated types require their own subclass of int."""
    return [int(number) for number in numbers]


def offset_ms(value: Duration, field: str, problems: Violations) -> int:
    """Returns an offset in milliseconds; one that is out of range is added to the problems."""
    if value.seconds < 0 or value.nanos < 0:
        problems.add(field, f"must not be negative, is {milliseconds(value) / 1000:g} s")
    elif value.seconds > _MAX_DURATION_S:
        problems.add(field, f"must not be above {_MAX_DURATION_S:,} s")
    return milliseconds(value)


def number_of(codec: EnumCodec, value: int, field: str, problems: Violations) -> int:
    """Returns an enum's number; 0: it is refused."""
    try:
        return codec.to_number(value, field, specified=True)
    except InvalidArgument as error:
        problems.add(field, error.violations[0].description)
        return 0


def uuid_of(text: str, field: str, problems: Violations) -> UUID | None:
    """Returns an id; None: it is refused."""
    try:
        return UUID(text)
    except ValueError:
        problems.add(field, "is not a UUID" if text else "is required")
        return None


def session_id_of(text: str, field: str, problems: Violations) -> str:
    """Returns a session's id in its canonical form; "": it is refused."""
    session = uuid_of(text, field, problems)
    if session is None:
        return ""
    if session.version != _UUID_V7:
        problems.add(field, "must be a UUIDv7")
    return str(session)
