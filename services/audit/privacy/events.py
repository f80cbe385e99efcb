"""Parts of rrweb's events as far as masking looks into them: values are left as raw JSON until one must be changed.

Events are decoded once for all that looks at them (payload); what is here is for the parts that masking opens,
and for events that are not as `rrweb.Data` has them.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, UnsetType


class Node(msgspec.Struct, gc=False):
    """A node of a snapshot."""

    id: int
    type: int
    tag: str | UnsetType = msgspec.field(default=UNSET, name="tagName")
    attributes: Raw | UnsetType = UNSET
    text: Raw | UnsetType = msgspec.field(default=UNSET, name="textContent")
    children: list[Node] | UnsetType = msgspec.field(default=UNSET, name="childNodes")


class Add(msgspec.Struct, gc=False):
    """A node that a mutation adds; or a rule that a StyleSheetRule adds, which has no node."""

    node: Node | UnsetType = UNSET
    parent: int | None = msgspec.field(default=None, name="parentId")


class TextChange(msgspec.Struct, gc=False):
    """New text of a node."""

    id: int
    value: Raw | UnsetType = UNSET


class AttributeChange(msgspec.Struct, gc=False):
    """New attributes of an element."""

    id: int
    attributes: Raw


class Remove(msgspec.Struct, gc=False):
    """A node that a mutation removes; or a rule that a StyleSheetRule removes, which has no id."""

    id: int | None = None


class Data(msgspec.Struct, gc=False):
    """`data` of an event."""

    source: int | None = None
    id: int | None = None
    text: Raw | UnsetType = UNSET
    texts: tuple[TextChange, ...] = ()
    attributes: tuple[AttributeChange, ...] = ()
    removes: tuple[Remove, ...] = ()
    adds: tuple[Add, ...] = ()
    node: Node | UnsetType = UNSET
    plugin: str | None = None
    payload: Raw | UnsetType = UNSET


class Event(msgspec.Struct, gc=False):
    """One event."""

    type: int
    data: Data | UnsetType = UNSET


class BareEvent(msgspec.Struct, gc=False):
    """An event whose `data` is of a form not known here, or not needed in parts."""

    type: int
    data: Raw | UnsetType = UNSET


adds_decoder = msgspec.json.Decoder(tuple[Add, ...])
texts_decoder = msgspec.json.Decoder(tuple[TextChange, ...])
attributes_decoder = msgspec.json.Decoder(tuple[AttributeChange, ...])
removes_decoder = msgspec.json.Decoder(tuple[Remove, ...])
node_decoder = msgspec.json.Decoder(Node)
bare_decoder = msgspec.json.Decoder(BareEvent)
event_decoder = msgspec.json.Decoder(Event)
raws_decoder = msgspec.json.Decoder(list[Raw])
object_decoder = msgspec.json.Decoder(dict[str, Raw])
