"""A chunk's payload: bounded inflation, validated decoding, and compression for storage.

The sender is not trusted: a payload is inflated only up to its bound, must be one JSON array in UTF-8,
and each of its elements must be an rrweb event with an integer `type` and a `timestamp` in milliseconds.
Any violation raises BadPayload with one sentence that names the event and the limit.
"""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import msgspec
from isal import igzip, isal_zlib

from services.audit.rrweb import BareEvent, Event

_NOT_GZIP: Any = isal_zlib.error

GZIP_LEVEL = 1
"""Of isal's levels 0 to 3, the one with most of the gain for the least time (1.1 GB/s measured)."""

SMALLEST_LEVEL = 6
"""Of zlib's levels 0 to 9: the one of recorders (CompressionStream)."""

MAX_MEMBERS = 16
"""Maximum number of gzip members in a payload. Recorders send one; each costs a decompressor and a copy of the
remaining bytes: 1 MiB of empty members took 16 s."""

MAX_INFLATION = 200
"""Maximum number of bytes of JSON per byte sent. Recordings have 2 to 12, a page of 100,000 equal elements has 17; gzip
reaches 1,030."""

INFLATION_FROM_BYTES = 32 * 1024 * 1024
"""Smaller texts may inflate by any factor, as a page of repeated text does; the number of parts bounds their cost."""

COUNTED_FROM_BYTES = 1024 * 1024
"""Smaller texts cannot exceed the limits of parts (json_tape/counting.py), except with events that are not events."""

MIN_TIMESTAMP_MS = 100_000_000_000
"""3 March 1973. Smaller timestamps are in seconds, or are not timestamps."""

MAX_TIMESTAMP_MS = 253_402_300_799_999
"""The end of the year 9999, the last moment that protobuf's Timestamp can hold."""


class Fault(Enum):
    """Reason for rejecting a payload; the contract's RejectReason without its prefix."""

    TOO_LARGE = "TOO_LARGE"
    INVALID_PAYLOAD = "INVALID_PAYLOAD"
    INVALID_TIME = "INVALID_TIME"


class BadPayload(Exception):  # noqa: N818 - named after the payload, as in the contract
    """A payload that cannot be stored. `str()` is one sentence for the sender.

    Attributes:
        fault: The reason.
        cpu_s: Processor time that the payload has cost, in seconds; set where it is measured.
    """

    def __init__(self, fault: Fault, message: str, cpu_s: float = 0.0) -> None:
        super().__init__(message)
        self.fault = fault
        self.cpu_s = cpu_s


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a payload.

    Attributes:
        max_bytes: Maximum size as sent.
        max_inflated_bytes: Maximum size of the JSON text.
        min_timestamp_ms: Earliest timestamp of an event, in milliseconds since 1970 UTC; 0 for imports,
            which keep fixtures and recordings made by broken clocks.
        max_timestamp_ms: Latest timestamp of an event.
        max_inflation: Maximum number of bytes of JSON per byte sent, of texts over INFLATION_FROM_BYTES; 0: any.
    """

    max_bytes: int
    max_inflated_bytes: int
    min_timestamp_ms: int = MIN_TIMESTAMP_MS
    max_timestamp_ms: int = MAX_TIMESTAMP_MS
    max_inflation: int = MAX_INFLATION


def inflate(payload: bytes, bounds: Bounds) -> bytes:
    """Returns the JSON text of a gzip payload.

    Raises:
        BadPayload: If it is not gzip, is truncated, has trailing data, or inflates to more than
            `bounds.max_inflated_bytes`, or by more than `bounds.max_inflation`.
    """
    text, rest, limit = b"", payload, bounds.max_inflated_bytes
    if bounds.max_inflation:
        limit = min(limit, max(INFLATION_FROM_BYTES, bounds.max_inflation * len(payload)))
    members = 0
    try:
        while rest:
            members += 1
            if members > MAX_MEMBERS:
                raise BadPayload(Fault.INVALID_PAYLOAD, f"payload: the gzip data has more than {MAX_MEMBERS} members")
            stream = isal_zlib.decompressobj(wbits=31)
            part = stream.decompress(rest, limit - len(text) + 1)
            text = text + part if text else part
            if len(text) > limit:
                raise BadPayload(Fault.TOO_LARGE, _why_too_large(limit, bounds))
            if not stream.eof:
                raise BadPayload(Fault.INVALID_PAYLOAD, "payload: the gzip data ends too early")
            rest = stream.unused_data
    except _NOT_GZIP as error:
        raise BadPayload(Fault.INVALID_PAYLOAD, "payload: is not gzip, although its encoding is gzip") from error
    return text


def _why_too_large(limit: int, bounds: Bounds) -> str:
    if limit == bounds.max_inflated_bytes:
        return f"payload: inflates to more than max_inflated_bytes ({limit:,}); send smaller chunks"
    return (
        f"payload: inflates to more than {limit:,} bytes; the JSON may have {bounds.max_inflation} times the bytes "
        "that are sent"
    )


def check_parts(text: bytes) -> None:
    """Checks the number of parts of a JSON text, before anything is built of it; the text may be invalid.

    Raises:
        BadPayload: If it has more values, strings or events than json_tape/counting.py allows.
    """
    if len(text) <= COUNTED_FROM_BYTES:
        return
    from services.audit.json_tape.counting import MAX_EVENTS, MAX_STRINGS, MAX_VALUES, count_parts

    counts = count_parts(text)
    for count, limit, name in (
        (counts.elements, MAX_EVENTS, "events"),
        (counts.values, MAX_VALUES, "JSON values"),
        (counts.strings, MAX_STRINGS, "strings"),
    ):
        if count > limit:
            raise BadPayload(
                Fault.TOO_LARGE, f"payload: has {count:,} {name}, more than {limit:,}; send smaller chunks"
            )


STORED_MARGIN_BYTES = 60 * 1024
"""Number of bytes by which a chunk may be larger as stored than as sent: it is compressed again after masking. With the
fields beside it, a message of a replay is at most 64 KiB larger than the largest chunk (rpc/server.py)."""


def deflate_within(text: bytes, bounds: Bounds) -> bytes:
    """Returns `text` as gzip, compressed better if it would be too large otherwise.

    Raises:
        BadPayload: It is larger than `bounds.max_bytes` and STORED_MARGIN_BYTES.
    """
    limit = bounds.max_bytes + STORED_MARGIN_BYTES
    payload = deflate(text)
    if len(payload) > limit:
        payload = gzip.compress(text, SMALLEST_LEVEL, mtime=0)
    if len(payload) > limit:
        raise BadPayload(
            Fault.TOO_LARGE,
            f"payload: {len(payload):,} bytes after masking are more than max_chunk_bytes ({bounds.max_bytes:,}); "
            "send smaller chunks",
        )
    return payload


def deflate(text: bytes) -> bytes:
    """Returns `text` as gzip. Deterministic: equal texts give equal bytes."""
    compressed: bytes = igzip.compress(text, GZIP_LEVEL, mtime=0)
    return compressed


_events = msgspec.json.Decoder(list[Event])
_raws = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(Event)
_bare_event = msgspec.json.Decoder(BareEvent)


class Decoded(NamedTuple):
    """The events of a chunk.

    Attributes:
        events: The events, decoded as far as `rrweb.Data` goes.
        text: The JSON text that their raw parts are views of: the payload's, or a copy of equal length in which
            lone surrogates are replaced.
        unread: Positions of the events with `data` of unexpected types, which they are without.
    """

    events: list[Event]
    text: bytes
    unread: Sequence[int] = ()


def decode(text: bytes) -> list[Event]:
    """Returns the events of a JSON array; raises the same errors as `decode_chunk`."""
    return decode_chunk(text).events


def decode_chunk(text: bytes) -> Decoded:
    """Returns the events of a JSON array.

    Raises:
        BadPayload: If it has too many parts, is not UTF-8, not JSON, not an array, nested deeper than the
            interpreter's recursion limit, or an element is not an event.
    """
    check_parts(text)
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            raise BadPayload(
                Fault.INVALID_PAYLOAD, f"payload: is not UTF-8 at byte {error.start} of the JSON text"
            ) from None
    try:
        return Decoded(_events.decode(text), text)
    except RecursionError:
        raise BadPayload(Fault.INVALID_PAYLOAD, "payload: the JSON is nested too deep") from None
    except msgspec.DecodeError:
        whole = replace_lone_surrogates(text)
        events, unread = _decode_one_by_one(whole)
        return Decoded(events, whole, unread)


def check_times(events: Sequence[Event], first_ms: float, last_ms: float, bounds: Bounds) -> None:
    """Checks the timestamps of a chunk, given its earliest and its latest.

    Raises:
        BadPayload: If a timestamp is out of bounds; the message names the first such event.
    """
    if not events or bounds.min_timestamp_ms <= first_ms <= last_ms <= bounds.max_timestamp_ms:
        return
    for index, event in enumerate(events):
        if event.timestamp < min(bounds.min_timestamp_ms, MIN_TIMESTAMP_MS):
            why = f"is before {MIN_TIMESTAMP_MS}: timestamps are milliseconds since 1970, not seconds"
        elif event.timestamp < bounds.min_timestamp_ms:
            why = f"is before {bounds.min_timestamp_ms}, the earliest in a session of this id"
        elif event.timestamp > bounds.max_timestamp_ms:
            why = f"is after {bounds.max_timestamp_ms}, the latest in a session of this id"
        else:
            continue
        raise BadPayload(Fault.INVALID_TIME, f"payload: event {index}: timestamp {event.timestamp:.0f} {why}")


def _decode_one_by_one(text: bytes) -> tuple[list[Event], list[int]]:
    """Decodes a payload that the fast path rejected: finds the bad event, or accepts events with unusual `data`.

    Returns:
        The events, and the positions of those that are without their `data`.
    """
    try:
        raws = _raws.decode(text)
    except RecursionError:
        raise BadPayload(Fault.INVALID_PAYLOAD, "payload: the JSON is nested too deep") from None
    except msgspec.ValidationError:
        raise BadPayload(Fault.INVALID_PAYLOAD, "payload: is not a JSON array") from None
    except msgspec.DecodeError as error:
        raise BadPayload(Fault.INVALID_PAYLOAD, f"payload: is not JSON ({error})") from None
    events: list[Event] = []
    unread: list[int] = []
    for index, raw in enumerate(raws):
        try:
            events.append(_event.decode(raw))
        except msgspec.ValidationError:
            try:
                bare = _bare_event.decode(raw)
            except msgspec.ValidationError as error:
                raise BadPayload(
                    Fault.INVALID_PAYLOAD,
                    f"payload: event {index} is not an object with an integer type and a numeric timestamp ({error})",
                ) from None
            events.append(Event(bare.type, bare.timestamp))
            unread.append(index)
    return events, unread


def replace_lone_surrogates(text: bytes) -> bytes:
    """Returns `text` with each lone surrogate replaced by U+FFFD; the length stays the same.

    JavaScript strings may contain lone surrogates, and JSON.stringify writes them as escapes, which strict
    decoders reject. The stored payload keeps them.
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return text
    from services.audit.json_tape.counting import without_lone_surrogates

    return without_lone_surrogates(text)
