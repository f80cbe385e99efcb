"""The walk through one chunk: locates its events, their nodes and their strings.

One compiled pass over the JSON's bytes (kernels) fills three tables of numbers, without creating objects; Python then
reads only the few relevant rows. The classes here are the rows of the tables.
"""

from __future__ import annotations

from struct import Struct, pack_into
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from services.audit.json_tape.counting import MAX_ROWS, MAX_STRINGS
from services.audit.json_tape.key_table import (
    CLICK_ATTRIBUTES,
    CLICK_TAGS,
    COMMON,
    LABEL_TAG,
    STRUCTURE,
    NameBit,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    import numpy.typing as npt

    Table = npt.NDArray[np.int64]

ABSENT: Final = -(2**63)
"""Value of a missing number."""

_BYTES_A_ROW, _BYTES_A_STRING = 48, 32
"""Bytes of JSON per initially allocated row; if the tables are too small, the walk starts again with larger ones."""

_DEPTH = 256

_RUN_ROOM = 4096
"""Room for borders of runs of ids; with more new ones in a mutation, it has to be decoded."""

_MARKS = 4096
"""Number of marks for node ids, a power of two; ids with equal low bits share a mark."""


class TapeKind:
    """Kind of a row; also the order in which rows of a mutation are applied."""

    REMOVE: Final = 0
    NODE: Final = 1
    TEXT: Final = 2
    CHANGE: Final = 3
    """New attributes."""


class Task(TapeKind):
    """Part of an event to examine: rows of a kind, or the event itself."""

    SNAPSHOT: Final = 4
    """A full snapshot begins; its nodes follow."""
    INPUT: Final = 5
    CANVAS: Final = 6
    PAYLOAD: Final = 7
    """A Custom or Plugin event, or a console message of rrweb 1."""
    WHOLE: Final = 8
    """An event with `data` of unexpected types, such as strings instead of numbers or lists."""
    ODD: Final = 9
    """An event with duplicate or escaped keys, which readers may interpret differently."""


class Look:
    """Reasons for which a node or a change of attributes may be relevant."""

    TAG: Final = 1
    """Tag or attributes of a form field."""
    SELECT: Final = 2
    CHANGE: Final = 4
    JSON: Final = 8
    """An attribute that may be JSON."""
    INLINE: Final = 16
    """An inline element; not a reason by itself."""
    CLICK: Final = 32
    """An element that may promise a response to a click; not a reason by itself."""
    LABEL: Final = 64
    """An element `label`; not a reason by itself."""


class Part:
    """Part of a text that is joined with neighbouring texts; of a long text only the ends are."""

    WHOLE: Final = 0
    HEAD: Final = 1
    TAIL: Final = 2
    EDGE_BYTES: Final = 512
    """Length of the ends, in bytes of JSON; the texts are more than twice as long."""


class EventRow(NamedTuple):
    """One event. Positions are byte offsets in the text, ends are exclusive; -1: missing."""

    start: int
    end: int
    type: int
    source: int
    status: int
    rows: int
    rows_end: int
    id: int
    text: int
    text_end: int
    data: int
    data_end: int
    adds: int
    adds_end: int
    node: int
    node_end: int
    plugin: int
    plugin_end: int
    payload: int
    payload_end: int
    texts: int
    texts_end: int
    changes: int
    """Start of the list of changes of attributes."""
    changes_end: int


class Row(NamedTuple):
    """A node, or a mutation's change of a node: positions as in EventRow, missing numbers are ABSENT.

    Attributes:
        event: Index of the event.
        kind: Kind of the row.
        id: Id of the node.
        parent: Id of the parent of an added node; for nodes in a tree see `up`.
        up: Row of the parent in the same tree; -1: the node is the tree's root.
        end: Row after the last descendant.
        type: rrweb's type of node.
        look: Reasons for its relevance: bits of Look.
        tag: Start of the tag's JSON string.
        attributes: Start of the object of attributes.
        text: Start of the JSON of the text.
        add: Start of the addition of an added node.
    """

    event: int
    kind: int
    id: int
    parent: int
    up: int
    end: int
    type: int
    look: int
    tag: int
    tag_end: int
    attributes: int
    attributes_end: int
    text: int
    text_end: int
    add: int
    add_end: int


class StringRow(NamedTuple):
    """A string: a value, or an uncommon key.

    Attributes:
        start: Offset of its first quote.
        end: Offset after its last quote.
        event: Index of the event that contains it; -1: outside events.
        key: Start of the key of the value, without quotes; -1: the string is a key, or is in an array.
        key_end: End of the key.
        row: Row of the node that has it as an attribute; -1: not an attribute.
    """

    start: int
    end: int
    event: int
    key: int
    key_end: int
    row: int


_EVENT_ROW = Struct(f"{len(EventRow._fields)}q")
_ROW = Struct(f"{len(Row._fields)}q")
_SPAN = Struct("2q")
_KIND, _KIND_AT = Struct("2q"), 8 * EventRow._fields.index("type")
_INPUT, _INPUT_AT = Struct("3q"), 8 * EventRow._fields.index("id")
_TAG, _TAG_AT = Struct("2q"), 8 * Row._fields.index("tag")
_END_AND_TAG, _END_AT = Struct("q16x2q"), 8 * Row._fields.index("end")
_ATTRIBUTES_AT = 8 * Row._fields.index("attributes")
"""Rows and parts of rows as they stand in the tables: read in a third of the time of numpy's own indexing."""


class Walk:
    """The result of a walk through a chunk."""

    __slots__ = ("_compiled", "_event_bytes", "_room", "_row_bytes", "events", "marks", "rows", "strings", "text")

    def __init__(self, text: bytes, marks: Any, events: Table, rows: Table, strings: Table, compiled: Any) -> None:
        self.text = text
        self.marks = marks
        self.events = events
        self._event_bytes = events.data
        self.rows = rows
        self._row_bytes = rows.data
        self.strings = strings
        self._compiled = compiled
        self._room: Table = np.empty((len(rows) + len(events) + 1, 3), np.int64)

    def event(self, number: int) -> EventRow:
        """Returns an event by its index."""
        row: EventRow = _make(EventRow, _EVENT_ROW.unpack_from(self._event_bytes, number * _EVENT_ROW.size))
        return row

    def row(self, place: int) -> Row:
        """Returns a row by its index."""
        row: Row = _make(Row, _ROW.unpack_from(self._row_bytes, place * _ROW.size))
        return row

    def span_of(self, event: int) -> tuple[int, int]:
        """Returns start and end of an event by its index."""
        start, end = _SPAN.unpack_from(self._event_bytes, event * _EVENT_ROW.size)
        return start, end

    def kind_of(self, event: int) -> tuple[int, int]:
        """Returns type and source of an event by its index."""
        kind, source = _KIND.unpack_from(self._event_bytes, event * _EVENT_ROW.size + _KIND_AT)
        return kind, source

    def is_plain(self, start: int, end: int, *, is_tag: bool) -> bool:
        """Returns whether the inside of a string needs no check: it defines layout, or names a tag, by its form."""
        return bool(self._compiled.is_plain(self.marks, start, end, is_tag))

    def input_of(self, event: int) -> tuple[int, int, int]:
        """Returns the node id of an event, and the start and end of its text."""
        node, start, end = _INPUT.unpack_from(self._event_bytes, event * _EVENT_ROW.size + _INPUT_AT)
        return node, start, end

    def tag_of(self, place: int) -> str:
        """Returns the tag of the element in a row; "" for other nodes."""
        start, end = _TAG.unpack_from(self._row_bytes, place * _ROW.size + _TAG_AT)
        return _decoded(self.text[start:end]) if start >= 0 else ""

    def follow(
        self,
        renewed: npt.NDArray[np.uint8],
        edits: Table,
        words: Table,
        event: int,
        borders: Sequence[int],
        most: int,
        answers: npt.NDArray[np.uint8],
    ) -> tuple[int, list[int] | None]:
        """Follows the clickable elements of a page through the events, and answers for its clicks (kernels.follow).

        Args:
            renewed: 1 for each event that was written anew.
            edits: Replacements in the text, as in kernels.follow.
            words: Names and values that matter.
            event: The first event.
            borders: Borders of the runs of clickable ids.
            most: Maximum number of borders.
            answers: Set to 1 for each MouseInteraction with a clickable element.

        Returns:
            The event before which it stopped, since it has to be decoded, and the borders at this place; None: they
            are as before.
        """
        count = len(borders)
        room: Table = np.empty((2, max(_RUN_ROOM, 2 * count)), np.int64)
        pack_into(f"{count}q", room.data.cast("B"), 0, *borders)
        event, count, changed = self._compiled.follow(
            self.marks, self.events, self.rows, renewed, edits, words, event, count, most, room, answers
        )
        return event, room[0, :count].tolist() if changed else None

    def end_and_tag_of(self, place: int) -> tuple[int, int, int]:
        """Returns the row after the last descendant of a node, and start and end of its tag; -1 if there is no tag."""
        end, start, tag_end = _END_AND_TAG.unpack_from(self._row_bytes, place * _ROW.size + _END_AT)
        return end, start, tag_end

    def attributes_of(self, place: int) -> tuple[int, int]:
        """Returns start and end of the attributes in a row; -1 if there are no attributes."""
        start, end = _TAG.unpack_from(self._row_bytes, place * _ROW.size + _ATTRIBUTES_AT)
        return start, end

    def below(self, row: Row, place: int) -> list[Row]:
        """Returns the rows of all descendants of a node, in document order."""
        return [_make(Row, each) for each in self.rows[place + 1 : row.end].tolist()]

    def choose(
        self, event: int, task: int, place: int, runs: Table, *, every: bool
    ) -> tuple[list[tuple[int, int, int]], int]:
        """Returns the tasks in the order of their events, up to and including the first full snapshot or odd event.

        Chosen rows have a Look, refer to one of the given nodes, or are direct children of one. Rows that refer to a
        node which an earlier chosen row may have added to the given nodes are chosen too.

        Args:
            event: First event.
            task: First task in this event.
            place: First row in this task.
            runs: Ids of the given nodes as sorted rows of (first id, number of ids); further columns are ignored.
            every: Whether to choose all rows.

        Returns:
            The tasks as (event, task, row), with row -1 if the task is the whole event; and the next event.
        """
        marks = np.zeros(_MARKS, np.uint8)
        count, following = self._compiled.choose(
            self.events, self.rows, event, task, place, runs, every, marks, self._room
        )
        return self._room[:count].tolist(), following

    def joined(self) -> list[list[tuple[int, int]]]:
        """Returns the texts that rules may match across nodes: each as (row, part of the node's text) of its nodes."""
        room: Table = np.empty((2 * len(self.rows) + 2, 3), np.int64)
        found: list[list[tuple[int, int]]] = []
        last = -1
        for number, place, part in room[: self._compiled.join(self.marks, self.events, self.rows, room)].tolist():
            if number != last:
                found.append([])
                last = number
            found[-1].append((place, part))
        return found

    def members(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        """Returns the spans of the values in a JSON object, by key; of duplicate keys the last one counts."""
        room: Table = np.empty((64, 4), np.int64)
        while (count := self._compiled.members(self.marks, start, end, room)) < 0:
            room = np.empty((8 * len(room), 4), np.int64)
        text = self.text
        return {_decoded(text[key:key_end]): (first, last) for key, key_end, first, last in room[:count].tolist()}


def _folded(words: Collection[str]) -> list[bytes]:
    """Returns the words for `kernels._has_word`."""
    return sorted({bytes(byte | 32 for byte in each.encode()) for each in words if each})


class TooManyRows(Exception):  # noqa: N818 - named after the state of the chunk
    """A chunk with more nodes, and changes of nodes, than MAX_ROWS. `str()` completes a sentence about the chunk."""


class Walker:
    """Walks through chunks, and marks the relevant nodes. Threads may share it."""

    def __init__(
        self,
        *,
        tags: Iterable[str] = (),
        watched: Iterable[str] = (),
        quiet: Iterable[str] = (),
        asked: Iterable[str] = (),
        asked_tags: Iterable[str] = (),
        classes: Collection[str] = (),
        fields: Iterable[str] = (),
        kinds: Iterable[str] = (),
        kind_words: Collection[str] = (),
        inline: Iterable[str] = (),
    ) -> None:
        """Loads the compiled kernels, or compiles them: this takes a few seconds, once per machine.

        Args:
            tags: Tags of relevant elements, in lower case.
            watched: Attributes with relevant changes.
            quiet: Attributes, and fields of nodes, with values that are not listed as strings.
            asked: Attributes used by selectors.
            asked_tags: Tags used by selectors, in lower case.
            classes: Classes used by selectors.
            fields: Attributes that only elements with a value have.
            kinds: Attributes that show by one of `kind_words` that an element has a value.
            kind_words: Beginnings of such words, in lower case.
            inline: Tags of inline elements, in lower case.
        """
        from services.audit.json_tape import kernels

        self._compiled: Any = kernels
        names = dict(STRUCTURE)
        for given, bit in (
            *((COMMON, NameBit.COMMON), (watched, NameBit.WATCHED), (quiet, NameBit.QUIET), (asked, NameBit.ASKED)),
            (("class",), NameBit.CLASS),
            (fields, NameBit.FIELD),
            (kinds, NameBit.KIND),
            (CLICK_ATTRIBUTES, NameBit.CLICK),
        ):
            for name in given:
                names[name] = names.get(name, 0) | bit
        self._names = table(names)
        its = dict.fromkeys(tags, NameBit.TAG)
        for given, bit in (
            (asked_tags, NameBit.ASKED_TAG),
            (inline, NameBit.INLINE),
            (CLICK_TAGS, NameBit.CLICK),
            ((LABEL_TAG,), NameBit.LABEL),
        ):
            for tag in given:
                its[tag] = its.get(tag, 0) | bit
        self._tags = table(its, folds=True)
        words = [*_folded(classes), b"", *_folded(kind_words)]
        self._words = np.frombuffer(bytearray(b"".join(words)), np.uint8)
        self._word_places = np.cumsum([0, *map(len, words)], dtype=np.int64)

    def walk(self, text: bytes, event_count: int, *, every: bool = False) -> Walk:
        """Returns the walk through a chunk.

        Args:
            text: A JSON array of objects, already decoded by msgspec.
            event_count: Number of these objects.
            every: Whether to list all strings, including common keys and the values of quiet attributes.

        Raises:
            TooManyRows: If it has more than MAX_ROWS nodes and changes of nodes.
        """
        marks = np.frombuffer(text, np.uint8)
        size = len(text)
        strings_most = size // (4 if every else _BYTES_A_STRING)
        room = [min(size // _BYTES_A_ROW + 64, MAX_ROWS), min(strings_most, MAX_STRINGS) + 64, _DEPTH]
        while True:
            events = np.empty((event_count, len(EventRow._fields)), np.int64)
            rows = np.empty((room[0], len(Row._fields)), np.int64)
            strings = np.empty((room[1], len(StringRow._fields)), np.int64)
            stack = np.empty((room[2], 6), np.int64)
            status, some, row_count, string_count = self._compiled.walk(
                marks, self._names, self._tags, self._words, self._word_places, events, rows, strings, stack, every
            )
            if status == 0 and some == event_count:
                return Walk(text, marks, events, rows[:row_count], strings[:string_count], self._compiled)
            if not 1 <= status <= len(room):
                raise ValueError(f"{event_count} events were decoded, but the walk found a different number")
            if status == 1 and room[0] == MAX_ROWS:
                raise TooManyRows(f"has more than {MAX_ROWS:,} nodes and changes of nodes")
            room[status - 1] *= 8
            room[0] = min(room[0], MAX_ROWS)


_decoded = msgspec.json.Decoder(str).decode

_make: Any = tuple.__new__
"""Makes a named tuple from a list, in a third of the time of the class's own constructor."""
