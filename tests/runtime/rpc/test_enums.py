from __future__ import annotations

import pytest
from afterimage.recording.v1 import enums_pb2
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.errors import InvalidArgument
from services.runtime.rpc.enums import EnumCodec

ENUMS = {
    "DEVICE_TYPE_": enums_pb2.DeviceType,
    "ACTOR_TYPE_": enums_pb2.ActorType,
    "SESSION_STATUS_": enums_pb2.SessionStatus,
    "CHUNK_ENCODING_": enums_pb2.ChunkEncoding,
    "INTERACTION_KIND_": enums_pb2.InteractionKind,
}
VALUES = [
    (prefix, value.name, value.number) for prefix, wrapper in ENUMS.items() for value in wrapper.DESCRIPTOR.values
]
CODECS = {prefix: EnumCodec(wrapper) for prefix, wrapper in ENUMS.items()}
prefixes = st.sampled_from(sorted(ENUMS))


def test_the_design_s_own_example():
    codec = EnumCodec(enums_pb2.DeviceType)
    assert codec.to_number("mobile") == codec.to_number("DEVICE_TYPE_MOBILE") == codec.to_number(2) == 2
    assert codec.to_string(2) == "mobile"
    assert codec.names == ("unspecified", "desktop", "mobile", "tablet", "other")


@pytest.mark.parametrize(("prefix", "name", "number"), VALUES)
def test_all_values_round_trip_in_all_three_forms(prefix, name, number):
    codec = CODECS[prefix]
    short = name.removeprefix(prefix).lower()
    assert prefix.lower() not in short
    assert codec.to_string(number) == short
    assert codec.to_number(short) == codec.to_number(name) == codec.to_number(number) == number
    assert codec.from_storage(number) == number
    assert short in codec.names


@given(prefixes, st.integers())
def test_a_number_is_known_or_unspecified_and_never_a_crash(prefix, number):
    codec = CODECS[prefix]
    known = {value.number for value in ENUMS[prefix].DESCRIPTOR.values}
    assert codec.from_storage(number) == (number if number in known else 0)
    assert (codec.to_string(number) == "unspecified") == (number not in known or number == 0)
    if number not in known:
        with pytest.raises(InvalidArgument):
            codec.to_number(number)


@given(prefixes, st.text())
def test_an_unknown_string_is_refused_with_the_allowed_ones(prefix, text):
    codec = CODECS[prefix]
    if text in codec.names or text in ENUMS[prefix].keys():  # noqa: SIM118 - a protobuf wrapper, not a dict
        return
    with pytest.raises(InvalidArgument) as caught:
        codec.to_number(text, field="filter.kind")
    (violation,) = caught.value.violations
    assert violation.field == "filter.kind"
    assert all(name in violation.description for name in codec.names)
    assert len(violation.description) < 60 + 30 + sum(len(name) + 2 for name in codec.names)


def test_the_field_is_the_enum_s_name_unless_told():
    with pytest.raises(InvalidArgument, match=r"^session_status: 'gone' is not one of unspecified, live, ended"):
        EnumCodec(enums_pb2.SessionStatus).to_number("gone")


def test_a_bool_is_no_number():
    with pytest.raises(InvalidArgument):
        EnumCodec(enums_pb2.DeviceType).to_number(True)
