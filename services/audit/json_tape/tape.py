"""The walk through one chunk: where its events, the nodes they bring and the strings in them stand.

One pass over the JSON's bytes fills three tables of numbers, without an object for anything in the chunk (compiled);
Python then looks at the few rows that matter to it. Whoever reads the tables gets rows as the classes here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from services.audit.json_tape.key_table import COMMON, STRUCTURE, NameBit, table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import numpy.typing as npt

    Table = npt.NDArray[np.int64]

ABSENT: Final = -(2**63)
"""What stands for a number that is not there."""

_BYTES_A_ROW, _BYTES_A_STRING = 48, 32
"""For how many bytes of JSON room for a row is made at first; where that is too little, the walk begins anew."""

_DEPTH = 256

_MARKS = 4096
"""Marks for numbers of nodes, a power of two; numbers that are alike in their last bits share one."""


class Kind:
    """What a row is, and so in which order rows of a mutation happen."""

    REMOVE: Final = 0
    NODE: Final = 1
    TEXT: Final = 2
    CHANGE: Final = 3
    """New attributes."""


class Task(Kind):
    """What is to be looked at in an event: rows of a kind, or the event itself."""

    SNAPSHOT: Final = 4
    """A full snapshot begins; its nodes follow."""
    INPUT: Final = 5
    CANVAS: Final = 6
    PAYLOAD: Final = 7
    """A Custom or Plugin event."""
    WHOLE: Final = 8
    """An event with `data` that rrweb's has not: numbers that are strings, lists that are none."""
    ODD: Final = 9
    """An event in which a key stands twice or is written with escapes, so that readers may not agree what it says."""


class Look:
    """Why a node or a change of attributes may matter."""

    TAG: Final = 1
    SELECT: Final = 2
    CHANGE: Final = 4


class EventRow(NamedTuple):
    """One event. Places are bytes in the text, ends are behind the last byte; -1: it is not there."""

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


class Row(NamedTuple):
    """A node, or what a mutation says of one: places as in EventRow, numbers that are not there are ABSENT.

    Attributes:
        event: Number of the event, from 0.
        kind: Kind.
        id: The node's.
        parent: Of the node that an added node hangs under; for nodes in a tree see `up`.
        up: Row of the node that it hangs under in the same tree; -1: it is the tree's root.
        end: The row behind the last of what hangs under it.
        type: rrweb's type of node.
        look: Why it may matter: bits of Look.
        tag: Where the tag's JSON string stands.
        attributes: Where the object of attributes stands.
        text: Where the JSON of the text stands.
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


class StringRow(NamedTuple):
    """A string: a value, or a key that is not a common one.

    Attributes:
        start: Place of its first quote.
        end: Place behind its last quote.
        event: Number of the event that it stands in, from 0; -1: in none.
        key: Where the key stands that it is the value of, without quotes; -1: it is a key itself or in an array.
        key_end: Where that ends.
        row: Row of the node whose attribute it is; -1: it is none.
    """

    start: int
    end: int
    event: int
    key: int
    key_end: int
    row: int


class Walk:
    """A chunk that was walked through."""

    __slots__ = ("_compiled", "_room", "_rows", "events", "marks", "strings", "text")

    def __init__(self, text: bytes, marks: Any, events: Table, rows: Table, strings: Table, compiled: Any) -> None:
        self.text = text
        self.marks = marks
        self.events = events
        self._rows = rows
        self.strings = strings
        self._compiled = compiled
        self._room: Table = np.empty((len(rows) + len(events) + 1, 3), np.int64)

    def event(self, number: int) -> EventRow:
        """Returns an event, by its number from 0."""
        row: EventRow = _make(EventRow, self.events[number].tolist())
        return row

    def row(self, place: int) -> Row:
        """Returns a row."""
        row: Row = _make(Row, self._rows[place].tolist())
        return row

    def kind_of(self, event: int) -> tuple[int, int]:
        """Returns type and source of an event, by its number from 0."""
        kind, source = self.events[event, 2:4].tolist()
        return kind, source

    def input_of(self, event: int) -> tuple[int, int, int]:
        """Returns the node that an event names, and where the text that it brings begins and ends."""
        node, start, end = self.events[event, 7:10].tolist()
        return node, start, end

    def tag_of(self, place: int) -> str:
        """Returns the tag of the element in a row; "" if it has none."""
        start, end = self._rows[place, 8:10].tolist()
        return _decoded(self.text[start:end]) if start >= 0 else ""

    def below(self, row: Row, place: int) -> list[Row]:
        """Returns the rows of all nodes that hang under the one at a place, in the order of the document."""
        return [_make(Row, each) for each in self._rows[place + 1 : row.end].tolist()]

    def choose(
        self, event: int, task: int, place: int, runs: Table, *, every: bool
    ) -> tuple[list[tuple[int, int, int]], int]:
        """Returns what must be looked at, in the order in which it happens, up to the first full snapshot or odd event.

        Rows are chosen that have a Look, that name one of some nodes, or that hang right under one of them; so are
        those that name what may have become one of them before.

        Args:
            event: The event to begin with.
            task: In this event, the task to begin with.
            place: In this task, the row to begin with.
            runs: Numbers of nodes, as (first, how many) a row or more columns, in order.
            every: Whether all rows are chosen.

        Returns:
            (event, task, row), the row -1 if the task is of the whole event; and the event to go on with.
        """
        marks = np.zeros(_MARKS, np.uint8)
        count, following = self._compiled.choose(
            self.events, self._rows, event, task, place, runs, every, marks, self._room
        )
        return self._room[:count].tolist(), following

    def members(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        """Returns where the values of a JSON object stand, by key; of keys that stand twice the last ones."""
        room: Table = np.empty((64, 4), np.int64)
        while (count := self._compiled.members(self.marks, start, end, room)) < 0:
            room = np.empty((8 * len(room), 4), np.int64)
        text = self.text
        return {_decoded(text[key:key_end]): (first, last) for key, key_end, first, last in room[:count].tolist()}


class Walker:
    """Walks through chunks, and knows what may matter in them. May be shared by threads."""

    def __init__(
        self,
        *,
        tags: Iterable[str] = (),
        watched: Iterable[str] = (),
        quiet: Iterable[str] = (),
        asked: Iterable[str] = (),
        asked_tags: Iterable[str] = (),
        classes: Collection[str] = (),
    ) -> None:
        """Loads what is compiled, or compiles it: that takes some seconds, once on a machine.

        Args:
            tags: Tags of elements that matter, in lower case.
            watched: Attributes of which a change matters.
            quiet: Attributes, and fields of nodes, whose values are not listed among the strings.
            asked: Attributes by which selectors choose elements.
            asked_tags: Tags by which they do, in lower case.
            classes: Classes by which they do.
        """
        from services.audit.json_tape import kernels

        self._compiled: Any = kernels
        names = dict(STRUCTURE)
        for given, bit in (
            *((COMMON, NameBit.COMMON), (watched, NameBit.WATCHED), (quiet, NameBit.QUIET), (asked, NameBit.ASKED)),
            (("class",), NameBit.CLASS),
        ):
            for name in given:
                names[name] = names.get(name, 0) | bit
        self._names = table(names)
        its = dict.fromkeys(tags, NameBit.TAG)
        for tag in asked_tags:
            its[tag] = its.get(tag, 0) | NameBit.ASKED_TAG
        self._tags = table(its, folds=True)
        words = sorted({each.encode() for each in classes})
        self._words = np.frombuffer(bytearray(b"".join(words)), np.uint8)
        self._word_places = np.cumsum([0, *map(len, words)], dtype=np.int64)

    def walk(self, text: bytes, event_count: int, *, every: bool = False) -> Walk:
        """Returns the walk through a chunk.

        Args:
            text: A JSON array of objects that msgspec has decoded before.
            event_count: How many these are.
            every: Whether all strings are listed, also those of quiet attributes and common keys.
        """
        marks = np.frombuffer(text, np.uint8)
        size = len(text)
        room = [size // _BYTES_A_ROW + 64, size // (4 if every else _BYTES_A_STRING) + 64, _DEPTH]
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
                raise ValueError(f"{event_count} events were decoded, but the walk through them found others")
            room[status - 1] *= 8


_decoded = msgspec.json.Decoder(str).decode

_make: Any = tuple.__new__
"""Makes a named tuple of a list, in a third of the time that its own class takes."""
