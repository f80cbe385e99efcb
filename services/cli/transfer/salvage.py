"""Reads damaged JSON: everything whole is taken, the rest is counted.

Strict JSON never comes here. Of a document that the strict decoder refuses, every event is kept that is whole in
itself: up to the point where a file was cut off, and after a damaged event from the next whole one on. An event that is
not whole is never repaired. Several documents after each other are read one by one.

NaN and Infinity, which Python and some databases write, become null, as JSON.stringify writes them; control characters
in strings become their escapes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from services.cli.transfer.inflate import looks_packed

MAX_DEPTH = 6
"""Maximum nesting of the containers around events: a list of sessions, a session, its windows, their batches."""

MAX_SEARCHES = 50_000
"""Maximum number of places of a text at which the next event is looked for; the text after them is left out."""

_SEPARATORS = re.compile(r"[\s,\x1e]*")
"""Between values: also the commas of an array without its brackets, and RFC 7464's record separator."""

_NEXT = re.compile(r"[,\n\]\[]\s*(?=[\[{])")
"""Where the next event may begin."""

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_TOKEN = re.compile(_STRING + r"|[\[\]{}]", re.DOTALL)
_ODD = re.compile(_STRING + r"|-?\b(?:NaN|Infinity)\b", re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}
_DELIMITER = re.compile(r"[,\]}]")
_CONTROL = re.compile(r"[\x00-\x1f]")


@dataclass(slots=True)
class Salvaged:
    """Result of reading a damaged text.

    Attributes:
        values: The documents as valid JSON, without their damaged parts; each has an event, or something like it.
        lost: Number of parts left out.
        lost_at: Byte offset of the first of them; None: none was.
        nulls: Number of NaN and Infinity.
        escapes: Number of control characters.
    """

    values: list[bytes] = field(default_factory=list)
    lost: int = 0
    lost_at: int | None = None
    nulls: int = 0
    escapes: int = 0


def salvage(text: bytes) -> Salvaged:
    """Returns the readable parts of a text.

    Args:
        text: Anything; expected to be UTF-8, which is not checked.
    """
    return _Salvager(text).read()


class _Part(NamedTuple):
    """A value, or its remains.

    Attributes:
        text: Valid JSON; None: nothing is left.
        end: Position after it.
        has_events: It is an event, or contains one.
    """

    text: str | None
    end: int
    has_events: bool


class _NoContainerError(Exception):
    """A damaged value is an event, or no container of events."""


class _Salvager:
    def __init__(self, text: bytes) -> None:
        # One character for each byte: positions are byte offsets, and parts go back into bytes unchanged.
        self._text = text.decode("latin-1")
        self._decoder = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
        self._result = Salvaged()
        self._searches = 0

    def read(self) -> Salvaged:
        at = self._skip(0)
        while at < len(self._text):
            part = self._part(at, 0)
            if part.text is not None and part.has_events:
                self._result.values.append(part.text.encode("latin-1"))
            elif part.text is not None:
                self._lose(at)  # a word or a number between documents
            at = self._skip(part.end)
        return self._result

    def _part(self, at: int, depth: int) -> _Part:
        try:
            value, end = self._decode(at)
        except ValueError as error:
            return self._damaged(at, depth, getattr(error, "pos", at))
        return _Part(self._mended(at, end), end, _has_events(value))

    def _damaged(self, at: int, depth: int, broken_at: int) -> _Part:
        """The remains of a damaged container, or nothing of an event."""
        before = self._result.lost, self._result.lost_at
        if depth < MAX_DEPTH and self._text[at : at + 1] in ("[", "{"):
            try:
                return self._list(at, depth) if self._text[at] == "[" else self._object(at, depth)
            except _NoContainerError:
                self._result.lost, self._result.lost_at = before
        self._lose(broken_at)
        return _Part(None, self._after(at), has_events=False)

    def _list(self, at: int, depth: int) -> _Part:
        parts: list[_Part] = []
        at = self._skip(at + 1)
        while self._text[at : at + 1] not in ("", "]"):
            parts.append(self._part(at, depth + 1))
            at = self._skip(parts[-1].end)
        whole = [part.text for part in parts if part.text is not None]
        if not any(part.has_events for part in parts) or (depth and whole[0].startswith('"') and len(whole) < 2):
            raise _NoContainerError  # as a pair of a window and a damaged event
        return _Part(f"[{','.join(whole)}]", at + 1, has_events=True)

    def _object(self, at: int, depth: int) -> _Part:
        members, has_events = list[str](), False
        at = self._skip(at + 1)
        while self._text[at : at + 1] not in ("", "}"):
            key, value_at = self._key(at)
            if key in {"type", "timestamp"}:
                raise _NoContainerError
            part = self._part(value_at, depth + 1)
            if part.text is not None:
                members.append(f"{json.dumps(key)}:{part.text}")
            has_events = has_events or part.has_events
            at = self._skip(part.end)
        if not has_events:
            raise _NoContainerError
        return _Part("{" + ",".join(members) + "}", at + 1, has_events=True)

    def _key(self, at: int) -> tuple[str, int]:
        """A key, and the position of its value."""
        try:
            key, end = self._decode(at)
        except ValueError:
            raise _NoContainerError from None
        colon = self._skip(end)
        value_at = self._skip(colon + 1)
        if not isinstance(key, str) or self._text[colon : colon + 1] != ":" or value_at >= len(self._text):
            raise _NoContainerError
        return key, value_at

    def _decode(self, at: int) -> tuple[Any, int]:
        """The whole value at a position, and its end; raises ValueError if it is damaged."""
        try:
            return self._decoder.raw_decode(self._text, at)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def _skip(self, at: int) -> int:
        found = _SEPARATORS.match(self._text, at)
        return found.end() if found else at

    def _after(self, at: int) -> int:
        """Where reading continues after a damaged value: at its end, else at the next event."""
        if self._text[at] not in '[{"':
            delimiter = _DELIMITER.search(self._text, at)
            return max(delimiter.start(), at + 1) if delimiter else len(self._text)
        if (end := self._end(at)) is not None:
            return end
        for found in _NEXT.finditer(self._text, at):
            self._searches += 1
            if self._searches > MAX_SEARCHES:
                break
            try:
                value, _ = self._decode(found.end())
            except ValueError:
                continue
            if _has_events(value):
                return found.end()
        return len(self._text)

    def _end(self, at: int) -> int | None:
        """The end of a value by its brackets; None: they do not match."""
        awaited: list[str] = []
        for token in _TOKEN.finditer(self._text, at):
            if token[0] in _CLOSING:
                awaited.append(_CLOSING[token[0]])
            elif token[0] in ("]", "}") and (not awaited or awaited.pop() != token[0]):
                break
            if not awaited:
                after = self._skip(token.end())
                if self._text[after : after + 1] in ("", "]", "}", "[", "{", '"'):
                    return token.end()
                break
        return None

    def _lose(self, at: int) -> None:
        self._result.lost += 1
        if self._result.lost_at is None:
            self._result.lost_at = min(at, len(self._text))

    def _mended(self, at: int, end: int) -> str:
        part = self._text[at:end]
        if "NaN" in part or "Infinity" in part or _CONTROL.search(part):
            return _ODD.sub(self._mend, part)
        return part

    def _mend(self, found: re.Match[str]) -> str:
        if not found[0].startswith('"'):
            self._result.nulls += 1
            return "null"
        text, count = _CONTROL.subn(lambda one: f"\\u{ord(one[0]):04x}", found[0])
        self._result.escapes += count
        return text


def _has_events(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether a value is an event or a container of events, judged by its first parts."""
    if isinstance(value, str):
        return looks_packed(value) or value.startswith('{"')
    if depth == 0:
        return False
    if isinstance(value, dict):
        if "type" in value and "timestamp" in value:
            return True
        return any(_has_events(one, depth - 1) for one in list(value.values())[:50] if isinstance(one, list | dict))
    return isinstance(value, list) and any(_has_events(one, depth - 1) for one in value[:3])
