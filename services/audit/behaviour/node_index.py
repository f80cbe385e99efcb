"""The detectors' index of the recorded DOM: the clickable nodes, and the nodes inside frames.

A full snapshot is a tree of a few hundred KB, reduced here to small sets of ids.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

import msgspec

from services.audit.behaviour.dom_nodes import Add, Adds, Node, decode_adds, decode_tree
from services.audit.behaviour.id_set import Borders, IdSet
from services.audit.behaviour.taped_nodes import ELSEWHERE, PageElement
from services.audit.json_tape.key_table import table
from services.audit.rrweb import NOTHING, Offset

if TYPE_CHECKING:
    from services.audit.behaviour.taped_nodes import TapedNodes

MAX_TREE_BYTES = 8 * 1024 * 1024
"""Larger trees are ignored: `[{},{},...]` grows twentyfold when decoded into objects."""

MAX_RUNS = 400
"""Maximum number of runs of clickable ids, with 6 bytes of state each."""

MAX_SCROLL = 16_777_216.0
"""Larger scroll positions are invalid: no page is as long."""

MAX_FRAMES = 16
MAX_FRAME_RUNS = 64

CLICKABLE_ROLES = frozenset(
    {"button", "link", "tab", "checkbox", "switch", "radio", "option", "treeitem"}
    | {"menuitem", "menuitemcheckbox", "menuitemradio"}
)
"""ARIA roles that promise a response to a click (WAI-ARIA 1.2, widget roles without text fields)."""

CLICKABLE_INPUTS = frozenset({"button", "submit", "reset", "image", "checkbox", "radio"})
"""Types of `input` that promise a response. Text fields respond with focus, the others with dialogs."""

_PROMISING_TAGS = frozenset({"button", "summary"})
_LINK_TAGS = frozenset({"a", "area"})
_TELLING_TAGS = _PROMISING_TAGS | _LINK_TAGS | {"input"}
_ROLE, _ONCLICK = b'"role"', b'"onclick"'
"""JSON of the attributes by which any element may promise a response."""

_HERE = ("_self", "_top", "_parent")


def _click_words() -> dict[str, int]:
    """Returns the meanings of words by which an element promises a response, as numbered in kernels.py."""
    words: dict[str, int] = {}
    for meaning, given in enumerate((
        *(_PROMISING_TAGS, _LINK_TAGS, ("input",), CLICKABLE_ROLES, CLICKABLE_INPUTS, _HERE),
        *(("href",), ("target",), ("download",), ("role",), ("type",), ("onclick",)),
        ("dir", "rr_scrollTop", "rr_scrollLeft"),
    )):  # fmt: skip
        for word in given:
            words[word] = words.get(word, 0) | 1 << meaning
    return words


_CLICK_WORDS = table(_click_words())


Scalar = str | bool | int | float | None


class Attributes(msgspec.Struct, gc=False):
    """The attributes that decide whether an element promises a response to a click."""

    href: Scalar = None
    target: Scalar = None
    download: Scalar = None
    role: Scalar = None
    type: Scalar = None
    onclick: Scalar = None
    dir: Scalar = None
    scroll_top: Scalar = msgspec.field(default=None, name="rr_scrollTop")
    scroll_left: Scalar = msgspec.field(default=None, name="rr_scrollLeft")


_attributes = msgspec.json.Decoder(Attributes)
_NO_ATTRIBUTES = Attributes()


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
    body: int = 0
    """The element `body` of the top document; 0: unknown."""


class NodeIndex:
    """The working index. Copies the stored index on the first change: a chunk without additions costs nothing.

    Args:
        stored: The index before the chunk.
        nodes: The nodes of the chunk, as a walk has read them: the clickable elements are then followed ahead of the
            events, up to the next one that has to be decoded. None: all are decoded.
    """

    __slots__ = (
        *("_clickable", "_framed", "_frames", "_nodes", "_stored", "body", "body_offset", "from_right", "root"),
        "stop",
    )

    def __init__(self, stored: Nodes, nodes: TapedNodes | None = None) -> None:
        self._stored = stored
        self._nodes = nodes
        self.stop = -1
        """Position of the next event that has to be decoded, if the events are followed ahead; the additions before it
        are known already."""
        self.root = stored.root
        self.body = stored.body
        self.body_offset: Offset | None = None
        """Scroll position of the body in the last full snapshot; None: it is not scrolled."""
        self.from_right = False
        """Whether the last full snapshot is of a page from right to left."""
        self._frames = stored.frames
        self._clickable: IdSet | None = None
        self._framed: dict[int, int] = {}  # results of frame_of since the last change of the frames

    def dump(self) -> Nodes:
        """Returns the index as stored."""
        if self._nodes is not None and self.stop >= 0:
            self._decodes(len(self._nodes.answers))
        stored = self._stored
        if self._clickable is None and self._frames is stored.frames:
            return stored
        clickable = stored.clickable if self._clickable is None else self._clickable.dump()
        return Nodes(self.root, clickable, self._frames, self.body)

    def scrolls_page(self, node_id: int | None, scroller: int) -> bool:
        """Returns whether a node's scroll events move the page.

        The body's do: a body that scrolls with the window scrolls as the document.

        Args:
            node_id: The scrolled node; None: the document.
            scroller: The element that scrolls the page according to the recorder; 0: unknown, or the document.
        """
        return node_id is None or node_id == self.root or (node_id > 0 and node_id in (self.body, scroller))

    def _decodes(self, position: int) -> bool:
        """Returns whether the event at a position has to be decoded; all events before it were seen, or followed."""
        nodes = self._nodes
        if nodes is None:
            return True
        while self.stop < position:
            stored = self._stored.clickable if self._clickable is None else self._clickable.borders
            self.stop, borders = nodes.follow(self.stop + 1, stored, 2 * MAX_RUNS, _CLICK_WORDS)
            if borders is not None:
                self._working_copy().borders[:] = borders
        return self.stop == position

    def is_clickable(self, node_id: int, position: int = -1) -> bool:
        """Returns whether the node promises a response to a click; False for unknown nodes.

        Args:
            node_id: The node.
            position: Position of the click; not needed if all nodes are decoded.
        """
        if self._nodes is not None and self.stop >= 0 and not self._decodes(position):
            return self._nodes.answers[position] == 1  # else nothing was added yet
        borders = self._stored.clickable if self._clickable is None else self._clickable.borders
        return bisect_right(borders, node_id) & 1 == 1

    def frame_of(self, node_id: int) -> int:
        """Returns the id of the frame element that contains the node; 0: not in a known frame."""
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

    def rebuild(self, tree: msgspec.Raw, position: int = -1) -> Node | None:
        """Rebuilds the index from a full snapshot's tree; an invalid or too large tree leaves it empty.

        Args:
            tree: The tree's JSON.
            position: Position of the snapshot; not needed if all nodes are decoded.

        Returns:
            The decoded tree. None: it was not decoded, since a walk has read it, or it is invalid or too large.
        """
        decodes = self._decodes(position)
        self.root, self._frames = 1, ()
        self.body, self.body_offset, self.from_right = 0, None, False
        self._framed.clear()
        if not decodes and self._nodes is not None:
            self._take_page(self._nodes.root_of(position), *self._nodes.page_of(position))
            return None
        self._stored, self._clickable = Nodes(), IdSet((), MAX_RUNS)
        if tree is NOTHING or memoryview(tree).nbytes > MAX_TREE_BYTES:
            return None
        try:
            node = decode_tree(bytes(tree))
        except (msgspec.MsgspecError, RecursionError):
            return None
        html = _child(node, "html")
        body = None if html is None else _child(html, "body")
        self._take_page(
            node.id, *(None if each is None else PageElement(each.id, bytes(each.raw)) for each in (html, body))
        )
        self._take(node)
        return node

    def _take_page(self, root: int, html: PageElement | None, body: PageElement | None) -> None:
        self.root = root if root > 0 else 1
        self.from_right = any(
            each is not None and _is_rtl(_attributes_of(each.attributes).dir) for each in (html, body)
        )
        if body is None:
            return
        self.body = max(body.id, 0)
        attributes = _attributes_of(body.attributes)
        if attributes.scroll_top or attributes.scroll_left:
            self.body_offset = Offset(_pixels(attributes.scroll_top), _pixels(attributes.scroll_left))

    def grow(self, adds: msgspec.Raw, position: int = -1) -> Adds | None:  # noqa: C901 - a call per node costs more than its work
        """Adds a mutation's additions: a button's new label is as clickable as the button.

        Args:
            adds: The additions' JSON.
            position: Position of the mutation; not needed if all nodes are decoded.

        Returns:
            The decoded additions. None: they were not decoded, or are invalid, too large, or without elements.
        """
        if self._nodes is not None and not self._decodes(position):
            return None
        text = bytes(adds)
        if b'"tagName"' not in text or len(text) > MAX_TREE_BYTES:
            return None  # text nodes are never click targets
        try:
            decoded = decode_adds(text)
        except (msgspec.MsgspecError, RecursionError):
            return None
        may_tell = _ROLE in text or _ONCLICK in text
        clickable = self._working_copy()
        borders = clickable.borders
        fresh: set[int] = set()
        labels: list[int] = []
        parent, inside, has_contents = 0, False, False
        for add in decoded:
            node = add.node
            tag = node.tag
            if node.root_id or node.children:
                self._take_subtree(add)
                has_contents = has_contents or bool(node.children)
            if not tag:
                continue
            if tag == "label":
                labels.append(node.id)
            if add.parent_id != parent:  # siblings are adjacent
                parent = add.parent_id
                inside = bisect_right(borders, parent) & 1 == 1 or parent in fresh
            if not inside and (not (may_tell or tag in _TELLING_TAGS) or not _promises(node)):
                continue
            node_id = node.id
            if not bisect_right(borders, node_id) & 1:  # moved nodes are already in the set
                fresh.add(node_id)
        if fresh:
            clickable.update(fresh)
        return Adds(text, decoded, has_contents, labels)

    def _take_subtree(self, add: Add) -> None:
        """Adds a node that has children or is inside a frame."""
        if add.node.children:
            self._take(add.node)
        if add.node.root_id or not add.node.tag:
            self._take_framed(add)

    def _working_copy(self) -> IdSet:
        if self._clickable is None:
            self._clickable = IdSet(self._stored.clickable, MAX_RUNS)
        return self._clickable

    def _take(self, tree: Node) -> None:
        """Adds the clickable elements of a tree, with all their descendants."""
        ids: list[int] = []
        stack = [tree]
        while stack:
            node = stack.pop()
            if node.tag and _promises(node):
                ids += _ids_of(node)
            elif node.children:
                stack += node.children
        if ids:
            self._working_copy().update(ids)

    def _take_framed(self, add: Add) -> None:
        """Assigns nodes to a frame: its whole document, or a node added to it later."""
        node = add.node
        if node.root_id:
            self._frames = tuple(
                frame if frame.root != node.root_id else _with_ids(frame, [node.id]) for frame in self._frames
            )
        elif node.id > 0 and add.parent_id > 0:
            # Replaces the frame's previous document; beyond MAX_FRAMES the oldest frames are dropped.
            others = [frame for frame in self._frames if frame.element != add.parent_id and frame.root != node.id]
            document = _with_ids(FrameNodes(add.parent_id, node.id), _ids_of(node))
            self._frames = (*others[-MAX_FRAMES + 1 :], document)
        self._framed.clear()


def _child(node: Node, tag: str) -> Node | None:
    return next((child for child in node.children if child.tag == tag), None)


def _is_rtl(direction: Scalar) -> bool:
    return isinstance(direction, str) and direction.lower() == "rtl"


def _pixels(value: Scalar) -> float:
    """Returns a scroll position as rrweb writes it into an attribute: as a number, or as text."""
    try:
        pixels = float(value or 0.0)
    except ValueError:
        return 0.0
    return pixels if abs(pixels) < MAX_SCROLL else 0.0


def _with_ids(frame: FrameNodes, ids: list[int]) -> FrameNodes:
    inside = IdSet(frame.ids, MAX_FRAME_RUNS)
    inside.update(ids)
    return FrameNodes(frame.element, frame.root, inside.dump())


def _ids_of(tree: Node) -> list[int]:
    ids, stack = [], [tree]
    while stack:
        node = stack.pop()
        ids.append(node.id)
        if node.children:
            stack += node.children
    return ids


def _attributes_of(raw: bytes | msgspec.Raw) -> Attributes:
    """Returns the attributes of a node, given their JSON; those of another form are as good as none."""
    try:
        return _attributes.decode(raw)
    except msgspec.MsgspecError:
        return _NO_ATTRIBUTES


def _promises(node: Node) -> bool:
    """Returns whether the element promises a response in this page to a click."""
    tag = node.tag
    if tag in _PROMISING_TAGS:
        return True
    if tag not in _TELLING_TAGS:
        raw = bytes(node.raw)
        if _ROLE not in raw and _ONCLICK not in raw:
            return False  # nearly all
    attributes = _attributes_of(node.raw)
    if tag == "input":
        return attributes.type in CLICKABLE_INPUTS
    if attributes.href is not None and tag in _LINK_TAGS:
        return _opens_here(attributes)
    return attributes.role in CLICKABLE_ROLES or attributes.onclick is not None


def _opens_here(link: Attributes) -> bool:
    """Returns whether a link opens in this window; a link that opens elsewhere leaves no trace in the recording."""
    if link.download is not None or link.target not in {None, "", *_HERE}:
        return False
    return not str(link.href).startswith(ELSEWHERE)
