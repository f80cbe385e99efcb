"""Joins stored chunks back into the JSON array that rrweb's own Replayer plays."""

from __future__ import annotations

import heapq
import zlib
from typing import TYPE_CHECKING, Protocol

import msgspec

from services.export.rrweb_json.events import EventHead, event_head
from services.export.rrweb_json.surrogates import hide_lone_surrogates, show_lone_surrogates

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

MAX_PAYLOAD_BYTES = 64 * 1024**2
"""Maximum inflated size of a chunk, in bytes: the contract's default max_inflated_bytes."""

_WHITESPACE = b" \t\r\n"


class ChunkError(Exception):
    """A stored chunk is damaged; `str()` names the chunk and the reason."""


class Sink(Protocol):
    """Destination of the export: a file opened for bytes, or `sys.stdout.buffer`."""

    def write(self, data: bytes, /) -> object:
        """Writes bytes."""


def write_events(chunks: Iterable[tuple[Hashable, bytes]], out: Sink, *, windows: int | None = None) -> int:
    """Writes the events of a session as one JSON array, each as it was stored.

    One window's events are its chunks' texts one after the other, never decoded. Several windows' are
    merged by timestamp; each window keeps its own order even where its clock went back, and for equal
    times the window with the earlier chunk is written first. rrweb assigns node ids per window, so a
    merged array replays the windows mixed up: export one window to watch it alone.

    Args:
        chunks: Pairs of a window's id and a payload (a JSON array; gzip or plain), a window's in order of seq;
            windows may be interleaved or one after the other.
        out: Destination.
        windows: Number of windows. With 1 all data is written as it arrives; otherwise payloads are held,
            still compressed, until the last has arrived.

    Returns:
        The number of bytes written.

    Raises:
        ChunkError: A payload is not gzip or not a JSON array, or windows=1 and a second window arrives.
            The output until then is not a JSON document.
    """
    if windows == 1:
        return _write_array(_texts_of_one(chunks), out)
    held: dict[Hashable, list[bytes]] = {}
    for window, payload in chunks:
        held.setdefault(window, []).append(payload)
    if len(held) == 1:
        ((window, payloads),) = held.items()
        return _write_array(_texts_of_one((window, payload) for payload in payloads), out)
    lanes = [_timed(window, payloads) for window, payloads in held.items()]
    return _write_array((event for _, event in heapq.merge(*lanes, key=lambda timed: timed[0])), out)


def text_of(payload: bytes, window: Hashable, number: int) -> bytes:
    """Returns the events of a chunk as they were stored, separated by commas; b"": it has no events.

    Args:
        payload: A JSON array, gzip or plain.
        window: Id of its window, for the error.
        number: Number of the chunk in its window from 1, for the error.

    Raises:
        ChunkError: It is not gzip or not a JSON array.
    """
    text = _inflate(payload, window, number).strip(_WHITESPACE)
    if not (text.startswith(b"[") and text.endswith(b"]")):
        raise ChunkError(f"chunk {number} of window {window} is not a JSON array")
    return text[1:-1].strip(_WHITESPACE)


def events_of(payload: bytes, window: Hashable, number: int) -> Iterator[tuple[EventHead, bytes]]:
    """Yields the events of a chunk, each with its head and its text as it was stored. Arguments as of `text_of`.

    Raises:
        ChunkError: It is not gzip or not an array of events.
    """
    text = _inflate(payload, window, number)
    try:
        hidden = _needs_hiding(text)
        for raw in msgspec.json.decode(hide_lone_surrogates(text) if hidden else text, type=list[msgspec.Raw]):
            event = show_lone_surrogates(bytes(raw)) if hidden else bytes(raw)
            yield event_head(event), event
    except (msgspec.DecodeError, RecursionError) as error:
        raise ChunkError(f"chunk {number} of window {window} is not an array of events: {error}") from error


def _write_array(texts: Iterable[bytes], out: Sink) -> int:
    size_bytes = 0
    for text in texts:
        out.write(b"," if size_bytes else b"[")
        out.write(text)
        size_bytes += 1 + len(text)
    end = b"]" if size_bytes else b"[]"
    out.write(end)
    return size_bytes + len(end)


def _texts_of_one(chunks: Iterable[tuple[Hashable, bytes]]) -> Iterator[bytes]:
    """The chunks' texts without their brackets."""
    only: list[Hashable] = []
    for number, (window, payload) in enumerate(chunks, start=1):
        if window not in only:
            only.append(window)
            if len(only) > 1:
                raise ChunkError(f"chunk {number} is of window {window}, and only {only[0]} was expected")
        if inner := text_of(payload, window, number):
            yield inner


def _timed(window: Hashable, payloads: list[bytes]) -> Iterator[tuple[float, bytes]]:
    """A window's events with their due time: the latest time in the window up to then."""
    due_ms = float("-inf")
    for number, payload in enumerate(payloads, start=1):
        for head, event in events_of(payload, window, number):
            due_ms = max(due_ms, head.timestamp)
            yield due_ms, event


def _needs_hiding(text: bytes) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError:
        return hide_lone_surrogates(text) != text
    return False


def _inflate(payload: bytes, window: Hashable, number: int) -> bytes:
    if not payload.startswith(b"\x1f\x8b"):
        return payload
    text, rest = b"", payload
    try:
        while rest:
            stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            text += stream.decompress(rest, MAX_PAYLOAD_BYTES + 1 - len(text))
            if len(text) > MAX_PAYLOAD_BYTES:
                raise ChunkError(f"chunk {number} of window {window} inflates to more than {MAX_PAYLOAD_BYTES:,} bytes")
            if not stream.eof:
                raise ChunkError(f"chunk {number} of window {window} is cut off")
            rest = stream.unused_data
    except zlib.error as error:
        raise ChunkError(f"chunk {number} of window {window} cannot be inflated: {error}") from error
    return text
