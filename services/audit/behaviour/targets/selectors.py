"""CSS selectors of elements that are the same in other visits of the page.

Only the element and its ancestors decide, never how many others a selector fits: a list has one row today and five
tomorrow, and its buttons keep their selector. So a selector stands for a kind of element, often of one. It is made
of, in this order: test attributes, ids that people gave, attributes of the element's purpose, classes that people
gave, and at last the position among siblings.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from services.audit.behaviour.dom_nodes import ELEMENT, Node
from services.audit.behaviour.targets.generated import is_generated, stable_class
from services.audit.behaviour.targets.names import tidy
from services.audit.behaviour.targets.page_tree import PageTree
from services.audit.behaviour.targets.roles import acts
from services.audit.behaviour.targets.traits import Attributes, by_traits

MAX_SELECTOR = 256
"""Characters, as in the contract."""

TEST_ATTRIBUTES = (
    *("data-testid", "data-test-id", "data-test", "data-qa", "data-qa-id", "data-cy", "data-pw", "data-e2e"),
    *("data-automation-id", "data-automation", "data-test-subj", "data-hook", "data-attr", "data-ph", "data-track"),
)
"""Attributes that people write for tests and statistics, in the order of preference."""

_TELLING = ("name", "aria-label", "for", "title", "alt", "placeholder")
"""Attributes of an element's purpose; "value" only of buttons."""

_MAX_VALUE = 60
_MAX_CLASSES = 2
_MAX_STEPS = 4
"""Maximum number of steps of a path: that of the element, and those of its nearest ancestors."""

_LANDMARKS = frozenset({"nav", "header", "footer", "aside", "dialog", "table"})
"""Elements of which a part of a page has one."""

_UNIQUE = frozenset({"html", "body", "main"})

_COMMON = frozenset(
    {
        *(
            "btn",
            "button",
            "link",
            "icon",
            "item",
            "card",
            "text",
            "label",
            "input",
            "title",
            "box",
            "wrapper",
            "inner",
        ),
        *("content", "image", "img", "list", "nav-link", "nav-item", "form-control", "form-group", "view", "body"),
        *("list-group-item", "dropdown-item", "card-body", "page-link", "control", "field", "cell", "block", "option"),
    }
)
"""Classes of many elements of a page: they alone do not tell one from another."""

_WORD = re.compile(r"[A-Za-z_][\w-]*", re.ASCII)
"""Identifiers without any character to escape."""

_PLAIN = re.compile(r"[A-Za-z_\u00a0-\uffff-]")
_FOLDED = re.compile(r"/[^/]*(?:\d{3,}|[0-9a-f]{8,}|%|\*)[^/]*(?=/|$).*")
"""A path from the first segment on that is of one item only."""


class _Step(NamedTuple):
    css: str
    strength: int


_POSITION, _COMMON_CLASS, _CLASS, _TOLD, _KEY = range(5)
"""Strength of a step: position, classes of many elements, its classes, a telling attribute, a name of its own."""


def selector_of(tree: PageTree, node: Node) -> str:
    """Returns an element's selector, within its document or shadow root; at most MAX_SELECTOR characters."""
    own = _step(tree, node)
    if own.strength == _KEY or node.tag in _UNIQUE:
        return own.css
    path = [own.css]
    is_told, is_next = own.strength >= _CLASS, True
    at = _above(tree, node)
    while at is not None and at.tag not in _UNIQUE:
        step = _step(tree, at)
        if step.strength == _KEY:
            return _fitting([step.css, " > " if is_next and not is_told else " ", *path])
        if is_told and at.tag in _LANDMARKS:
            return _fitting(_anchored(tree, at, [step.css, " ", *path]))
        is_next = not is_told and len(path) < 2 * _MAX_STEPS - 1
        if is_next:
            path = [step.css, " > ", *path]
            is_told = step.strength >= _TOLD or at.tag in _LANDMARKS
        at = _above(tree, at)
    return _fitting(path)


def _anchored(tree: PageTree, node: Node, path: list[str]) -> list[str]:
    """Returns a path with the nearest ancestor in front of it that has a name of its own."""
    at = _above(tree, node)
    while at is not None:
        key = _key_of(tree, at)
        if key:
            return [key, " ", *path]
        at = _above(tree, at)
    return path


def _above(tree: PageTree, node: Node) -> Node | None:
    """Returns the parent element in the same document and the same shadow root."""
    if node.is_shadow:
        return None
    parent = tree.parent_of(node)
    return parent if parent is not None and parent.type == ELEMENT else None


def _step(tree: PageTree, node: Node) -> _Step:
    step = _kind_of(tree, node)
    if step.strength == _POSITION and (place := _place(tree, node)):
        return _Step(f"{step.css}:nth-of-type({place})", _POSITION)
    return step


def _kind(tag: str, attributes: Attributes) -> _Step:
    """Returns the step of all elements with a tag and attributes, without the position that a weak one needs."""
    if key := _key(tag, attributes):
        return _Step(key, _KEY)
    css = _identifier(tag)
    if told := _told(tag, attributes):
        return _Step(css + told, _TOLD)
    classes, is_common = _classes(attributes)
    if classes and not is_common:
        return _Step(css + classes, _CLASS)
    if tag in _LANDMARKS or tag in _UNIQUE:
        return _Step(css, _CLASS)
    if classes and not acts(tag, attributes):
        return _Step(css + classes, _COMMON_CLASS)
    return _Step(css + classes, _POSITION)


def _key(_tag: str, attributes: Attributes) -> str:
    """Returns the selector of a test attribute or an id that people gave; "": there is no such name."""
    for name in TEST_ATTRIBUTES:
        value = attributes.get(name, "")
        if value and tidy(value) and not is_generated(value):
            return f"[{name}={_text(value)}]"
    own = attributes.get("id", "")
    return f"#{_identifier(own)}" if own and tidy(own) and " " not in own and not is_generated(own) else ""


def _told(tag: str, attributes: Attributes) -> str:
    """Returns the condition on an attribute of the element's purpose; "": there is no such attribute."""
    if tag in {"a", "area"} and (path := _path(attributes.get("href", ""))):
        return path
    for name in _TELLING:
        value = attributes.get(name, "")
        if _is_told(value, is_id=name in {"name", "for"}):
            return f"[{name}={_text(value)}]" + (_choice(attributes) if name == "name" else "")
    kind = attributes.get("type", "").lower()
    if tag == "input" and kind in {"submit", "button", "reset"} and _is_told(attributes.get("value", ""), is_id=False):
        return f"[value={_text(attributes['value'])}]"
    if kind in {"submit", "reset", "password", "email", "search", "tel", "file"} and tag in {"input", "button"}:
        return f"[type={_text(kind)}]"
    return ""


def _choice(attributes: Attributes) -> str:
    """Returns the condition on the value of a radio button or checkbox, unlike others of its name."""
    value = attributes.get("value", "")
    is_choice = attributes.get("type", "").lower() in {"radio", "checkbox"} and value != "on"
    return f"[value={_text(value)}]" if is_choice and _is_told(value, is_id=True) else ""


def _is_told(value: str, *, is_id: bool) -> bool:
    if not value or len(value) > _MAX_VALUE or not tidy(value) or "*" in value or "masked-" in value:
        return False
    return not is_generated(value) if is_id else not re.search(r"\d", value)


def _path(href: str) -> str:
    """Returns the condition on a link's path, without the parts of a single item; "": there is no path."""
    try:
        url = urlsplit(href.strip())
    except ValueError:
        return ""
    if url.scheme not in {"", "http", "https"}:
        return f'[href^="{url.scheme}:"]' if url.scheme in {"mailto", "tel", "sms"} else ""
    if "#" in href:
        return _fragment(url.fragment)
    if url.path == "/" and not url.query:
        return '[href$="/"]'
    folded = _FOLDED.sub("/", url.path)
    is_telling = len(folded) <= _MAX_VALUE and len(folded.strip("/")) > 1
    return f"[href*={_text(folded)}]" if is_telling else ""


def _fragment(fragment: str) -> str:
    folded = _FOLDED.sub("/", fragment)
    if not folded.strip("!") or len(folded) > _MAX_VALUE or (folded[0] not in "!/" and is_generated(folded)):
        return ""
    return f"[href{'$' if folded == fragment else '*'}={_text('#' + folded)}]"


def _classes(attributes: Attributes) -> tuple[str, bool]:
    """Returns the condition on the classes that people gave, and whether many elements have them."""
    found: list[str] = []
    is_common = True
    for name in attributes.get("class", "").split():
        stable = stable_class(name)
        if not stable or not tidy(stable):
            continue
        css = f".{_identifier(stable)}" if stable == name else f"[class*={_text(stable)}]"
        if css not in found:
            found.append(css)
            is_common = is_common and stable.lower() in _COMMON
    told = [css for css in found if css[1:].lower() not in _COMMON]
    return "".join((told or found)[:_MAX_CLASSES]), is_common


_key_of = by_traits(_key)
_kind_of = by_traits(_kind)


def _place(tree: PageTree, node: Node) -> int:
    """Returns the position among the siblings of the same kind, from 1; 0: the element has no parent."""
    parent = tree.parent_of(node)
    if parent is None:
        return 0
    place = 0
    for child in tree.children_of(parent):
        if child.type == ELEMENT and child.tag == node.tag and bool(child.is_shadow) == bool(node.is_shadow):
            place += 1
            if child is node:
                break
    return place


def _fitting(path: list[str]) -> str:
    """Returns the path without as many steps in front as make it too long."""
    while len(css := "".join(path)) > MAX_SELECTOR and len(path) > 1:
        path = path[2:]
    return css if len(css) <= MAX_SELECTOR else ""


def _text(value: str) -> str:
    """Returns a CSS string."""
    escaped = re.sub(r'[\\"]', lambda found: "\\" + found[0], value)
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\{ord(found[0]):x} ", escaped) + '"'


def _identifier(name: str) -> str:
    """Returns a CSS identifier (CSSOM, "serialize an identifier")."""
    if _WORD.fullmatch(name):
        return name
    parts: list[str] = []
    for at, char in enumerate(name):
        if char.isascii() and char.isdigit():
            is_first = at == 0 or (at == 1 and name[0] == "-")
            parts.append(f"\\{ord(char):x} " if is_first else char)
        elif char == "-" and len(name) == 1:
            parts.append("\\-")
        elif _PLAIN.match(char) or ord(char) > 0x7F:
            parts.append(char)
        elif ord(char) < 0x20 or ord(char) == 0x7F:
            parts.append(f"\\{ord(char):x} ")
        else:
            parts.append("\\" + char)
    return "".join(parts)
