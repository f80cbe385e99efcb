"""Entries of the recording log, as MessagePack with names: fields may be added, and those that are gone are ignored."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.audit.model import ChunkRow, SessionKey, WindowHead, WindowKey


class LogEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A chunk, with the head that goes before it, or a head alone.

    Attributes:
        logged_ms: Milliseconds since 1970 UTC by the server's clock: the time of storing.
        again: The chunk was logged before, and comes with the findings of its window's end.
    """

    logged_ms: int
    chunk: ChunkRow | None = None
    head: WindowHead | None = None
    again: bool = False

    @property
    def window(self) -> WindowKey:
        """The window that it belongs to."""
        of = self.chunk or self.head
        if of is None:
            raise ValueError("an entry has a chunk or a head")
        return of.key

    @property
    def session(self) -> SessionKey:
        """The session that it belongs to."""
        return self.window.session_key


_encoder = msgspec.msgpack.Encoder(uuid_format="bytes")
_decoder = msgspec.msgpack.Decoder(list[LogEntry])


def pack(entry: LogEntry) -> bytes:
    """Returns an entry for a frame.

    Raises:
        ValueError: A text is not Unicode.
        OverflowError: A number has more than 64 bits.
    """
    return _encoder.encode(entry)


def join(packed: Sequence[bytes]) -> bytes:
    """Returns the body of a frame with these entries: an array of MessagePack."""
    return b"".join((b"\xdd", len(packed).to_bytes(4, "big"), *packed))


def unpack(body: bytes) -> list[LogEntry]:
    """Returns the entries of a frame.

    Raises:
        msgspec.MsgspecError: The body is of no known version.
    """
    return _decoder.decode(body)
