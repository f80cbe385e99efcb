"""The mirror of a window's page: its recorded contents, which clicks are looked up in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.behaviour.dom_nodes import Adds, Node, decode_tree
from services.audit.behaviour.targets.page_tree import NODE_BYTES, PageTree, TooManyNodes
from services.audit.behaviour.targets.target import target_of
from services.audit.rrweb import NOTHING

if TYPE_CHECKING:
    import msgspec

    from services.audit.behaviour.taped_nodes import TapedNodes
    from services.audit.model import Target
    from services.audit.rrweb import Data

MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
"""Maximum JSON of a full snapshot, in bytes; elements of larger ones get no names."""

_DECODED = 3
"""Approximate memory of a decoded snapshot, per byte of its JSON."""


class PageMirror:
    """A window's page.

    Args:
        lost: Why nothing is known of the page yet, as in the attribute.

    Attributes:
        size_bytes: Approximate memory, in bytes.
        lost: Why elements of the page have no targets until the next full snapshot: "no_snapshot", "too_large",
            "unreadable", "failed", "no_history"; "": they have.
        missed: Number of lookups without a target, by `lost`, or "unknown_node", since it was last emptied.
        changes: The chunk's mutations that were not applied yet, each with the position of its event before it, and its
            additions if they are decoded already after it: they are applied together, before the next lookup or at the
            chunk's end.
    """

    __slots__ = ("_found", "_nodes", "_snapshot", "_snapshot_bytes", "_tree", "changes", "lost", "missed")

    def __init__(self, lost: str = "no_snapshot") -> None:
        self._tree: PageTree | None = None
        self._snapshot: bytes | Node = b""
        self._snapshot_bytes = 0
        self._found: dict[int, Target] = {}
        """The lookups since the page changed: taps and clicks come in twos, rage clicks in more."""
        self._nodes: TapedNodes | None = None
        self.changes: list[tuple[int, Data, Adds | None]] = []
        self.lost = lost
        self.missed: dict[str, int] = {}

    @property
    def size_bytes(self) -> int:
        """Approximate memory, in bytes."""
        if self._tree is not None:
            return self._tree.size_bytes
        return NODE_BYTES + self._snapshot_bytes * (1 if isinstance(self._snapshot, bytes) else _DECODED)

    def begin(self, node: msgspec.Raw, decoded: Node | None = None) -> None:
        """Takes a full snapshot, and its node if it is decoded already."""
        self._forget("")
        size = 0 if node is NOTHING else memoryview(node).nbytes
        if not size:
            self._forget("unreadable")
        elif size > MAX_SNAPSHOT_BYTES:
            self._forget("too_large")
        else:
            self._snapshot, self._snapshot_bytes = (bytes(node) if decoded is None else decoded), size

    def open_chunk(self, nodes: TapedNodes | None) -> None:
        """Begins a chunk: its mutations may be read from the tables of a walk."""
        self._nodes = nodes

    def close_chunk(self) -> None:
        """Ends a chunk: applies the mutations that were not applied yet."""
        self._catch_up()
        self._nodes = None

    def _catch_up(self) -> None:
        """Applies the mutations that were not applied yet."""
        if not self.changes:
            return
        mutations = self.changes.copy()
        self.changes.clear()
        self._found = {}
        if self.lost:
            return
        tree = self._opened()
        if tree is None:
            return
        try:
            if self._nodes is None:
                for _, data, adds in mutations:
                    tree.mutate(data, adds)
            else:
                tree.follow(self._nodes, mutations)
        except TooManyNodes:
            self._forget("too_large")
        except Exception:  # noqa: BLE001 - JSON of another form, nested too deep, no memory; none of it may cost the chunk
            self._forget("unreadable")

    def target_of(self, node_id: int) -> Target | None:
        """Returns the element that a visitor acted on; None: the mirror does not have it. Never raises."""
        if self.changes:
            self._catch_up()
        if node_id in self._found:
            return self._found[node_id]
        tree = None if self.lost else self._opened()
        if tree is not None:
            try:
                found = target_of(tree, node_id)
            except Exception:  # noqa: BLE001 - no defect in naming may cost the chunk
                self._forget("failed")
                found = None
            if found is not None:
                self._found[node_id] = found
                return found
        why = self.lost or "unknown_node"
        self.missed[why] = self.missed.get(why, 0) + 1
        return None

    def _opened(self) -> PageTree | None:
        """Returns the tree; None: it cannot be made, and the page is lost."""
        if self._tree is None:
            snapshot, self._snapshot = self._snapshot, b""
            try:
                root = decode_tree(snapshot) if isinstance(snapshot, bytes) else snapshot
                self._tree = PageTree(root, self._snapshot_bytes)
            except TooManyNodes:
                self._forget("too_large")
            except Exception:  # noqa: BLE001 - JSON of another form, nested too deep, no memory
                self._forget("unreadable")
        return self._tree

    def _forget(self, why: str) -> None:
        self._found = {}
        self.changes.clear()
        self._tree, self._snapshot, self._snapshot_bytes = None, b"", 0
        self.lost = why
