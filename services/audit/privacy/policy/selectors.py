"""Selectors of a policy: only forms that can be matched against a single recorded element.

`tag`, `.class`, `#id`, `[attribute]`, `[attribute=value]` and `tag.class`. Combinators and pseudo-classes
would need the whole document, which the server does not keep.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_FORM = re.compile(
    rf"(?P<tag>{_NAME})?(?:\.(?P<cls>-?{_NAME}))?|#(?P<id>{_NAME})"
    rf"|\[(?P<attribute>{_NAME})(?:=(?:\"(?P<double>[^\"\\]*)\"|'(?P<single>[^'\\]*)'|(?P<bare>[\w-]+)))?\]",
    re.ASCII,
)
FORMS = "tag, .class, #id, [attribute], [attribute=value] and tag.class"


class Selector(msgspec.Struct, frozen=True):
    """One simple selector. Fields that are "" (value: None) match anything.

    A mark (`is_mark`) is one of the built-in selectors: its class or value matches as one of several words, in upper or
    lower case, since a mark that is written carelessly must not reveal anything.
    """

    text: str
    tag: str = ""
    cls: str = ""
    attribute: str = ""
    value: str | None = None
    is_mark: bool = False

    def matches(self, tag: str, attributes: Mapping[str, object]) -> bool:
        """Returns whether an element with this tag (lower case) and these attributes matches."""
        if self.tag and self.tag != tag:
            return False
        if self.is_mark:
            words = attributes.get("class" if self.cls else self.attribute)
            return isinstance(words, str) and (self.cls or self.value) in words.lower().split()
        if self.cls:
            classes = attributes.get("class")
            if not isinstance(classes, str) or self.cls not in classes.split():
                return False
        if self.attribute:
            found = attributes.get(self.attribute)
            return found is not None and found is not False and (self.value is None or self.value == found)
        return True


def parse_selector(text: str) -> Selector:
    """Returns the selector.

    Raises:
        ValueError: If its form is not supported.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or not match[0]:
        raise ValueError(f"{text!r} is not supported here; the supported forms are {FORMS}")
    if match["id"]:
        return Selector(match[0], attribute="id", value=match["id"])
    if match["attribute"]:
        value = next((match[name] for name in ("double", "single", "bare") if match[name] is not None), None)
        if value is not None and not value.isascii():
            raise ValueError(f"{text!r}: the value must be ASCII")
        return Selector(match[0], attribute=match["attribute"].lower(), value=value)
    return Selector(match[0], tag=(match["tag"] or "").lower(), cls=match["cls"] or "")
