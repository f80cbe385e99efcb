"""The three forms of a contract enum: number (storage), name without prefix (people), full name (protobuf JSON)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.runtime.errors import InvalidArgument

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class EnumCodec:
    """Converts between the forms of one protobuf enum, all derived from its descriptor.

    `DEVICE_TYPE_MOBILE` is 2 in storage and "mobile" for people: the prefix is the enum's own name in
    UPPER_SNAKE, as buf's STANDARD rules require of every value.

    Attributes:
        names: The names that `to_number` accepts, in the order of their numbers.
    """

    def __init__(self, enum_wrapper: EnumTypeWrapper) -> None:
        descriptor = enum_wrapper.DESCRIPTOR
        self._field = _WORD_START.sub("_", descriptor.name).lower()
        prefix = f"{self._field.upper()}_"
        values = sorted(descriptor.values, key=lambda value: value.number)
        self._name_of = {value.number: value.name.removeprefix(prefix).lower() for value in values}
        self._number_of = {name: number for number, name in self._name_of.items()}
        self._number_of |= {value.name: value.number for value in values}
        self.names: tuple[str, ...] = tuple(self._name_of.values())

    def to_number(self, value: str | int, field: str | None = None, *, specified: bool = False) -> int:
        """Returns the number of a value given in any of the three forms.

        Args:
            value: The name without prefix ("mobile"), the full name or the number.
            field: The field's name in the error message; the enum's name in snake_case by default.
            specified: Whether UNSPECIFIED (0) is refused too.

        Raises:
            InvalidArgument: The enum has no such value; the message lists the valid ones.
        """
        number: int | None = None
        if isinstance(value, str):
            number = self._number_of.get(value)
        elif not isinstance(value, bool) and value in self._name_of:
            number = int(value)
        if number is not None and (number or not specified):
            return number
        names = ", ".join(self.names[1:] if specified else self.names)
        # The value comes from the caller: truncated, so that the message stays one sentence.
        raise InvalidArgument.of(field or self._field, f"{value!r:.60} is not one of {names}")

    def to_string(self, number: int) -> str:
        """Returns the name without prefix; "unspecified" for a number that this version does not know."""
        return self._name_of.get(number, "unspecified")

    def from_storage(self, number: int) -> int:
        """Returns the number, or 0 (UNSPECIFIED) for a value of a newer version that this one does not know."""
        return int(number) if number in self._name_of else 0
