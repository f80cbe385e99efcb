"""The removals, and the changed texts and attributes, of a mutation."""

from __future__ import annotations

import msgspec

from services.audit.rrweb import NOTHING

NONE = msgspec.Raw(b"[]")
"""An empty list, as rrweb writes it."""


class _Removal(msgspec.Struct, gc=False):
    id: int


class TextChange(msgspec.Struct, gc=False):
    """A changed text node."""

    id: int
    value: str | None = None


class AttributeChange(msgspec.Struct, gc=False):
    """Changed attributes of an element; null: removed."""

    id: int
    attributes: msgspec.Raw = NOTHING


_removals = msgspec.json.Decoder(list[_Removal] | None)
_texts = msgspec.json.Decoder(list[TextChange] | None)
_changes = msgspec.json.Decoder(list[AttributeChange] | None)


def read_removals(raw: msgspec.Raw) -> list[int]:
    """Returns the ids of the removed nodes.

    Raises:
        msgspec.MsgspecError: They are not of rrweb's form.
    """
    return [removal.id for removal in _removals.decode(raw) or ()]


def read_texts(raw: msgspec.Raw) -> list[TextChange]:
    """Returns the changed texts.

    Raises:
        msgspec.MsgspecError: They are not of rrweb's form.
    """
    return _texts.decode(raw) or []


def read_changes(raw: msgspec.Raw) -> list[AttributeChange]:
    """Returns the changed attributes.

    Raises:
        msgspec.MsgspecError: They are not of rrweb's form.
    """
    return _changes.decode(raw) or []
