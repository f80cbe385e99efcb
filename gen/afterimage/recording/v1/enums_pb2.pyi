from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class DeviceType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEVICE_TYPE_UNSPECIFIED: _ClassVar[DeviceType]
    DEVICE_TYPE_DESKTOP: _ClassVar[DeviceType]
    DEVICE_TYPE_MOBILE: _ClassVar[DeviceType]
    DEVICE_TYPE_TABLET: _ClassVar[DeviceType]
    DEVICE_TYPE_OTHER: _ClassVar[DeviceType]

class ActorType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTOR_TYPE_UNSPECIFIED: _ClassVar[ActorType]
    ACTOR_TYPE_ANONYMOUS: _ClassVar[ActorType]
    ACTOR_TYPE_USER: _ClassVar[ActorType]
    ACTOR_TYPE_STAFF: _ClassVar[ActorType]
    ACTOR_TYPE_BOT: _ClassVar[ActorType]

class SessionStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SESSION_STATUS_UNSPECIFIED: _ClassVar[SessionStatus]
    SESSION_STATUS_LIVE: _ClassVar[SessionStatus]
    SESSION_STATUS_ENDED: _ClassVar[SessionStatus]
    SESSION_STATUS_TIMED_OUT: _ClassVar[SessionStatus]
    SESSION_STATUS_LEFT: _ClassVar[SessionStatus]

class ChunkEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHUNK_ENCODING_UNSPECIFIED: _ClassVar[ChunkEncoding]
    CHUNK_ENCODING_IDENTITY: _ClassVar[ChunkEncoding]
    CHUNK_ENCODING_GZIP: _ClassVar[ChunkEncoding]

class InteractionKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INTERACTION_KIND_UNSPECIFIED: _ClassVar[InteractionKind]
    INTERACTION_KIND_CLICK: _ClassVar[InteractionKind]
    INTERACTION_KIND_DOUBLE_CLICK: _ClassVar[InteractionKind]
    INTERACTION_KIND_CONTEXT_MENU: _ClassVar[InteractionKind]
    INTERACTION_KIND_TOUCH: _ClassVar[InteractionKind]
    INTERACTION_KIND_MOVE: _ClassVar[InteractionKind]
    INTERACTION_KIND_SCROLL: _ClassVar[InteractionKind]
    INTERACTION_KIND_INPUT: _ClassVar[InteractionKind]
    INTERACTION_KIND_RESIZE: _ClassVar[InteractionKind]
    INTERACTION_KIND_RAGE_CLICK: _ClassVar[InteractionKind]
    INTERACTION_KIND_DEAD_CLICK: _ClassVar[InteractionKind]
    INTERACTION_KIND_QUICK_BACK: _ClassVar[InteractionKind]
    INTERACTION_KIND_ERROR_CLICK: _ClassVar[InteractionKind]
    INTERACTION_KIND_MOUSE_THRASH: _ClassVar[InteractionKind]
    INTERACTION_KIND_ERROR: _ClassVar[InteractionKind]
    INTERACTION_KIND_PAGE: _ClassVar[InteractionKind]
    INTERACTION_KIND_ATTENTION: _ClassVar[InteractionKind]
    INTERACTION_KIND_FAILED_REQUEST: _ClassVar[InteractionKind]
DEVICE_TYPE_UNSPECIFIED: DeviceType
DEVICE_TYPE_DESKTOP: DeviceType
DEVICE_TYPE_MOBILE: DeviceType
DEVICE_TYPE_TABLET: DeviceType
DEVICE_TYPE_OTHER: DeviceType
ACTOR_TYPE_UNSPECIFIED: ActorType
ACTOR_TYPE_ANONYMOUS: ActorType
ACTOR_TYPE_USER: ActorType
ACTOR_TYPE_STAFF: ActorType
ACTOR_TYPE_BOT: ActorType
SESSION_STATUS_UNSPECIFIED: SessionStatus
SESSION_STATUS_LIVE: SessionStatus
SESSION_STATUS_ENDED: SessionStatus
SESSION_STATUS_TIMED_OUT: SessionStatus
SESSION_STATUS_LEFT: SessionStatus
CHUNK_ENCODING_UNSPECIFIED: ChunkEncoding
CHUNK_ENCODING_IDENTITY: ChunkEncoding
CHUNK_ENCODING_GZIP: ChunkEncoding
INTERACTION_KIND_UNSPECIFIED: InteractionKind
INTERACTION_KIND_CLICK: InteractionKind
INTERACTION_KIND_DOUBLE_CLICK: InteractionKind
INTERACTION_KIND_CONTEXT_MENU: InteractionKind
INTERACTION_KIND_TOUCH: InteractionKind
INTERACTION_KIND_MOVE: InteractionKind
INTERACTION_KIND_SCROLL: InteractionKind
INTERACTION_KIND_INPUT: InteractionKind
INTERACTION_KIND_RESIZE: InteractionKind
INTERACTION_KIND_RAGE_CLICK: InteractionKind
INTERACTION_KIND_DEAD_CLICK: InteractionKind
INTERACTION_KIND_QUICK_BACK: InteractionKind
INTERACTION_KIND_ERROR_CLICK: InteractionKind
INTERACTION_KIND_MOUSE_THRASH: InteractionKind
INTERACTION_KIND_ERROR: InteractionKind
INTERACTION_KIND_PAGE: InteractionKind
INTERACTION_KIND_ATTENTION: InteractionKind
INTERACTION_KIND_FAILED_REQUEST: InteractionKind
