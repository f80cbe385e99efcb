"""Records of a page's nodes: which mutation has added a node last, and which ones have added children to it.

A mutation adds dozens of nodes, and few of them are ever looked at. The records are rows of numbers in one table, which
a compiled loop fills without objects.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from services.audit.json_tape.tape import EventRow, Look, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from services.audit.behaviour.dom_nodes import Adds
    from services.audit.behaviour.targets.changes import AttributeChange, TextChange

    Table = npt.NDArray[np.int64]

REMOVED, ADDED, TEXT, CHANGE, LABEL, ADDITIONS = range(6)
"""Operations: kinds of rows (json_tape.tape.TapeKind), a node `label`, and the additions of a mutation."""

NUMBER, _ADDITION, _LINK, _OP, _IN_ADDED, _IN_SETTLED, _USED = range(7)
BYTES, BYTES_LIMIT, NODES_LIMIT, _IS_FULL, _FACTOR, _MEMBER = range(7, 13)
"""Places in the state: number of the last mutation; numbers of additions, links, operations, nodes in additions,
settled nodes and records; memory in bytes, and its limit; limit of nodes; whether a limit was reached; factor of the
places; number of members."""

_IS_OBJECT: Final = 16
"""Status of an event with ordinary data (kernels.py)."""

_ABSENT: Final = -(2**63)
_WIDTH = 5
_MOST_ID = 2**53 - 1
_RECORDS = 512

_NEAR = 4
_NEARBY = (1 << _NEAR) - 1
"""Ids that differ in these bits only have records side by side: they come and go together."""

_factor = random.SystemRandom().randrange(2**61 + 1, 2**62, 2)
"""Random per process: ids with equal places cannot be chosen."""


class Operation(NamedTuple):
    """A remaining operation of a mutation.

    Attributes:
        kind: REMOVED, TEXT, CHANGE, LABEL or ADDITIONS.
        id: Id of the node; of ADDITIONS the event.
        row: Row of the walk; of REMOVED an odd number if the node was settled; of ADDITIONS the number of nodes.
        number: Number of the mutation.
    """

    kind: int
    id: int
    row: int
    number: int


class NodeRecords:
    """The records of the nodes of one page."""

    __slots__ = ("_kernels", "_links", "_members", "_ops", "_records", "_state", "_view", "state")

    def __init__(self) -> None:
        from services.audit.json_tape import kernels

        self._kernels: Any = kernels
        self._records = _empty(_RECORDS)
        self._view = self._records.data.cast("B").cast("q")
        self._links: Table = np.empty((_RECORDS // 2, 2), np.int64)
        self._ops: Table = np.empty((0, 4), np.int64)
        self._members: Table = np.empty((0, 4), np.int64)
        self._state: Table = np.zeros(13, np.int64)
        self._state[_FACTOR] = _factor
        self.state = self._state.data
        """Numbers that can be read and set."""

    def __len__(self) -> int:
        """Number of nodes in additions, plus number of settled nodes."""
        return self.state[_IN_ADDED] + self.state[_IN_SETTLED]

    def added(self, own: int) -> int:
        """Returns the number of the additions that have added a node last; -1: it is in none."""
        view, last = self._view, len(self._records) - 1
        if not -_MOST_ID <= own <= _MOST_ID:
            own = _key(own)
        place = ((own >> _NEAR) * _factor >> 20 << _NEAR | own & _NEARBY) & last
        while (found := view[place * _WIDTH]) != own:
            if found == _ABSENT:
                return -1
            place = (place + 1) & last
        return view[place * _WIDTH + 1]

    def parent_of(self, own: int) -> int | None:
        """Returns the parent with which additions have added a node last; None: it is in none, or an unusual id."""
        view, last = self._view, len(self._records) - 1
        if not -_MOST_ID <= own <= _MOST_ID:
            return None
        place = ((own >> _NEAR) * _factor >> 20 << _NEAR | own & _NEARBY) & last
        while (found := view[place * _WIDTH]) != own:
            if found == _ABSENT:
                return None
            place = (place + 1) & last
        parent: int = view[place * _WIDTH + 4]
        return parent if view[place * _WIDTH + 1] >= 0 and -_MOST_ID <= parent <= _MOST_ID else None

    def with_children(self, own: int) -> list[int]:
        """Returns the numbers of the additions with children of a node, in their order."""
        view, last = self._view, len(self._records) - 1
        if not -_MOST_ID <= own <= _MOST_ID:
            own = _key(own)
        place = ((own >> _NEAR) * _factor >> 20 << _NEAR | own & _NEARBY) & last
        while (found := view[place * _WIDTH]) != own:
            if found == _ABSENT:
                return []
            place = (place + 1) & last
        link, numbers = view[place * _WIDTH + 3], list[int]()
        while link >= 0:
            number, link = self._links[link].tolist()
            numbers.append(number)
        return numbers[::-1]

    def note(
        self, events: Table, rows: Table, renewed: npt.NDArray[np.uint8], edits: Table, first: int, end: int
    ) -> tuple[int, bool, list[list[int]], Table]:
        """Notes the mutations among the events of a walk, from an event on (json_tape.kernels.note).

        Returns:
            The event at which it stopped: before a mutation that has to be decoded, or at the end, or after a mutation
            with which a limit was reached; whether one was reached; the remaining operations; and the added nodes (id,
            parent, and the place of their addition), which are valid until the next call.
        """
        count = int(events[end - 1, _ROWS_END] - events[first, _ROWS])
        self._reserve(count)
        if len(self._ops) < 2 * count + end - first or len(self._members) < count:
            self._ops, self._members = (
                np.empty((4 * count + end - first, 4), np.int64),
                np.empty((2 * count, 4), np.int64),
            )
        state, ops, members = self.state, self._ops, self._members
        state[_OP] = state[_MEMBER] = state[_IS_FULL] = 0
        stop = self._kernels.note(
            events, rows, renewed, edits, first, end, self._records, self._links, self._state, ops, members
        )
        return stop, state[_IS_FULL] == 1, ops[: state[_OP]].tolist(), members

    def settle(self, ids: Sequence[int]) -> None:
        """Notes that nodes are settled; they may be in additions too."""
        self._settle(ids, 1)

    def forget_added(self, ids: Sequence[int]) -> None:
        """Notes that nodes are no longer in additions."""
        self._settle(ids, 0)

    def _settle(self, ids: Sequence[int], what: int) -> None:
        self._reserve(len(ids))
        self._kernels.settle(_keys(ids), what, self._records, self._state)

    def report(self, own: int) -> None:
        """Notes that the removal of a node is to be reported."""
        view, last = self._view, len(self._records) - 1
        if not -_MOST_ID <= own <= _MOST_ID:
            own = _key(own)
        place = ((own >> _NEAR) * _factor >> 20 << _NEAR | own & _NEARBY) & last
        while (found := view[place * _WIDTH]) != own:
            if found == _ABSENT:
                return
            place = (place + 1) & last
        view[place * _WIDTH + 2] |= 2

    def _reserve(self, count: int) -> None:
        """Makes room for a number of nodes, and for their parents."""
        state = self.state
        needed = 2 * (state[_USED] + 2 * count)
        if needed > len(self._records):
            larger = _empty(1 << (needed - 1).bit_length())
            self._kernels.enlarge(self._records, larger, _factor)
            self._records = larger
            self._view = larger.data.cast("B").cast("q")
        if state[_LINK] + count > len(self._links):
            links: Table = np.empty((2 * (state[_LINK] + count), 2), np.int64)
            links[: state[_LINK]] = self._links[: state[_LINK]]
            self._links = links


def _empty(size: int) -> Table:
    found: Table = np.empty((size, _WIDTH), np.int64)
    found[:, 0] = _ABSENT
    return found


def _keys(ids: Sequence[int]) -> Table:
    if not ids or (min(ids) >= -_MOST_ID and max(ids) <= _MOST_ID):
        return np.array(ids, np.int64)
    return np.array([own if -_MOST_ID <= own <= _MOST_ID else _key(own) for own in ids], np.int64)


def _key(own: int) -> int:
    """Returns the key of an id that no browser assigns."""
    return 2**61 + hash(own) % 2**60


def decoded_mutation(
    removed: Sequence[int], adds: Adds | None, texts: Sequence[TextChange], changes: Sequence[AttributeChange]
) -> tuple[Table, Table, npt.NDArray[np.uint8], Table]:
    """Returns the tables of a decoded mutation, as those of a walk that has one event; its rows are in this order."""
    added = [] if adds is None else adds.adds
    labels = set() if adds is None else set(adds.labels)
    kinds = [REMOVED] * len(removed) + [ADDED] * len(added) + [TEXT] * len(texts) + [CHANGE] * len(changes)
    events, rows = _EVENT.copy(), np.zeros((len(kinds), len(Row._fields)), np.int64)
    rows[:, _KIND] = kinds
    ids = [*removed, *(add.node.id for add in added), *(each.id for each in texts), *(each.id for each in changes)]
    rows[:, _ID] = _keys(ids)
    if adds is not None:
        events[0, _ADDS_END] = len(adds.text)
        part = rows[len(removed) : len(removed) + len(added)]
        part[:, _PARENT] = _keys([add.parent_id for add in added])
        if labels:
            part[:, _LOOK] = [Look.LABEL if add.node.id in labels else 0 for add in added]
    first = len(removed) + len(added)
    rows[first : first + len(texts), _TEXT_END] = [len(each.value or "") for each in texts]
    rows[first + len(texts) :, _ATTRIBUTES_END] = [memoryview(each.attributes).nbytes for each in changes]
    events[0, _ROWS_END] = len(ids)
    rows[:, _ADD] = -1
    return events, rows, np.zeros(1, np.uint8), np.zeros((0, 4), np.int64)


_KIND, _ID, _PARENT, _LOOK = map(Row._fields.index, ("kind", "id", "parent", "look"))
_ATTRIBUTES_END, _TEXT_END, _ADD = map(Row._fields.index, ("attributes_end", "text_end", "add"))
_ADDS_END, _ROWS, _ROWS_END = map(EventRow._fields.index, ("adds_end", "rows", "rows_end"))
_EVENT: Table = np.zeros((1, len(EventRow._fields)), np.int64)
for _name, _value in (("type", 3), ("status", _IS_OBJECT), ("node", -1)):
    _EVENT[0, EventRow._fields.index(_name)] = _value
