"""The mirror of a window's page: its recorded contents, brought up to date when a click asks.

Most events only append a few bytes to a log, which takes about a microsecond; the log is decoded and applied to the
tree when a target is looked up, or when it has become long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.audit.behaviour.dom_nodes import Add, Node, decode_adds, decode_tree
from services.audit.behaviour.targets.page_tree import LARGE_BYTES, PageTree, TooManyNodes
from services.audit.behaviour.targets.target import target_of
from services.audit.rrweb import NOTHING

if TYPE_CHECKING:
    import msgspec

    from services.audit.model import Target
    from services.audit.rrweb import Data

MAX_SNAPSHOT_BYTES = 16 * 1024 * 1024
"""Maximum JSON of a full snapshot, in bytes; elements of larger ones get no names."""

LOG_BYTES = 1024 * 1024
"""A log with more JSON of mutations is applied, in bytes: it takes some 10 ms then."""

NODE_BYTES = 500
"""Approximate memory of a node, in bytes, with its attributes and its texts."""


_EMPTY_BYTES = len(b"[]")

_Mutation = tuple[bytes, bytes | list[Add], bytes, bytes, bool]
"""Removals, additions, texts and attributes of a mutation, as JSON unless decoded; whether the additions are large."""


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

    __slots__ = ("_last", "_log", "_log_bytes", "_snapshot", "_snapshot_bytes", "_tree", "lost", "missed")

    def __init__(self, lost: str = "no_snapshot") -> None:
        self._tree: PageTree | None = None
        self._snapshot: bytes | Node = b""
        self._snapshot_bytes = 0
        self._log: list[_Mutation] = []
        self._log_bytes = 0
        self._last: tuple[int, Target] | None = None
        """The last lookup since the page changed: taps and clicks come in twos, rage clicks in more."""
        self.lost = lost
        self.missed: dict[str, int] = {}

    @property
    def size_bytes(self) -> int:
        """Approximate memory, in bytes."""
        if self._tree is None:
            return self._snapshot_bytes + self._log_bytes + NODE_BYTES
        return self._log_bytes + self._tree.kept_bytes + NODE_BYTES * (len(self._tree) + 1)

    def begin(self, node: msgspec.Raw, decoded: Node | None = None) -> None:
        """Takes a full snapshot, and its node if it is decoded already."""
        self._forget("")
        size = 0 if node is NOTHING else memoryview(node).nbytes
        if not size:
            self._forget("unreadable")
        elif size > MAX_SNAPSHOT_BYTES:
            self._forget("too_large")
        else:
            self._snapshot, self._snapshot_bytes = decoded or bytes(node), size

    def change(self, data: Data, added: list[Add] | None = None) -> None:
        """Takes a mutation, and its additions if they are decoded already."""
        if self.lost:
            return
        removes, texts, attributes = _json(data.removes), _json(data.texts), _json(data.attributes)
        adds = _json(data.adds)
        if size := len(removes) + len(adds) + len(texts) + len(attributes):
            self._log.append((removes, adds if added is None else added, texts, attributes, len(adds) > LARGE_BYTES))
            self._last = None
            self._log_bytes += size
            if self._log_bytes > LOG_BYTES:
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
        self._tree, self._snapshot, self._snapshot_bytes = None, b"", 0
        self._log, self._log_bytes, self.lost = [], 0, why

    def _apply(self) -> None:
        try:
            if self._snapshot:
                snapshot, self._snapshot = self._snapshot, b""
                root = decode_tree(snapshot) if isinstance(snapshot, bytes) else snapshot
                self._tree = PageTree(root, self._snapshot_bytes)
            log, self._log, self._log_bytes = self._log, [], 0
            if self._tree is not None:
                for removes, adds, texts, attributes, is_large in log:
                    added = decode_adds(adds) if isinstance(adds, bytes) and adds else adds or []
                    self._tree.mutate(removes, added, texts, attributes, is_large=is_large)
        except TooManyNodes:
            self._forget("too_large")
        except Exception:  # noqa: BLE001 - JSON of another form, nested too deep, no memory; none of it may cost the chunk
            self._forget("unreadable")


def _json(raw: msgspec.Raw) -> bytes:
    """Returns the JSON of a list; b"": it is empty."""
    if raw is NOTHING:
        return b""
    text = bytes(raw)
    return text if len(text) > _EMPTY_BYTES and text != b"null" else b""
