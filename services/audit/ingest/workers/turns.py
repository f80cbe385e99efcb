"""A queue in which projects take turns, and within a project its windows: none delays the others by its number."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """Items in turns: each project's next window, each window's oldest item."""

    def __init__(self) -> None:
        self._projects: dict[str, dict[Hashable, deque[Item]]] = {}
        """In the order of their turns, as are the windows of each."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, project: str, window: Hashable, item: Item) -> None:
        """Adds an item."""
        self._projects.setdefault(project, {}).setdefault(window, deque()).append(item)
        self._count += 1

    def take(self) -> Item | None:
        """Removes the next item in turn and returns it; None: there are no items."""
        if not self._count:
            return None
        self._count -= 1
        project, windows = next(iter(self._projects.items()))
        window, items = next(iter(windows.items()))
        item = items.popleft()
        # The turn of each is over: it goes to the end, if it has more.
        del self._projects[project], windows[window]
        if items:
            windows[window] = items
        if windows:
            self._projects[project] = windows
        return item
