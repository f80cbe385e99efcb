"""The mirrors of pages that a process keeps between chunks, so that clicks get the names of their elements.

A mirror is not part of the window's state, which is stored with each chunk. It is a copy that can be made again: a
process without the one that a chunk needs asks for the window's chunks since its last full snapshot.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.audit.behaviour.interactions import CLICK_KINDS
from services.audit.behaviour.targets.page_mirror import PageMirror
from services.audit.model import Total, WindowKey
from services.audit.payload import BadPayload, Bounds, decode_chunk, inflate
from services.audit.rrweb import Event, EventType, IncrementalSource
from services.audit.window_state import WindowState

MAX_HISTORY_TEXT_BYTES = 64 * 1024 * 1024
"""Maximum JSON of the chunks that a mirror is made of; beyond, it is not made."""

_HISTORY_BOUNDS = Bounds(MAX_HISTORY_TEXT_BYTES, MAX_HISTORY_TEXT_BYTES, max_inflation=0)

# Members as plain integers, as in the detectors.
_RAW_BYTES = Total.RAW_BYTES.value
_FULL_SNAPSHOTS = Total.FULL_SNAPSHOTS.value
_INCREMENTAL = EventType.INCREMENTAL_SNAPSHOT.value
_FULL_SNAPSHOT = EventType.FULL_SNAPSHOT.value
_MUTATION = IncrementalSource.MUTATION.value
_MOUSE_INTERACTION = IncrementalSource.MOUSE_INTERACTION.value
_INPUT = IncrementalSource.INPUT.value


class PagePlace(NamedTuple):
    """The part of a window's state that identifies the chunks that a mirror has taken: others of their seq differ."""

    seq: int = 0
    raw_bytes: int = 0
    last_event: int = 0

    @classmethod
    def of(cls, state: WindowState) -> PagePlace:
        """Returns the place of a state."""
        return cls(state.seq, state.totals[_RAW_BYTES], state.last_event)


_Window = tuple[str, int, int]
"""Project, session and window: unlike WindowKey, it is hashed without a call in Python."""

NO_PAGE = PagePlace()
"""The place of a process that has no mirror of a window."""


class HistoryNeeded(Exception):  # noqa: N818 - an answer, as StopIteration is
    """A chunk has interactions, and the process does not have the window's page.

    Attributes:
        after: The place that its mirror has reached; NO_PAGE: there is no mirror.
    """

    def __init__(self, after: PagePlace) -> None:
        super().__init__(after)
        self.after = after


@dataclass(frozen=True, slots=True)
class PageHistory:
    """The stored chunks of a window that a mirror needs.

    Attributes:
        after: The place that they follow; NO_PAGE: they begin with a full snapshot.
        payloads: As stored, in their order; empty: they cannot be had, and the chunk is processed without names.
    """

    after: PagePlace = NO_PAGE
    payloads: tuple[bytes, ...] = ()


NO_HISTORY = PageHistory()


@dataclass(slots=True)
class _Kept:
    place: PagePlace
    mirror: PageMirror
    size_bytes: int


class PageMirrors:
    """The mirrors of the windows with the latest chunks. Threads may share them; a window's chunks come one by one.

    Args:
        max_bytes: Maximum memory of all mirrors together, approximately; the least recently used ones are dropped.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[_Window, _Kept] = OrderedDict()
        self._size_bytes = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def size_bytes(self) -> int:
        """Approximate memory of all mirrors, in bytes."""
        return self._size_bytes

    def find(
        self, key: WindowKey, state: WindowState, events: Sequence[Event], history: PageHistory | None
    ) -> PageMirror | None:
        """Returns the mirror of the window before a chunk; None: there is no mirror, and the chunk needs no names.

        Args:
            key: The window.
            state: The state before the chunk.
            events: The chunk's events.
            history: The chunks before it; None: they were not asked for yet.

        Raises:
            HistoryNeeded: The chunk needs a mirror, it is not here, and the history was not asked for, or is another.
        """
        with self._lock:
            kept = self._kept.get(_window(key))
        if kept is not None and kept.place == PagePlace.of(state):
            return kept.mirror
        if not state.totals[_FULL_SNAPSHOTS]:
            return PageMirror()
        first = _first_of_interest(events)
        if first is None or first.type == _FULL_SNAPSHOT:
            return None if first is None else PageMirror()
        return self._made(key, state, history)

    def _made(self, key: WindowKey, state: WindowState, history: PageHistory | None) -> PageMirror:
        """Returns the mirror of a window, made of its history."""
        with self._lock:
            kept = self._kept.get(_window(key))
        after = kept.place if kept is not None and kept.place.seq < state.seq else NO_PAGE
        if history is None:
            raise HistoryNeeded(after)
        if not history.payloads:
            return PageMirror("no_history")
        if history.after == NO_PAGE:
            return _replayed(PageMirror(), history.payloads)
        if kept is None or kept.place != history.after:
            raise HistoryNeeded(NO_PAGE)
        self.drop(key)
        return _replayed(kept.mirror, history.payloads)

    def keep(self, key: WindowKey, state: WindowState, mirror: PageMirror) -> None:
        """Keeps the mirror of a window after a chunk."""
        size_bytes, window = mirror.size_bytes, _window(key)
        with self._lock:
            self._forget(window)
            if mirror.lost == "no_history" or size_bytes > self._max_bytes:
                return
            self._kept[window] = _Kept(PagePlace.of(state), mirror, size_bytes)
            self._size_bytes += size_bytes
            while self._size_bytes > self._max_bytes:
                self._forget(next(iter(self._kept)))

    def drop(self, key: WindowKey) -> None:
        """Forgets the mirror of a window, such as while it is changed: after a failure it may have half of a chunk."""
        with self._lock:
            self._forget(_window(key))

    def _forget(self, window: _Window) -> None:
        kept = self._kept.pop(window, None)
        if kept is not None:
            self._size_bytes -= kept.size_bytes


def _window(key: WindowKey) -> _Window:
    return key.project, key.session.int, key.window.int


def _first_of_interest(events: Sequence[Event]) -> Event | None:
    """Returns the first full snapshot, or the first event that becomes an interaction with a target."""
    for event in events:
        kind = event.type
        if kind == _INCREMENTAL:
            data = event.data
            if data is None:
                continue
            if data.source == _MOUSE_INTERACTION:
                if data.type in CLICK_KINDS:
                    return event
            elif data.source == _INPUT and data.user_triggered is not False:
                return event
        elif kind == _FULL_SNAPSHOT:
            return event
    return None


def _replayed(mirror: PageMirror, payloads: Sequence[bytes]) -> PageMirror:
    """Returns the mirror after chunks that were stored; one that has lost the page, if they are too much or damaged."""
    size_bytes = 0
    try:
        for payload in payloads:
            text = inflate(payload, _HISTORY_BOUNDS)
            size_bytes += len(text)
            if size_bytes > MAX_HISTORY_TEXT_BYTES:
                return PageMirror("no_history")
            for event in decode_chunk(text).events:
                if event.data is None:
                    continue
                if event.type == _FULL_SNAPSHOT:
                    mirror.begin(event.data.node)
                elif event.type == _INCREMENTAL and event.data.source == _MUTATION:
                    mirror.changes.append((0, event.data, None))
            mirror.close_chunk()
    except (BadPayload, MemoryError):
        return PageMirror("no_history")
    return mirror
