"""Reads recordings in other tools' formats, for `afterimage import`.

Supported formats, each plain, gzip, zstd or in a zip archive, in UTF-8, UTF-16 or UTF-32, recognised by content and not
by name:

    [event, ...]                                   rrweb; PostHog's [window, event] pairs and
                                                   {"windowId", "data": [event, ...]} may stand for an event
    [[event, ...], ...]                            the segments of a Sentry replay
    one such item, or one session, per line        JSON lines; also documents after each other
    {"events": [...]}                              rrweb-player; also {window: [...]} in place of the list
    {"version", "data": {"id", "snapshots"}}       PostHog's export, 2023-04-28 and 2022-12-02
    {"session_id", "events" | "snapshots" | "data"}  one session of many, as lines or in a list
    {session: [...] | {...}, ...}                  many sessions by id

An event is an object with `type` and `timestamp`, the same packed by @rrweb/packer, or the same with
PostHog's compressed fields. Its text stays as it is in the file (inflated, if it was packed), except for timestamps in
other units, and the breadcrumbs and spans that `sentry` takes over.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

import msgspec

from services.cli.transfer.content import MAX_FILE_BYTES, Content, DamageError, contents
from services.cli.transfer.events import MAIN_WINDOW, FoundEvent, find_events
from services.cli.transfer.foreign import foreign_json, foreign_text
from services.cli.transfer.gathered import to_recording
from services.cli.transfer.inflate import Allowance
from services.cli.transfer.recording import (
    ImportedRecording,
    ImportNote,
    ImportProblem,
    RecordedWindow,
    session_id_for,
    to_chunks,
    window_id_for,
)
from services.cli.transfer.salvage import Salvaged, salvage
from services.cli.transfer.sections import Section, sections
from services.export.rrweb_json.surrogates import hide_lone_surrogates, show_lone_surrogates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = [
    "MAIN_WINDOW",
    "MAX_FILE_BYTES",
    "ImportNote",
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

MAX_NESTING = 3_000
"""Nesting depth of JSON that is read: the default of `ingest.max_nesting`, the depth that AuditService takes."""

_FRAMES = 200
"""Calls of this program around a decoder; the interpreter counts both together."""

_LINE_SUFFIXES = {".jsonl", ".ndjson", ".jsonlines"}
_SUFFIXES = _LINE_SUFFIXES | {".json", ".rrweb", ".txt"}
_PACKINGS = (".gz", ".zst")
_AT_BYTE = re.compile(r" \(byte (\d+)\)$")
_TOO_DEEP = "is not read: the JSON is nested too deep"

_Item = ImportedRecording | ImportProblem | ImportNote


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

    events: list[FoundEvent] = field(default_factory=list)
    seen: int = 0
    problems: int = 0


@dataclass(slots=True)
class _Parsed:
    """A document or a line, in sections.

    Attributes:
        documents: The sections of each document, and whether lone surrogates are hidden in them.
        error: Why the strict decoder refused it; None: it did not.
        salvaged: The parts that were read in spite of that.
    """

    documents: list[tuple[list[Section], bool]]
    error: Exception | None = None
    salvaged: Salvaged = field(default_factory=Salvaged)

    @property
    def sections(self) -> list[Section]:
        return [section for found, _ in self.documents for section in found]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def read_recordings(
    path: Path, *, max_bytes: int = MAX_FILE_BYTES, max_nesting: int = MAX_NESTING, now_ms: Callable[[], int] = _now_ms
) -> Iterator[ImportedRecording | ImportProblem | ImportNote]:
    """Yields the recordings of a file, and its problems and notes as they are found.

    A damaged part of a file is a problem, and reading continues: everything whole is taken. Of JSON lines, a session is
    held in memory only until its last line; of a document, everything.

    Args:
        path: A file in any of the formats of this module.
        max_bytes: Maximum inflated size of the file, and maximum additional size of its packed events.
        max_nesting: Maximum nesting depth of JSON. Raises the interpreter's limit for the whole process.
        now_ms: The clock, milliseconds since 1970 UTC: later times are not seconds.
    """
    sys.setrecursionlimit(max(sys.getrecursionlimit(), max_nesting + _FRAMES))
    try:
        for content in contents(path):
            if isinstance(content, Content):
                yield from _read_content(content, max_bytes, now_ms)
            else:
                place, why = content
                yield ImportProblem(place, None, None, why)
    except DamageError as damage:
        yield ImportProblem(path, None, damage.byte, str(damage))
    except OSError as error:
        yield ImportProblem(path, None, None, f"cannot be read: {error.strerror or error}")


def _read_content(content: Content, max_bytes: int, now_ms: Callable[[], int]) -> Iterator[_Item]:
    reader = _FormatReader(content, max_bytes, now_ms)
    try:
        yield from reader.read()
    except DamageError as damage:
        taken = f"; {_taken(reader.taken, ' before it')}" if reader.taken else ""
        yield ImportProblem(content.path, damage.line, damage.byte, f"{damage}{taken}")
        yield from reader.finish_all()


class _FormatReader:
    """Reads one file, once."""

    def __init__(self, content: Content, max_bytes: int, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._content = content
        self._path = content.path
        self._max_bytes = max_bytes
        self._allowance = Allowance(max_bytes)
        self._base = ""
        self._gathered: dict[str, _Gathering] = {}
        self._foreign: Counter[str] = Counter()
        self.taken = 0
        """Number of events read."""

    def read(self) -> Iterator[_Item]:
        """Raises DamageError where the file cannot be read any further; everything before it is gathered."""
        survey = self._survey(as_lines=PurePath(_inner_name(self._path)).suffix in _LINE_SUFFIXES or None)
        self._base = f"{_stem(self._path)}-{survey.digest[:16]}"
        yield from self._read_lines(survey) if survey.lines else self._read_document()
        yield from self.finish_all()

    def _survey(self, *, as_lines: bool | None) -> _Survey:
        """Reads the file once. It is JSON lines if its first line is valid JSON and not the last line.

        Args:
            as_lines: True: treat it as JSON lines; None: detect.
        """
        digest, last_line = hashlib.sha256(), dict[str, int]()
        count, first, second = 0, False, False
        try:
            for number, line in self._content.lines(self._max_bytes):
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
        except DamageError as damage:  # The second pass reaches the same place, and reports it.
            digest.update(damage.rest)
        if as_lines is None and not first and second and not _is_json(self._text()[0]):
            return self._survey(as_lines=True)
        return _Survey(digest.hexdigest(), as_lines or (first and count > 1), last_line)

    def _text(self) -> tuple[bytes, DamageError | None]:
        """The text, up to where it is damaged."""
        parts: list[bytes] = []
        try:
            parts += (line for _, line in self._content.lines(self._max_bytes))
        except DamageError as damage:
            return b"".join([*parts, damage.rest]), damage
        return b"".join(parts), None

    def _read_document(self) -> Iterator[_Item]:
        text, damage = self._text()
        parsed = _parse(text)
        if parsed.error is None and (foreign := _foreign(text)):
            yield ImportProblem(self._path, None, None, f"is {foreign}")
            return
        for index, (found, hidden) in enumerate(_apart(parsed)):
            yield from self._gather(_key(found, str(index) if index else ""), found, hidden=hidden, line=None)
        if damage is not None:
            raise damage
        yield from self._complaints(parsed, text, None, self.taken)

    def _read_lines(self, survey: _Survey) -> Iterator[_Item]:
        try:
            for number, line in self._content.lines(self._max_bytes):
                if not line.isspace():
                    yield from self._read_line(survey, number, line)
        except DamageError as damage:
            if damage.rest:
                yield from self._take(_parse(damage.rest), damage.line or 0)
            raise
        for what, count in self._foreign.items():
            lines = f"{count:,} lines are" if count > 1 else "a line is"
            yield ImportProblem(self._path, None, None, f"{lines} {what}")
        if not survey.last_line and not self._foreign:
            yield ImportProblem(self._path, None, None, "contains no recording")

    def _read_line(self, survey: _Survey, number: int, line: bytes) -> Iterator[_Item]:
        parsed = _parse(line)
        if parsed.error is None and (foreign := _foreign(line)):
            self._foreign[foreign] += 1
            return
        before = self.taken
        yield from self._take(parsed, number)
        yield from self._complaints(parsed, line, number, self.taken - before)
        for key in _keys(parsed, number):
            if survey.last_line.get(key) == number:
                yield from self._finish(key)

    def _take(self, parsed: _Parsed, number: int) -> Iterator[_Item]:
        for key, (section, hidden) in zip(_keys(parsed, number), _apart(parsed), strict=True):
            yield from self._gather(key, section, hidden=hidden, line=number)

    def _gather(self, key: str, section: Section, *, hidden: bool, line: int | None) -> Iterator[ImportProblem]:
        session = self._gathered.setdefault(key, _Gathering())
        for found in _tolerant(find_events(section.body, section.window, self._allowance)):
            if isinstance(found, FoundEvent):
                event = show_lone_surrogates(found.event) if hidden else found.event
                session.events.append(FoundEvent(found.window, event, found.timestamp))
                self.taken += 1
            else:
                session.problems += 1
                if session.problems <= MAX_PROBLEMS:
                    yield ImportProblem(self._path, line, None, f"event {session.seen} {found}")
            session.seen += 1

    def finish_all(self) -> Iterator[_Item]:
        """Yields the sessions that are still open."""
        for key in list(self._gathered):
            yield from self._finish(key)

    def _finish(self, key: str) -> Iterator[_Item]:
        session = self._gathered.pop(key)
        named = f"session {key}" if key and not key.startswith(_UNNAMED) else "the recording"
        if session.problems > MAX_PROBLEMS:
            more = session.problems - MAX_PROBLEMS
            yield ImportProblem(self._path, None, None, f"{more} more events of {named} could not be read")
        if not session.events:
            yield ImportProblem(self._path, None, None, f"{named} contains no rrweb event")
            return
        foreign_id = key if key and not key.startswith(_UNNAMED) else self._base + key.replace(_UNNAMED, "#")
        yield from to_recording(self._path, foreign_id, named, session.events, self._now_ms())

    def _complaints(self, parsed: _Parsed, text: bytes, line: int | None, taken: int) -> Iterator[_Item]:
        """Reports the losses of a damaged text, and values that JSON does not have."""
        if parsed.error is None:
            return
        result = parsed.salvaged
        if result.escapes:
            what = f"has {_count(result.escapes, 'control character')} in strings, read as if they were escaped"
            yield ImportNote(self._path, what)
        if result.nulls:
            what = f"has {_count(result.nulls, 'number')} that JSON does not have (NaN, Infinity): read as null"
            yield ImportProblem(self._path, line, None, what)
        is_joined = "trailing characters" in str(parsed.error) or text.startswith(b"\x1e")
        is_mended = bool(result.escapes or result.nulls) or is_joined
        if taken and not result.lost and is_mended:
            return
        yield self._not_json(parsed, text, line, taken)

    def _not_json(self, parsed: _Parsed, text: bytes, line: int | None, taken: int) -> ImportProblem:
        error, lost = parsed.error, parsed.salvaged.lost
        rest = f"; {_taken(taken)}, {_count(lost, 'damaged part')} left out" if taken else ""
        if isinstance(error, RecursionError):
            return ImportProblem(self._path, line, None, _TOO_DEEP + rest)
        if not taken and (foreign := foreign_text(text)):
            return ImportProblem(self._path, line, None, f"is {foreign}")
        at = _AT_BYTE.search(str(error))
        what = "is neither gzip, as its name suggests, nor" if self._is_misnamed(text) else "is not"
        byte = (
            int(at[1]) - ("trailing characters" in str(error)) if at else len(text)
        )  # msgspec's offset is one too high
        return ImportProblem(self._path, line, byte, f"{what} JSON: {_AT_BYTE.sub('', str(error))}{rest}")

    def _is_misnamed(self, text: bytes) -> bool:
        return self._path.suffix == ".gz" and self._content.size_bytes == len(text)


_UNNAMED = "\0"
"""Prefix for the key of a session without an id; the rest distinguishes it from others of its file."""


def _key(section: Section, place: str) -> str:
    if section.session is not None:
        return section.session
    return f"{_UNNAMED}{place}" if section.whole and place else ""


def _keys(parsed: _Parsed, number: int) -> list[str]:
    return [_key(section, f"{number}.{index}") for index, section in enumerate(parsed.sections)]


def _apart(parsed: _Parsed) -> list[tuple[Section, bool]]:
    return [(section, hidden) for found, hidden in parsed.documents for section in found]


def _parse(text: bytes) -> _Parsed:
    """Reads a text strictly, and its whole parts if that fails."""
    try:
        return _Parsed([_sections_of(text)])
    except (msgspec.DecodeError, RecursionError) as error:
        parsed = _Parsed([], error, salvage(text))
    for value in parsed.salvaged.values:
        try:
            parsed.documents.append(_sections_of(value))
        except (msgspec.DecodeError, RecursionError):
            parsed.salvaged.lost += 1
    return parsed


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
    return _keys(_parse(line), number)


def _foreign(text: bytes) -> str | None:
    """The name of a JSON text that is known not to be a recording."""
    return foreign_json(text) or (foreign_text(text) if b'"timestamp"' not in text else None)


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
    return path.name.removesuffix(path.suffix) if path.suffix in _PACKINGS else path.name


def _stem(path: Path) -> str:
    name = _inner_name(path)
    suffix = PurePath(name).suffix
    return name.removesuffix(suffix) if suffix in _SUFFIXES else name


def _taken(count: int, where: str = "") -> str:
    return f"{_count(count, 'event')}{where} {'is' if count == 1 else 'are'} taken"


def _count(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
