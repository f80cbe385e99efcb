"""Reads recordings in other tools' formats, for `afterimage import`.

Supported formats, each plain or gzip, recognised by content and not by name:

    [event, ...]                                   rrweb; PostHog's [window, event] pairs and
                                                   {"windowId", "data": [event, ...]} may stand for an event
    one such item, or one session, per line        JSON lines
    {"events": [...]}                              rrweb-player; also {window: [...]} in place of the list
    {"version", "data": {"id", "snapshots"}}       PostHog's export, 2023-04-28 and 2022-12-02
    {"session_id", "events" | "snapshots" | "data"}  one session of many, as lines or in a list
    {session: [...] | {...}, ...}                  many sessions by id

An event is an object with `type` and `timestamp`, the same packed by @rrweb/packer, or the same with
PostHog's compressed fields. Its text stays as it is in the file (inflated, if it was packed).
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from services.cli.transfer.events import MAIN_WINDOW, FoundEvent, find_events
from services.cli.transfer.inflate import MAX_FILE_BYTES, Allowance, DamageError, read_lines
from services.cli.transfer.recording import (
    ImportedRecording,
    ImportProblem,
    RecordedWindow,
    session_id_for,
    to_chunks,
    window_id_for,
)
from services.cli.transfer.sections import Section, sections
from services.cli.transfer.surrogates import hide_lone_surrogates, show_lone_surrogates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "MAIN_WINDOW",
    "MAX_FILE_BYTES",
    "ImportProblem",
    "ImportedRecording",
    "RecordedWindow",
    "read_recordings",
    "session_id_for",
    "to_chunks",
    "window_id_for",
]

MAX_PROBLEMS = 20
"""Number of problems reported individually per session; further ones are counted."""

_LINE_SUFFIXES = {".jsonl", ".ndjson", ".jsonlines"}
_SUFFIXES = _LINE_SUFFIXES | {".json", ".rrweb", ".txt"}
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")


@dataclass(slots=True)
class _Survey:
    """Result of a first pass over a file.

    Attributes:
        digest: SHA-256 of the inflated text, hexadecimal.
        lines: It is JSON lines; otherwise one document.
        last_line: For each session, the last line with its events.
    """

    digest: str
    lines: bool
    last_line: dict[str, int]


@dataclass(slots=True)
class _Gathering:
    """A session as far as it has been read."""

    windows: dict[str, list[bytes]] = field(default_factory=dict)
    seen: int = 0
    problems: int = 0
    first_ms: float = math.inf


def read_recordings(path: Path, *, max_bytes: int = MAX_FILE_BYTES) -> Iterator[ImportedRecording | ImportProblem]:
    """Yields the recordings of a file, and its problems as they are found.

    A damaged event or line is a Problem, and reading continues; a damaged document is one Problem and
    nothing else. Of JSON lines, a session is held in memory only until its last line; of a document, everything.

    Args:
        path: A file in any of the formats of this module.
        max_bytes: Maximum inflated size of the file, and maximum additional size of its packed events.
    """
    reader = _FormatReader(path, max_bytes)
    try:
        yield from reader.read()
    except DamageError as damage:
        yield ImportProblem(path, damage.line, damage.byte, str(damage))
        yield from reader.finish_all()
    except OSError as error:
        yield ImportProblem(path, None, None, f"cannot be read: {error.strerror or error}")


class _FormatReader:
    """Reads one file, once."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._allowance = Allowance(max_bytes)
        self._base = ""
        self._gathered: dict[str, _Gathering] = {}

    def read(self) -> Iterator[ImportedRecording | ImportProblem]:
        survey = self._survey(as_lines=PurePath(_inner_name(self._path)).suffix in _LINE_SUFFIXES or None)
        self._base = f"{_stem(self._path)}-{survey.digest[:16]}"
        if survey.lines:
            yield from self._read_lines(survey)
            if not survey.last_line:
                yield ImportProblem(self._path, None, None, "contains no recording")
        else:
            yield from self._read_document()
        yield from self.finish_all()

    def _survey(self, *, as_lines: bool | None) -> _Survey:
        """Reads the file once. It is JSON lines if its first line is valid JSON and not the last line.

        Args:
            as_lines: True: treat it as JSON lines; None: detect.
        """
        digest, last_line = hashlib.sha256(), dict[str, int]()
        count, first, second = 0, False, False
        try:
            for number, line in read_lines(self._path, self._max_bytes):
                digest.update(line)
                if line.isspace():
                    continue
                count += 1
                if count == 1:
                    first = _is_json(line)
                elif count == 2:
                    second = line[:1] in b"[{" and _is_json(line)
                if as_lines or first:
                    last_line |= dict.fromkeys(_sessions_of(line, number), number)
        except DamageError:
            pass  # The second pass reaches the same place, and reports it.
        if as_lines is None and not first and second and not _is_json(self._text()):
            return self._survey(as_lines=True)
        return _Survey(digest.hexdigest(), as_lines or (first and count > 1), last_line)

    def _text(self) -> bytes:
        return b"".join([line for _, line in read_lines(self._path, self._max_bytes)])

    def _read_document(self) -> Iterator[ImportProblem]:
        text = self._text()
        try:
            found, hidden = _sections_of(text)
        except (msgspec.DecodeError, RecursionError) as error:
            yield self._not_json(error, text, None)
            return
        for index, section in enumerate(found):
            yield from self._gather(_key(section, str(index) if index else ""), section, hidden=hidden, line=None)

    def _read_lines(self, survey: _Survey) -> Iterator[ImportedRecording | ImportProblem]:
        for number, line in read_lines(self._path, self._max_bytes):
            if line.isspace():
                continue
            try:
                found, hidden = _sections_of(line)
            except (msgspec.DecodeError, RecursionError) as error:
                yield self._not_json(error, line, number)
                continue
            keys = [_key(section, f"{number}.{index}") for index, section in enumerate(found)]
            for key, section in zip(keys, found, strict=True):
                yield from self._gather(key, section, hidden=hidden, line=number)
            for key in dict.fromkeys(keys):
                if survey.last_line.get(key) == number:
                    yield from self._finish(key)

    def _gather(self, key: str, section: Section, *, hidden: bool, line: int | None) -> Iterator[ImportProblem]:
        session = self._gathered.setdefault(key, _Gathering())
        for found in _tolerant(find_events(section.body, section.window, self._allowance)):
            if isinstance(found, FoundEvent):
                event = show_lone_surrogates(found.event) if hidden else found.event
                session.windows.setdefault(found.window, []).append(event)
                session.first_ms = min(session.first_ms, found.timestamp_ms)
            else:
                session.problems += 1
                if session.problems <= MAX_PROBLEMS:
                    yield ImportProblem(self._path, line, None, f"event {session.seen} {found}")
            session.seen += 1

    def finish_all(self) -> Iterator[ImportedRecording | ImportProblem]:
        """Yields the sessions that are still open."""
        for key in list(self._gathered):
            yield from self._finish(key)

    def _finish(self, key: str) -> Iterator[ImportedRecording | ImportProblem]:
        session = self._gathered.pop(key)
        named = f"session {key}" if key and not key.startswith(_UNNAMED) else "the recording"
        if session.problems > MAX_PROBLEMS:
            more = session.problems - MAX_PROBLEMS
            yield ImportProblem(self._path, None, None, f"{more} more events of {named} could not be read")
        if not session.windows:
            yield ImportProblem(self._path, None, None, f"{named} contains no rrweb event")
            return
        foreign_id = key if key and not key.startswith(_UNNAMED) else self._base + key.replace(_UNNAMED, "#")
        windows = tuple(RecordedWindow(name, tuple(events)) for name, events in session.windows.items())
        yield ImportedRecording(foreign_id, windows, math.floor(session.first_ms))

    def _not_json(self, error: Exception, text: bytes, line: int | None) -> ImportProblem:
        if isinstance(error, RecursionError):
            return ImportProblem(self._path, line, None, "is not read: the JSON is nested too deep")
        at = _AT_BYTE.search(str(error))
        what = "is neither gzip, as its name suggests, nor" if self._is_misnamed(text) else "is not"
        byte = (
            int(at[1]) - ("trailing characters" in str(error)) if at else len(text)
        )  # msgspec's offset is one too high
        return ImportProblem(self._path, line, byte, f"{what} JSON: {_AT_BYTE.sub('', str(error))}")

    def _is_misnamed(self, text: bytes) -> bool:
        return self._path.suffix == ".gz" and self._path.stat().st_size == len(text)


_UNNAMED = "\0"
"""Prefix for the key of a session without an id; the rest distinguishes it from others of its file."""


def _key(section: Section, place: str) -> str:
    if section.session is not None:
        return section.session
    return f"{_UNNAMED}{place}" if section.whole and place else ""


def _sections_of(text: bytes) -> tuple[list[Section], bool]:
    """The sections of a text, and whether lone surrogates are hidden in them."""
    try:
        return list(sections(text)), False
    except msgspec.DecodeError:
        hidden = hide_lone_surrogates(text)
        if hidden == text:
            raise
        return list(sections(hidden)), True


def _sessions_of(line: bytes, number: int) -> list[str]:
    try:
        found, _ = _sections_of(line)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [_key(section, f"{number}.{index}") for index, section in enumerate(found)]


def _tolerant(found: Iterator[FoundEvent | str]) -> Iterator[FoundEvent | str]:
    """The same, with a complaint in place of everything after names that are not text."""
    try:
        yield from found
    except (msgspec.DecodeError, RecursionError) as error:
        yield f"and the rest cannot be read: {error}"


def _is_json(text: bytes) -> bool:
    try:
        _sections_of(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _inner_name(path: Path) -> str:
    return path.name.removesuffix(".gz")


def _stem(path: Path) -> str:
    name = _inner_name(path)
    suffix = PurePath(name).suffix
    return name.removesuffix(suffix) if suffix in _SUFFIXES else name
