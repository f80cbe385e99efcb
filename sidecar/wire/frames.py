"""WebSocket frames: the bytes of one gRPC message, or its proto3 JSON form.

Binary frames are checked (upb parses an ingest message in less than a microsecond) and forwarded unchanged; text frames
are transcoded in both directions.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from sidecar.wire import close_codes

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from sidecar.wire.close_codes import Verdict

BINARY = "afterimage.v1"
JSON = "afterimage.v1+json"

_THREAD_BYTES = 32 * 1024  # below this size, transcoding is cheaper than a switch to a thread


class BadFrame(Exception):  # noqa: N818 - a verdict on the peer's frame, not an internal error
    """A frame that is not valid for its route.

    Attributes:
        verdict: The verdict to close the socket with.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.word)
        self.verdict = verdict


def parse(message_type: type[Message], data: bytes) -> Message:
    """Returns the message in `data`.

    Raises:
        BadFrame: `data` is not a message of this type.
    """
    try:
        return message_type.FromString(data)
    except DecodeError:
        raise BadFrame(close_codes.BAD_MESSAGE) from None


async def from_json(message_type: type[Message], text: str | bytes, *, lenient: bool = False) -> Message:
    """Returns the message with the proto3 JSON form `text`.

    Args:
        message_type: Class of the message.
        text: The JSON text; UTF-8 if bytes.
        lenient: Whether unknown fields are ignored instead of refused.

    Raises:
        ValueError: `text` is not a message of this type.
    """
    if len(text) > _THREAD_BYTES:
        return await asyncio.to_thread(_from_json, message_type, text, lenient)
    return _from_json(message_type, text, lenient)


async def to_json(message_type: type[Message], data: bytes) -> str:
    """Returns the proto3 JSON form of the message in `data`, on one line."""
    if len(data) > _THREAD_BYTES:
        return await asyncio.to_thread(_to_json, message_type, data)
    return _to_json(message_type, data)


def _from_json(message_type: type[Message], text: str | bytes, lenient: bool) -> Message:
    # The library accepts an empty list as an empty message.
    if text.lstrip()[:1] not in {"{", b"{"}:
        raise ValueError("not a JSON object")
    try:
        return json_format.Parse(text, message_type(), ignore_unknown_fields=lenient)
    # Hostile JSON makes the library raise more than its own error; their texts are not shown.
    except (
        json_format.Error,
        ValueError,
        TypeError,
        AttributeError,
        KeyError,
        OverflowError,
        RecursionError,
        binascii.Error,
    ) as error:
        raise ValueError("not the JSON form of this message") from error


def _to_json(message_type: type[Message], data: bytes) -> str:
    message = message_type.FromString(data)
    return json.dumps(json_format.MessageToDict(message), ensure_ascii=False, separators=(",", ":"))


def encode_value(data: bytes) -> str:
    """Returns unpadded base64, the encoding of Connect's error details."""
    return base64.b64encode(data).decode().rstrip("=")


def json_bytes(value: Any) -> bytes:
    """Returns `value` as compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
