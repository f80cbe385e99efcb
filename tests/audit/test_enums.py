"""The six conversions of the contract's enums."""

from __future__ import annotations

import pytest
from afterimage.recording.v1 import enums_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.audit import enums
from services.runtime.errors import InvalidArgument

CASES = [
    (enums.convert_device_type_to_number, enums.convert_device_type_to_string, enums_pb2.DeviceType, "DEVICE_TYPE_"),
    (enums.convert_actor_type_to_number, enums.convert_actor_type_to_string, enums_pb2.ActorType, "ACTOR_TYPE_"),
    (enums.convert_status_to_number, enums.convert_status_to_string, enums_pb2.SessionStatus, "SESSION_STATUS_"),
]


@pytest.mark.parametrize(("to_number", "to_string", "enum", "prefix"), CASES)
def test_all_values_in_all_three_forms(to_number, to_string, enum, prefix) -> None:
    assert len(enum.items()) >= 4
    for full_name, number in enum.items():
        short = full_name.removeprefix(prefix).lower()
        assert to_string(number) == short
        assert to_number(short) == to_number(full_name) == to_number(number) == number


def test_the_example_of_the_architecture() -> None:
    assert enums.convert_device_type_to_number("mobile") == 2
    assert enums.convert_device_type_to_string(2) == "mobile"


@pytest.mark.parametrize(("to_number", "to_string", "enum", "prefix"), CASES)
@given(number=st.integers(-(2**31), 2**31 - 1))
def test_unknown_numbers_from_storage_are_unspecified(to_number, to_string, enum, prefix, number: int) -> None:
    if number not in enum.values():
        assert to_string(number) == "unspecified"
        with pytest.raises(InvalidArgument):
            to_number(number)


@pytest.mark.parametrize(("to_number", "to_string", "enum", "prefix"), CASES)
@given(text=st.text())
def test_unknown_strings_are_refused_with_the_allowed_ones(to_number, to_string, enum, prefix, text: str) -> None:
    known = {*enum.keys(), *(name.removeprefix(prefix).lower() for name in enum.keys())}  # noqa: SIM118 - no dict
    if text not in known:
        with pytest.raises(InvalidArgument) as caught:
            to_number(text)
        for name in enum.keys():  # noqa: SIM118
            assert name.removeprefix(prefix).lower() in caught.value.message


@pytest.mark.parametrize(("to_number", "to_string", "enum", "prefix"), CASES)
def test_a_request_s_field_may_have_to_be_specified(to_number, to_string, enum, prefix) -> None:
    names = [name.removeprefix(prefix).lower() for name, number in enum.items() if number]
    for value in (0, "unspecified", prefix + "UNSPECIFIED", 99):
        with pytest.raises(InvalidArgument) as caught:
            to_number(value, "filter.field", specified=True)
        assert caught.value.message == f"filter.field: {value!r} is not one of {', '.join(names)}"
    assert [to_number(name, specified=True) for name in names] == [number for number in enum.values() if number]
