"""The mirror of a window's page: its recorded contents, brought up to date when a click asks.

Most events only append a few bytes to a log, which takes about a microsecond; the log is decoded and applied to the
tree when a target is looked up, or when it has become long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.audit.behaviour.targets.page_tree import PageTree, TooManyNodes
from services.audit.behaviour.targets.target import target_of
from services.audit.rrweb import NOTHING

if TYPE_CHECKING:
    from services.audit.model import Target
    from services.audit.rrweb import Data

MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
"""Maximum JSON of a full snapshot, in bytes; elements of larger ones get no names."""

LOG_BYTES = 1024 * 1024
"""A log with more JSON is applied, in bytes: it takes about 2 ms then."""

_OWN_BYTES = 500
"""Approximate memory of a mirror without a page, in bytes."""

_SNAPSHOT, _REMOVES, _ADDS, _TEXTS, _CHANGED = range(5)
"""Kinds of entries of the log (page_kernels)."""

_EMPTY_BYTES = 4
"""Lists with more bytes of JSON are not empty; `null` is not longer."""


class PageMirror:
    """A window's page.

    Args:
        lost: Why nothing is known of the page yet, as in the attribute.

    Attributes:
        size_bytes: Approximate memory, in bytes.
        lost: Why elements of the page have no targets until the next full snapshot: "no_snapshot", "too_large",
            "unreadable", "failed", "no_history"; "": they have.
        missed: Number of lookups without a target, by `lost`, or "unknown_node", since it was last emptied.
    """

    __slots__ = ("_last", "_log", "_text", "_tree", "lost", "missed")

    def __init__(self, lost: str = "no_snapshot") -> None:
        self._tree: PageTree | None = None
        self._text = bytearray()
        """JSON of the snapshot and the mutations that are not applied to the tree yet."""
        self._log: list[tuple[int, int, int]] = []
        """Its parts: kind, start and end."""
        self._last: tuple[int, Target] | None = None
        """The last lookup since the page changed: taps and clicks come in twos, rage clicks in more."""
        self.lost = lost
        self.missed: dict[str, int] = {}

    @property
    def size_bytes(self) -> int:
        """Approximate memory, in bytes."""
        return len(self._text) + _OWN_BYTES + (0 if self._tree is None else self._tree.size_bytes)

    def begin(self, node: msgspec.Raw) -> None:
        """Takes a full snapshot."""
        self._forget("")
        if node is NOTHING:
            self._forget("unreadable")
        elif memoryview(node).nbytes > MAX_SNAPSHOT_BYTES:
            self._forget("too_large")
        else:
            self._text += node
            self._log.append((_SNAPSHOT, 0, len(self._text)))

    def change(self, data: Data) -> None:
        """Takes a mutation."""
        if self.lost:
            return
        text = self._text
        end, before = len(text), len(self._log)
        for kind, raw in (
            (_REMOVES, data.removes),
            (_ADDS, data.adds),
            (_TEXTS, data.texts),
            (_CHANGED, data.attributes),
        ):
            if raw is not NOTHING:
                start = end
                text += raw
                end = len(text)
                if end - start > _EMPTY_BYTES:
                    self._log.append((kind, start, end))
        if len(self._log) != before:
            self._last = None
            if end > LOG_BYTES and len(self._log) > 1:
                self._apply()

    def target_of(self, node_id: int) -> Target | None:
        """Returns the element that a visitor acted on; None: the mirror does not have it. Never raises."""
        if self._last is not None and self._last[0] == node_id:
            return self._last[1]
        if not self.lost:
            self._apply()
        if self._tree is not None:
            try:
                found = target_of(self._tree, node_id)
            except Exception:  # noqa: BLE001 - no defect in naming may cost the chunk
                self._forget("failed")
                found = None
            if found is not None:
                self._last = node_id, found
                return found
        why = self.lost or "unknown_node"
        self.missed[why] = self.missed.get(why, 0) + 1
        return None

    def _forget(self, why: str) -> None:
        self._last = None
        self._tree, self._text, self._log, self.lost = None, bytearray(), [], why

    def _apply(self) -> None:
        if not self._log:
            return
        text, log = self._text, self._log
        self._text, self._log = bytearray(), []
        try:
            if log[0][0] == _SNAPSHOT:
                self._tree = PageTree()
            if self._tree is not None:
                self._tree.apply(text, log)
        except TooManyNodes:
            self._forget("too_large")
        except Exception:  # noqa: BLE001 - JSON of another form, no memory; none of it may cost the chunk
            self._forget("unreadable")
