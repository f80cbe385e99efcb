"""The contract's enums: stored as numbers, shown as names."""

from __future__ import annotations

from afterimage.audit.v1 import access_event_pb2
from afterimage.recording.v1 import enums_pb2

from services.runtime.rpc.enums import EnumCodec

device_type = EnumCodec(enums_pb2.DeviceType)
actor_type = EnumCodec(enums_pb2.ActorType)
status = EnumCodec(enums_pb2.SessionStatus)
interaction_kind = EnumCodec(enums_pb2.InteractionKind)
access_action = EnumCodec(access_event_pb2.AccessAction)
access_outcome = EnumCodec(access_event_pb2.AccessOutcome)


def convert_device_type_to_number(value: str | int, field: str = "device_type", *, specified: bool = False) -> int:
    """Returns the stored number of a DeviceType. Raises InvalidArgument, listing the allowed names."""
    return device_type.to_number(value, field, specified=specified)


def convert_device_type_to_string(number: int) -> str:
    """Returns the name of a stored DeviceType; "unspecified" for unknown numbers."""
    return device_type.to_string(number)


def convert_actor_type_to_number(value: str | int, field: str = "actor_type", *, specified: bool = False) -> int:
    """Returns the stored number of an ActorType. Raises InvalidArgument, listing the allowed names."""
    return actor_type.to_number(value, field, specified=specified)


def convert_actor_type_to_string(number: int) -> str:
    """Returns the name of a stored ActorType; "unspecified" for unknown numbers."""
    return actor_type.to_string(number)


def convert_status_to_number(value: str | int, field: str = "status", *, specified: bool = False) -> int:
    """Returns the stored number of a SessionStatus. Raises InvalidArgument, listing the allowed names."""
    return status.to_number(value, field, specified=specified)


def convert_status_to_string(number: int) -> str:
    """Returns the name of a stored SessionStatus; "unspecified" for unknown numbers."""
    return status.to_string(number)
