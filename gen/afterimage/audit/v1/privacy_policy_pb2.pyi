from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MaskMethod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MASK_METHOD_UNSPECIFIED: _ClassVar[MaskMethod]
    MASK_METHOD_BLOCK: _ClassVar[MaskMethod]
    MASK_METHOD_MASK: _ClassVar[MaskMethod]
    MASK_METHOD_HASH: _ClassVar[MaskMethod]
    MASK_METHOD_KEEP: _ClassVar[MaskMethod]

class TextMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TEXT_MODE_UNSPECIFIED: _ClassVar[TextMode]
    TEXT_MODE_PATTERNS: _ClassVar[TextMode]
    TEXT_MODE_ALL: _ClassVar[TextMode]
    TEXT_MODE_KEEP_ALL: _ClassVar[TextMode]
MASK_METHOD_UNSPECIFIED: MaskMethod
MASK_METHOD_BLOCK: MaskMethod
MASK_METHOD_MASK: MaskMethod
MASK_METHOD_HASH: MaskMethod
MASK_METHOD_KEEP: MaskMethod
TEXT_MODE_UNSPECIFIED: TextMode
TEXT_MODE_PATTERNS: TextMode
TEXT_MODE_ALL: TextMode
TEXT_MODE_KEEP_ALL: TextMode

class PrivacyPolicy(_message.Message):
    __slots__ = ("version", "text_mode", "mask_all_inputs", "mask_input_types", "block_selector", "mask_text_selector", "unmask_text_selector", "ignore_selector", "rules", "denied_headers", "kept_query_parameters")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TEXT_MODE_FIELD_NUMBER: _ClassVar[int]
    MASK_ALL_INPUTS_FIELD_NUMBER: _ClassVar[int]
    MASK_INPUT_TYPES_FIELD_NUMBER: _ClassVar[int]
    BLOCK_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    MASK_TEXT_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    UNMASK_TEXT_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    IGNORE_SELECTOR_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    DENIED_HEADERS_FIELD_NUMBER: _ClassVar[int]
    KEPT_QUERY_PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    version: str
    text_mode: TextMode
    mask_all_inputs: bool
    mask_input_types: _containers.RepeatedScalarFieldContainer[str]
    block_selector: str
    mask_text_selector: str
    unmask_text_selector: str
    ignore_selector: str
    rules: _containers.RepeatedCompositeFieldContainer[PrivacyRule]
    denied_headers: _containers.RepeatedScalarFieldContainer[str]
    kept_query_parameters: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, version: _Optional[str] = ..., text_mode: _Optional[_Union[TextMode, str]] = ..., mask_all_inputs: _Optional[bool] = ..., mask_input_types: _Optional[_Iterable[str]] = ..., block_selector: _Optional[str] = ..., mask_text_selector: _Optional[str] = ..., unmask_text_selector: _Optional[str] = ..., ignore_selector: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[PrivacyRule, _Mapping]]] = ..., denied_headers: _Optional[_Iterable[str]] = ..., kept_query_parameters: _Optional[_Iterable[str]] = ...) -> None: ...

class PrivacyRule(_message.Message):
    __slots__ = ("name", "method", "pattern")
    NAME_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    name: str
    method: MaskMethod
    pattern: str
    def __init__(self, name: _Optional[str] = ..., method: _Optional[_Union[MaskMethod, str]] = ..., pattern: _Optional[str] = ...) -> None: ...
