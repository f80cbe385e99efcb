"""The contract's enums: stored as numbers, shown as names."""

from __future__ import annotations

from afterimage.recording.v1 import enums_pb2

from services.runtime.rpc.enums import EnumCodec

device_type = EnumCodec(enums_pb2.DeviceType)
actor_type = EnumCodec(enums_pb2.ActorType)
status = EnumCodec(enums_pb2.SessionStatus)
interaction_kind = EnumCodec(enums_pb2.InteractionKind)


def convert_device_type_to_number(value: str | int) -> int:
    """Returns the stored number of a DeviceType. Raises InvalidArgument, listing the allowed names."""
    return device_type.to_number(value, "device_type")


def convert_device_type_to_string(number: int) -> str:
    """Returns the name of a stored DeviceType; "unspecified" for unknown numbers."""
    return device_type.to_string(number)


def convert_actor_type_to_number(value: str | int) -> int:
    """Returns the stored number of an ActorType. Raises InvalidArgument, listing the allowed names."""
    return actor_type.to_number(value, "actor_type")


def convert_actor_type_to_string(number: int) -> str:
    """Returns the name of a stored ActorType; "unspecified" for unknown numbers."""
    return actor_type.to_string(number)


def convert_status_to_number(value: str | int) -> int:
    """Returns the stored number of a SessionStatus. Raises InvalidArgument, listing the allowed names."""
    return status.to_number(value, "status")


def convert_status_to_string(number: int) -> str:
    """Returns the name of a stored SessionStatus; "unspecified" for unknown numbers."""
    return status.to_string(number)
