"""Bounded inflation inside of recordings: @rrweb/packer's events, and PostHog's compressed fields.

Both carry binary data as a string with one character per byte (latin-1):
- @rrweb/packer 2.1: a whole event, `zlib(JSON of {...event, v: "v1"})`;
- PostHog `cv: "2024-10"`: gzip of the JSON of `data` in a FullSnapshot, of `texts`, `attributes`, `removes`
  and `adds` in a Mutation, of `adds` and `removes` in a StyleSheetRule.
"""

from __future__ import annotations

import zlib

import msgspec

from services.cli.transfer.content import DamageError
from services.export.rrweb_json.surrogates import hide_lone_surrogates

MAX_EVENT_BYTES = 64 * 1024**2
"""Maximum inflated size of a packed event, in bytes: the contract's default max_inflated_bytes."""

POSTHOG_COMPRESSION = "2024-10"
PACKER_VERSION = "v1"

_COMPRESSED_FIELDS = {0: ("texts", "attributes", "removes", "adds"), 8: ("adds", "removes")}


class Allowance:
    """Remaining number of bytes for the inflated packed events of a file, all together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._left_bytes = max_bytes

    def inflate(self, packed: bytes, wbits: int) -> bytes:
        """Returns the content of zlib data (`wbits` 15) or gzip data (31).

        Raises:
            DamageError: It is neither, is cut off, or exceeds the remaining bytes or MAX_EVENT_BYTES.
        """
        bound = min(self._left_bytes, MAX_EVENT_BYTES)
        stream = zlib.decompressobj(wbits)
        try:
            text = stream.decompress(packed, bound + 1)
        except zlib.error as error:
            raise DamageError(f"cannot be inflated ({error})") from None
        if len(text) > bound:
            raise DamageError(
                f"inflates to more than {MAX_EVENT_BYTES:,} bytes"
                if bound == MAX_EVENT_BYTES
                else f"takes the file over {self._max_bytes:,} bytes of packed events"
            )
        if not stream.eof:
            raise DamageError("is cut off: its packed data ends too early")
        self._left_bytes -= len(text)
        return text


def looks_packed(text: str) -> bool:
    """Returns whether a string is an event of @rrweb/packer: zlib's two header bytes (RFC 1950, 2.2)."""
    return len(text) > 2 and text[0] == "x" and ord(text[1]) < 256 and (0x7800 | ord(text[1])) % 31 == 0


def unpack(text: str, allowance: Allowance) -> bytes:
    """Returns the JSON text of an event packed by @rrweb/packer.

    Raises:
        DamageError: It cannot be inflated or is of another version than v1.
    """
    event = allowance.inflate(_bytes_of(text), zlib.MAX_WBITS)
    try:
        version = msgspec.json.decode(hide_lone_surrogates(event), type=_Packed).v
    except (msgspec.DecodeError, RecursionError):
        version = None
    if version != PACKER_VERSION:
        raise DamageError(f"is packed, but not as @rrweb/packer's version {PACKER_VERSION}")
    return event


def expand(event: bytes, allowance: Allowance) -> bytes:
    """Returns a PostHog event with its compressed fields as JSON, and without its `cv`.

    Raises:
        DamageError: A field cannot be inflated, or the compression is of another version.
        msgspec.DecodeError: It is not an event.
    """
    fields = msgspec.json.decode(event, type=dict[str, msgspec.Raw])
    version = msgspec.json.decode(fields.pop("cv"))
    if version != POSTHOG_COMPRESSION:
        raise DamageError(f"has an unknown compression, cv {str(version)[:40]}")
    kind, data = msgspec.json.decode(fields["type"]), fields.get("data", msgspec.Raw(b"null"))
    if kind == 2 and is_string(data):
        fields["data"] = _inflated(data, allowance)
    elif kind == 3 and is_object(data):
        parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        source = msgspec.json.decode(parts.get("source", msgspec.Raw(b"-1")))
        for name in _COMPRESSED_FIELDS.get(source, ()) if isinstance(source, int) else ():
            if name in parts and is_string(parts[name]):
                parts[name] = _inflated(parts[name], allowance)
        fields["data"] = msgspec.Raw(msgspec.json.encode(parts))
    return msgspec.json.encode(fields)


class _Packed(msgspec.Struct):
    v: str


def is_string(raw: msgspec.Raw) -> bool:
    """Returns whether a raw JSON value is a string."""
    return bytes(memoryview(raw)[:1]) == b'"'


def is_list(raw: msgspec.Raw) -> bool:
    """Returns whether a raw JSON value is a list."""
    return bytes(memoryview(raw)[:1]) == b"["


def is_object(raw: msgspec.Raw) -> bool:
    """Returns whether a raw JSON value is an object."""
    return bytes(memoryview(raw)[:1]) == b"{"


def _inflated(raw: msgspec.Raw, allowance: Allowance) -> msgspec.Raw:
    text = msgspec.json.decode(raw, type=str)
    if not text:  # PostHog's own player treats an empty string as absent.
        return msgspec.Raw(b"[]")
    value = allowance.inflate(_bytes_of(text), zlib.MAX_WBITS | 16)
    try:
        value.decode()
        msgspec.json.decode(hide_lone_surrogates(value), type=msgspec.Raw)
    except (ValueError, RecursionError):
        raise DamageError("has a compressed field that is not JSON") from None
    return msgspec.Raw(value)


def _bytes_of(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        raise DamageError("is packed, but holds characters that are not bytes") from None
