"""Facts of recorded elements that depend on their tag and their attributes only, such as their role.

They are worked out once for all elements that are recorded alike: a site has the same buttons in all visits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec

from services.audit.rrweb import NOTHING

if TYPE_CHECKING:
    from services.audit.behaviour.dom_nodes import Node

MAX_VALUE = 1_000
"""Characters kept of an attribute's value."""

_LARGE_BYTES = 1_024
"""Separated attributes with more JSON are reduced at once to those that are read."""

_SHARED_BYTES = 512
"""Elements with more JSON of attributes have traits of their own."""

_MAX_SHARED = 2048
"""Number of shared traits: they take 2 MB of a process, and at most about 6 MB."""

_KEPT = frozenset(
    {
        *("id", "class", "name", "type", "href", "xlink:href", "role", "title", "alt", "value", "placeholder", "for"),
        *("hidden", "style", "onclick", "tabindex", "contenteditable", "multiple", "size", "list", "label", "controls"),
        *("aria-label", "aria-labelledby", "aria-hidden", "scope", "disabled", "src", "aria-multiselectable"),
    }
)
_KEPT_PREFIX = "data-"

Attributes = dict[str, str]
Result = TypeVar("Result")

_decoder = msgspec.json.Decoder(dict[str, Any])


class Traits:
    """A tag and attributes, with the facts that were worked out of them. Elements share them, so they never change.

    Attributes:
        tag: Name of the element, as recorded.
        attributes: The attributes that are read, as texts; boolean ones are "".
        results: Results by function.
    """

    __slots__ = ("attributes", "results", "tag")

    def __init__(self, tag: str, attributes: Attributes) -> None:
        self.tag = tag
        self.attributes = attributes
        self.results: dict[Any, Any] = {}

    def changed(self, changes: list[bytes]) -> Traits:
        """Returns the traits after changes of the attributes, as JSON."""
        attributes = self.attributes
        for change in changes:
            new = _read(change)
            attributes = {name: value for name, value in attributes.items() if name not in new} | _reduced(new)
        return Traits(self.tag, attributes)


class Tree(Protocol):
    """Nodes with traits."""

    def traits_of(self, node: Node) -> Traits:
        """Returns the traits of a node."""
        ...


def by_traits(work_out: Callable[[str, Attributes], Result]) -> Callable[[Tree, Node], Result]:
    """Makes a function of a tag and attributes one of a tree's node, worked out once for equal elements."""

    @wraps(work_out)
    def of_node(tree: Tree, node: Node) -> Result:
        traits = tree.traits_of(node)
        found: Result | None = traits.results.get(work_out)
        if found is None:
            found = traits.results[work_out] = work_out(traits.tag, traits.attributes)
        return found

    return of_node


def traits_of(node: Node) -> Traits:
    """Returns the traits of a node as it was recorded first."""
    raw = b"" if node.raw is NOTHING else bytes(node.raw)
    is_small = len(node.tag) + len(raw) <= _SHARED_BYTES
    return _shared(node.tag, raw) if is_small else Traits(node.tag, _reduced(_read(raw)))


def separate(node: Node) -> None:
    """Separates an element's attributes from the JSON around them, which is then free."""
    raw = node.raw
    if raw is NOTHING:
        return
    text = bytes(raw)
    node.raw = msgspec.Raw(text if len(text) <= _LARGE_BYTES else msgspec.json.encode(_reduced(_read(text))))


@lru_cache(_MAX_SHARED)
def _shared(tag: str, raw: bytes) -> Traits:
    return Traits(tag, _reduced(_read(raw)))


def _read(raw: bytes) -> dict[str, Any]:
    """Returns attributes as recorded; those of another form are as good as none."""
    try:
        return _decoder.decode(raw) if raw else {}
    except msgspec.MsgspecError:
        return {}


def _reduced(attributes: dict[str, Any]) -> Attributes:
    """Returns the attributes that are read, as texts."""
    found: Attributes = {}
    for key, value in attributes.items():
        name = key.lower()
        if name not in _KEPT and not name.startswith(_KEPT_PREFIX):
            continue
        if isinstance(value, str):
            found[name] = value[:MAX_VALUE]
        elif value is True:
            found[name] = ""
        elif isinstance(value, int | float) and value is not False:
            found[name] = str(value)
    return found
