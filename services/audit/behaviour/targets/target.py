"""Finds the element that a visitor meant, and describes it."""

from __future__ import annotations

from services.audit.behaviour.dom_nodes import ELEMENT, Node
from services.audit.behaviour.targets.names import name_of, scope_of
from services.audit.behaviour.targets.page_tree import PageTree
from services.audit.behaviour.targets.roles import is_interactive, is_labelable, role_of
from services.audit.behaviour.targets.selectors import selector_of
from services.audit.model import Target

_MAX_INSIDE = 200
"""Maximum number of nodes of a label in which its control is looked for."""

_MAX_TAG = 64


def target_of(tree: PageTree, node_id: int) -> Target | None:
    """Returns the element that a visitor acted on; None: the node is not in the tree.

    It is the nearest interactive element around the node, such as the button around an icon, also out of a shadow
    root; of a label, its control; else the node's own element.
    """
    node = tree.node(node_id) if tree.has(node_id) else None
    while node is not None and node.type != ELEMENT:
        node = tree.parent_of(node)
    if node is None:
        return None
    meant = _interactive(tree, node) or _whole_picture(tree, node)
    if meant.tag == "label":
        meant = _control(tree, meant) or meant
    return Target(name_of(tree, meant), role_of(tree, meant), meant.tag[:_MAX_TAG].lower(), selector_of(tree, meant))


def _interactive(tree: PageTree, node: Node) -> Node | None:
    at: Node | None = node
    while at is not None and at.type == ELEMENT:
        if at.tag not in {"body", "html"} and is_interactive(tree, at):
            return at
        at = tree.parent_of(at)
    return None


def _whole_picture(tree: PageTree, node: Node) -> Node:
    """Returns the outer `svg` of a part of a drawing; else the node."""
    at: Node | None = node
    found = node
    while at is not None and at.type == ELEMENT and (at.is_svg or at.tag == "svg"):
        found = at
        at = tree.parent_of(at)
    return found


def _control(tree: PageTree, label: Node) -> Node | None:
    wanted = tree.attributes_of(label).get("for")
    if wanted:
        scope = scope_of(tree, label)
        for node in tree.with_dom_id(wanted):
            if is_labelable(tree, node) and scope_of(tree, node) == scope:
                return node
        return None
    stack, left = list(reversed(tree.children_of(label))), _MAX_INSIDE
    while stack and left:
        node = stack.pop()
        left -= 1
        if node.type == ELEMENT and is_labelable(tree, node):
            return node
        stack += reversed(tree.children_of(node))
    return None
