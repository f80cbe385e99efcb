"""What the detectors need to know of the recorded DOM: which nodes are clickable, which lie in a frame.

A full snapshot is some hundred KB of tree; all that stays of it is two small sets of ids. It is decoded
once, as narrow as possible: about 0.3 microseconds a node.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from services.audit.behaviour.id_set import Borders, IdSet
from services.audit.rrweb import NOTHING

MAX_TREE_BYTES = 8 * 1024 * 1024
"""Larger trees are not looked into: `[{},{},...]` grows twentyfold when it becomes objects."""

MAX_RUNS = 400
"""Runs of clickable ids kept, 6 bytes of state each."""

MAX_FRAMES = 16
MAX_FRAME_RUNS = 64

CLICKABLE_ROLES = frozenset(
    {"button", "link", "tab", "checkbox", "switch", "radio", "option", "treeitem"}
    | {"menuitem", "menuitemcheckbox", "menuitemradio"}
)
"""ARIA roles that promise an answer to a click (WAI-ARIA 1.2, widget roles without text fields)."""

CLICKABLE_INPUTS = frozenset({"button", "submit", "reset", "image", "checkbox", "radio"})
"""Types of `input` that promise an answer. Text fields answer with focus, the others with dialogs."""

_PROMISING_TAGS = frozenset({"button", "summary"})
_LINK_TAGS = frozenset({"a", "area"})
_TELLING_TAGS = _PROMISING_TAGS | _LINK_TAGS | {"input"}
_ELSEWHERE = ("mailto:", "tel:", "sms:", "geo:")


Scalar = str | bool | int | float | None


class Attributes(msgspec.Struct, gc=False):
    """The attributes that decide whether a click promises something."""

    href: Scalar = None
    target: Scalar = None
    download: Scalar = None
    role: Scalar = None
    type: Scalar = None
    onclick: Scalar = None


class Node(msgspec.Struct, gc=False):
    """A serialised node, of which little is taken."""

    id: int = 0
    tag_name: str | None = msgspec.field(default=None, name="tagName")
    attributes: Attributes | None = None
    child_nodes: list[Node] = msgspec.field(default=[], name="childNodes")
    root_id: int = msgspec.field(default=0, name="rootId")


class Add(msgspec.Struct, gc=False):
    """An addition of a Mutation; `node` comes without children, except a frame's document."""

    parent_id: int = msgspec.field(default=0, name="parentId")
    node: Node = msgspec.field(default_factory=Node)


_tree_decoder = msgspec.json.Decoder(Node)
_adds_decoder = msgspec.json.Decoder(list[Add])


class FrameNodes(msgspec.Struct, array_like=True, frozen=True):
    """The document inside a frame: the frame's element, the document's id, and all ids in it."""

    element: int
    root: int
    ids: Borders = ()


class Nodes(msgspec.Struct, array_like=True, frozen=True):
    """The index as stored."""

    root: int = 1
    clickable: Borders = ()
    frames: tuple[FrameNodes, ...] = ()


class NodeIndex:
    """The index at work. Copies what is stored when it first changes: a chunk without additions pays nothing."""

    __slots__ = ("_clickable", "_framed", "_frames", "_stored", "root")

    def __init__(self, stored: Nodes) -> None:
        self._stored = stored
        self.root = stored.root
        self._frames = stored.frames
        self._clickable: IdSet | None = None
        self._framed: dict[int, int] = {}  # what frame_of has found since the frames last changed

    def dump(self) -> Nodes:
        """Returns the index as it is stored."""
        stored = self._stored
        if self._clickable is None and self._frames is stored.frames:
            return stored
        clickable = stored.clickable if self._clickable is None else self._clickable.dump()
        return Nodes(self.root, clickable, self._frames)

    def is_clickable(self, node_id: int) -> bool:
        """Returns whether a click on the node promises an answer; False for a node never seen."""
        borders = self._stored.clickable if self._clickable is None else self._clickable.borders
        return bisect_right(borders, node_id) & 1 == 1

    def frame_of(self, node_id: int) -> int:
        """Returns the id of the frame element whose document the node lies in; 0: none that is known."""
        if not self._frames:
            return 0
        found = self._framed.get(node_id)  # a pointer stays on a node for a while
        if found is None:
            found = self._framed[node_id] = self._look_up_frame(node_id)
        return found

    def _look_up_frame(self, node_id: int) -> int:
        for frame in self._frames:
            if bisect_right(frame.ids, node_id) & 1 or node_id == frame.root:
                return frame.element
        return 0

    def rebuild(self, tree: msgspec.Raw) -> None:
        """Takes a full snapshot's tree. One that is no tree, or too large, leaves an empty index."""
        self._stored = Nodes()
        self.root, self._clickable, self._frames = 1, IdSet((), MAX_RUNS), ()
        self._framed.clear()
        if tree is NOTHING or memoryview(tree).nbytes > MAX_TREE_BYTES:
            return
        try:
            node = _tree_decoder.decode(tree)
        except (msgspec.MsgspecError, RecursionError):
            return
        self.root = node.id if node.id > 0 else 1
        self._take(node)

    def grow(self, adds: msgspec.Raw) -> None:  # noqa: C901 - runs for every added node
        """Takes a mutation's additions: a button's new label is as clickable as the button."""
        text = bytes(adds)
        if b'"tagName"' not in text or len(text) > MAX_TREE_BYTES:
            return  # text is never what is clicked
        try:
            decoded = _adds_decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError):
            return
        clickable = self._working_copy()
        borders = clickable.borders
        fresh: set[int] = set()
        parent, inside = 0, False
        for add in decoded:
            node = add.node
            tag = node.tag_name
            if node.root_id or node.child_nodes:
                self._take_subtree(add)
            if tag is None:
                continue
            if add.parent_id != parent:  # siblings come in a row
                parent = add.parent_id
                inside = bisect_right(borders, parent) & 1 == 1 or parent in fresh
            if not inside:
                if tag not in _TELLING_TAGS:
                    attributes = node.attributes
                    if attributes is None or (attributes.role is None and attributes.onclick is None):
                        continue
                if not _promises(node):
                    continue
            node_id = node.id
            if not bisect_right(borders, node_id) & 1:  # nodes that are moved are in there already
                fresh.add(node_id)
        if fresh:
            clickable.update(fresh)

    def _take_subtree(self, add: Add) -> None:
        """Takes an added node that has children or lies in a frame."""
        if add.node.child_nodes:
            self._take(add.node)
        if add.node.root_id or add.node.tag_name is None:
            self._take_framed(add)

    def _working_copy(self) -> IdSet:
        if self._clickable is None:
            self._clickable = IdSet(self._stored.clickable, MAX_RUNS)
        return self._clickable

    def _take(self, tree: Node) -> None:
        """Adds the clickable elements of a tree, with all that lies inside them."""
        ids: list[int] = []
        stack = [tree]
        while stack:
            node = stack.pop()
            if node.tag_name is not None and _promises(node):
                ids += _ids_of(node)
            elif node.child_nodes:
                stack += node.child_nodes
        if ids:
            self._working_copy().update(ids)

    def _take_framed(self, add: Add) -> None:
        """Notes that nodes lie in a frame: its whole document, or a node added to it later."""
        node = add.node
        if node.root_id:
            self._frames = tuple(
                frame if frame.root != node.root_id else _with_ids(frame, [node.id]) for frame in self._frames
            )
        elif node.id > 0 and add.parent_id > 0:
            # What the frame showed before is gone; of too many frames, the oldest is.
            others = [frame for frame in self._frames if frame.element != add.parent_id and frame.root != node.id]
            document = _with_ids(FrameNodes(add.parent_id, node.id), _ids_of(node))
            self._frames = (*others[-MAX_FRAMES + 1 :], document)
        self._framed.clear()


def _with_ids(frame: FrameNodes, ids: list[int]) -> FrameNodes:
    inside = IdSet(frame.ids, MAX_FRAME_RUNS)
    inside.update(ids)
    return FrameNodes(frame.element, frame.root, inside.dump())


def _ids_of(tree: Node) -> list[int]:
    ids, stack = [], [tree]
    while stack:
        node = stack.pop()
        ids.append(node.id)
        if node.child_nodes:
            stack += node.child_nodes
    return ids


def _promises(node: Node) -> bool:
    """Returns whether a click on the element promises something to happen in this page."""
    tag, attributes = node.tag_name, node.attributes
    if tag in _PROMISING_TAGS:
        return True
    if tag is None or attributes is None:
        return False
    if tag == "input":
        return attributes.type in CLICKABLE_INPUTS
    if attributes.href is not None and tag in _LINK_TAGS:
        return _opens_here(attributes)
    return attributes.role in CLICKABLE_ROLES or attributes.onclick is not None


def _opens_here(link: Attributes) -> bool:
    """Returns whether a link leads to where this page is: what opens elsewhere leaves no trace here."""
    if link.download is not None or link.target not in {None, "", "_self", "_top", "_parent"}:
        return False
    return not str(link.href).startswith(_ELSEWHERE)
