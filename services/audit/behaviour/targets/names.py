"""Accessible names by https://www.w3.org/TR/accname-1.2/, as far as a recording allows.

A recording has no layout and no style sheets that are applied: elements count as hidden by their attributes only, and
generated contents (`::before`) are not part of names. Values of fields were written by visitors: they are never part of
names.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from services.audit.behaviour.dom_nodes import CDATA, DOCUMENT, ELEMENT, TEXT, Node
from services.audit.behaviour.targets.page_tree import MAX_TEXT, PageTree
from services.audit.behaviour.targets.roles import (
    NAMED_BY_CONTENT,
    is_button,
    is_button_input,
    is_interactive,
    is_labelable,
    role_of,
)
from services.audit.behaviour.targets.traits import Attributes, by_traits

MAX_NAME = 80
"""Characters of a name, as in the contract; longer ones are cut and end with an ellipsis."""

MAX_VISITED = 1_000
"""Maximum number of nodes that are looked at for a text. Names have a few; a whole page may be a link."""

_MAX_PLAIN = 30
"""Maximum number of nodes of an element that is named by its text although its role has no name from content. Elements
with more are parts of a page."""

_MAX_GATHERED = 400
"""Characters after which no more text is gathered."""

_MAX_REFERENCES = 8

_BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset", "figcaption"),
        *("figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "main"),
        *("nav", "ol", "option", "p", "pre", "section", "table", "td", "th", "tr", "ul", "img", "svg"),
    }
)
"""Elements with space around their text; of pictures too, which rarely join words."""

_PARTS = frozenset(
    {
        *("main", "header", "footer", "nav", "aside", "section", "article", "form", "fieldset", "frameset", "iframe"),
    }
)
"""Elements that are parts of a page, which the texts of their contents do not name."""

_WITHOUT_OWN_TEXT = frozenset(
    {
        "input",
        "textarea",
        "select",
        "body",
        "html",
        "table",
        "thead",
        "tbody",
        "tfoot",
        "colgroup",
        "col",
        "ul",
        "ol",
        "dl",
    }
)
"""Elements that have no texts of their own, or texts that no one means by a click."""

_WITHOUT_TEXT = frozenset(
    {"script", "style", "noscript", "template", "head", "select", "datalist", "textarea", "iframe", "canvas", "video"}
)
"""Elements with texts that are not shown, or are choices and values of a field."""

_CAPTIONS = {"fieldset": "legend", "figure": "figcaption", "table": "caption", "svg": "title", "details": "summary"}
"""Children that name their parents."""

_CAPTION_TAGS = frozenset({"label", "legend", "summary", "caption"})

_DEFAULT_LABELS = {"submit": "Submit", "reset": "Reset", "image": "Submit"}

_LIGATURES = re.compile(r"(?:^|\s)(?:material-icons|material-symbols)", re.IGNORECASE)
"""Classes of icon fonts that draw a word as a picture."""

_MASKS = re.compile(r"\[[a-z_]+(?::[A-Za-z0-9]+)?\]|masked-[\w-]+")
"""Replacements of masked values, beside asterisks."""

_NO_WORD = re.compile(r"[\ue000-\uf8ff\u200b-\u200f\u2060\ufeff\U000f0000-\U0010ffff]")
"""Icons of fonts, and characters without a width."""


def name_of(tree: PageTree, node: Node) -> str:
    """Returns an element's name, at most MAX_NAME characters; "": it has no name.

    An element with a role that has no name from content, such as a `div` with a listener or a clicked paragraph, is
    named by its text if that is short, or by its own text without that of other elements.
    """
    return _cut(_Names(tree).of(node))


def tidy(text: str) -> str:
    """Returns a text with its white space collapsed; "": nothing of it is left after masking."""
    if not text:
        return ""
    collapsed = " ".join((text if text.isascii() else _NO_WORD.sub("", text)).split())
    unmasked = _MASKS.sub("", collapsed) if "[" in collapsed or "masked-" in collapsed else collapsed
    is_masked = unmasked != collapsed or "*" in collapsed or "\u2022" in collapsed
    return "" if is_masked and not unmasked.strip("*\u2022 \u2026.,:;/+@()-") else collapsed


def _cut(name: str) -> str:
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - 1].rstrip() + "\u2026"


class _Names:
    """The steps of a computation, with a bound on the number of visited nodes."""

    def __init__(self, tree: PageTree) -> None:
        self._tree = tree
        self._left = MAX_VISITED

    def of(self, node: Node) -> str:
        tree, attributes = self._tree, self._tree.attributes_of(node)
        is_named_by_content = role_of(tree, node) in NAMED_BY_CONTENT or node.tag in _CAPTION_TAGS
        return (
            self._referenced(node)  # step 2B
            or tidy(attributes.get("aria-label", ""))  # step 2D
            or self._native(node, attributes)  # step 2E
            or (self._text_of([node]) if is_named_by_content else "")  # step 2F
            or tidy(attributes.get("title", ""))  # step 2I
            or tidy(attributes.get("placeholder", ""))
            or self._own_text(node)
        )

    def _referenced(self, node: Node) -> str:
        references = self._tree.attributes_of(node).get("aria-labelledby")
        if not references:
            return ""
        ids = references.split()[:_MAX_REFERENCES]
        named = [self._label_text(found) for each in ids if (found := self._find(node, each)) is not None]
        return tidy(" ".join(named))

    def _label_text(self, node: Node) -> str:
        attributes = self._tree.attributes_of(node)
        return (
            tidy(attributes.get("aria-label", ""))
            or self._native(node, attributes, is_referenced=True)
            or self._text_of([node], is_hidden_too=True)
            or tidy(attributes.get("title", ""))
        )

    def _native(self, node: Node, attributes: Attributes, *, is_referenced: bool = False) -> str:
        """Returns the name that an element has by its own kind of label."""
        tree, tag = self._tree, node.tag
        if is_button_input(tree, node):
            return self._button_label(node, attributes, is_referenced=is_referenced)
        if tag in {"img", "area"}:
            return tidy(attributes.get("alt", ""))
        own = tidy(attributes.get("label", "")) if tag in {"option", "optgroup", "track"} else ""
        if not own and not is_referenced and is_labelable(tree, node):
            own = self._labels(node)
        if own or tag not in _CAPTIONS:
            return own
        captions = [child for child in tree.elements_of(node) if child.tag == _CAPTIONS[tag]]
        return self._text_of(captions[:1]) if captions else ""

    def _button_label(self, node: Node, attributes: Attributes, *, is_referenced: bool) -> str:
        kind, value = attributes.get("type", "").lower(), attributes.get("value", "")
        return (
            (tidy(attributes.get("alt", "")) if kind == "image" else "")
            or tidy(value)
            or ("" if is_referenced else self._labels(node))
            or tidy(attributes.get("title", ""))
            or ("" if value else _DEFAULT_LABELS.get(kind, ""))
        )

    def _labels(self, control: Node) -> str:
        """Returns the texts of a control's labels: those that refer to it, and the one around it."""
        tree = self._tree
        labels: list[Node] = []
        own_id = tree.attributes_of(control).get("id")
        if own_id:
            labels = tree.labels_for(own_id)
            del labels[_MAX_REFERENCES:]
        around = tree.parent_of(control)
        while around is not None and around.type == ELEMENT:
            if around.tag == "label":
                if around not in labels and "for" not in tree.attributes_of(around):
                    labels.append(around)
                break
            around = tree.parent_of(around)
        return tidy(" ".join(self._text_of([label], without=control) for label in labels))

    def _find(self, near: Node, dom_id: str) -> Node | None:
        """Returns the element with an id, preferably in the same document or shadow root."""
        tree, found = self._tree, None
        scope = scope_of(tree, near)
        for node in tree.with_dom_id(dom_id):
            if scope_of(tree, node) == scope:
                return node
            found = found or node
        return found

    def _own_text(self, node: Node) -> str:
        """Returns a short text for an element that has no name by the standard."""
        if node.tag in _WITHOUT_OWN_TEXT:
            return ""
        if is_interactive(self._tree, node):
            return self._text_of([node])
        if node.tag not in _PARTS:
            left, self._left = self._left, min(self._left, _MAX_PLAIN + 1)
            whole = self._text_of([node], at_most=MAX_NAME)
            is_whole, self._left = self._left > 0, left
            if is_whole and len(whole) <= MAX_NAME:
                return whole
        texts = (child.text for child in self._tree.children_of(node) if child.type in {TEXT, CDATA})
        return tidy(" ".join((text or "")[:MAX_TEXT] for text in texts))

    def _text_of(
        self,
        nodes: list[Node],
        *,
        without: Node | None = None,
        is_hidden_too: bool = False,
        at_most: int = _MAX_GATHERED,
    ) -> str:
        """Returns the text inside of nodes (step 2F), with space around blocks.

        Of a text that is longer than `at_most` characters, only the beginning with more than these.
        """
        tree = self._tree
        parts: list[str] = []
        size = 0
        stack: list[Node | str] = list(reversed(nodes))
        while stack and self._left > 0 and size <= at_most:
            node = stack.pop()
            if isinstance(node, str):
                parts.append(node)
                continue
            self._left -= 1
            if node.type in {TEXT, CDATA}:
                part = (node.text or "")[:MAX_TEXT]
                parts.append(part)
                size += len(part.strip())
                continue
            if node.type != ELEMENT or node is without:
                continue
            is_top = node in nodes
            contents = _contents_of(tree, node)
            if contents.is_skipped or (contents.is_hidden and not is_top and not is_hidden_too):
                continue
            space = contents.space
            parts.append(space)
            name = "" if is_top else contents.name or (self._title_inside(node) if node.tag == "svg" else "")
            if name:
                parts.append(name)
                size += len(name.strip())
            elif not contents.is_picture:
                stack += [space, *reversed(tree.children_of(node))]
                continue
            parts.append(space)
        return tidy("".join(parts))

    def _title_inside(self, picture: Node) -> str:
        for child in self._tree.elements_of(picture):
            if child.tag == "title":
                return self._text_of([child])
        return ""


class _Contents(NamedTuple):
    """An element's part in the text around it.

    Attributes:
        space: The space in front of it, and after it.
        name: Its name, if that is not its text.
        is_skipped: Whether its texts are not shown.
        is_hidden: Whether it is hidden.
        is_picture: Whether its texts, if any, draw a picture.
    """

    space: str
    name: str
    is_skipped: bool
    is_hidden: bool
    is_picture: bool


def _contents(tag: str, attributes: Attributes) -> _Contents:
    return _Contents(
        space=" " if tag in _BLOCKS else "",
        name=_name_inside(tag, attributes),
        is_skipped=tag in _WITHOUT_TEXT,
        is_hidden=_is_hidden(attributes),
        is_picture=tag in {"input", "img"} or _LIGATURES.search(attributes.get("class", "")) is not None,
    )


def _name_inside(tag: str, attributes: Attributes) -> str:
    """Returns the name of an element inside of another one's contents, if it is not its text."""
    if name := tidy(attributes.get("aria-label", "")):
        return f" {name} "
    if tag in {"img", "area"}:
        return tidy(attributes.get("alt", "")) or tidy(attributes.get("title", ""))
    return tidy(attributes.get("value", "")) if is_button(tag, attributes) else ""


_contents_of = by_traits(_contents)


def scope_of(tree: PageTree, node: Node) -> int:
    """Returns the id of the document, or of the shadow root's host, that contains a node."""
    at = node
    while at.type != DOCUMENT and not at.is_shadow:
        parent = tree.parent_of(at)
        if parent is None:
            return at.id
        at = parent
    return at.parent if at.is_shadow else at.id


def _is_hidden(attributes: Attributes) -> bool:
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style", "").replace(" ", "").lower()
    return "display:none" in style or "visibility:hidden" in style
