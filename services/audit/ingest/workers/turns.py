"""A queue in which projects take turns, then addresses, subjects and windows: none delays the others by its number."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Hashable
from typing import Any, Generic, TypeVar

from services.audit.ingest.sender import Sender

Item = TypeVar("Item")

_LEVELS = ("project", "address", "subject", "window")
_ADDRESS, _WINDOW = _LEVELS.index("address"), _LEVELS.index("window")
_UNKNOWN = Sender()


class Turns(Generic[Item]):
    """Items in turns: each project's next address, its next subject, the subject's next window, its oldest item."""

    def __init__(self) -> None:
        self._projects: dict[Hashable, Any] = {}
        """In the order of their turns; one dict per level, and a deque of items per window."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, project: str, window: Hashable, item: Item, sender: Sender = _UNKNOWN) -> None:
        """Adds an item."""
        level = self._projects
        for key in (project, sender.address, sender.subject):
            level = level.setdefault(key, {})
        level.setdefault(window, deque()).append(item)
        self._count += 1

    def take(self, without: Container[Hashable] = ()) -> Item | None:
        """Removes the next item in turn and returns it; None: there are no items, but those of addresses `without`."""
        item: Item | None = _next(self._projects, 0, without)
        if item is not None:
            self._count -= 1
        return item

    def discard(self, project: str, window: Hashable, item: Item, sender: Sender = _UNKNOWN) -> bool:
        """Removes an item; returns False if it has been taken."""
        found = _discard(self._projects, (project, sender.address, sender.subject, window), item)
        self._count -= found
        return found


def _next(level: Any, depth: int, without: Container[Hashable]) -> Any:
    for key, below in level.items():
        if depth == _ADDRESS and key in without:
            continue
        item = below.popleft() if depth == _WINDOW else _next(below, depth + 1, without)
        if item is None:
            continue
        # The turn of each is over: it goes to the end, if it has more.
        del level[key]
        if below:
            level[key] = below
        return item
    return None


def _discard(level: Any, path: tuple[Hashable, ...], item: Any) -> bool:
    if not path:
        if item not in level:
            return False
        level.remove(item)
        return True
    below = level.get(path[0])
    if below is None or not _discard(below, path[1:], item):
        return False
    if not below:
        del level[path[0]]
    return True
