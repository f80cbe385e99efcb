"""Imports one foreign recording: its ids, its description, and a comparison with stored data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from uuid import UUID

import msgspec
from afterimage_client.audit.v1 import GetSessionRequest, RecordingStart
from afterimage_client.recording.v1 import DeviceType, Size
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from services.audit.ingest.device import device_type_of, touched_in
from services.cli.client import NETWORK_ERRORS, TIMEOUT_S, Client, sentence_of
from services.cli.command import CommandError
from services.cli.transfer.formats import ImportedRecording, session_id_for, window_id_for
from services.cli.transfer.sending import send_window

RECORDER_NAME = "afterimage import"
_META = 4  # rrweb's EventType.Meta
_MAX_TAG = 256
_MAX_PIXELS = 65_535


@dataclass(slots=True)
class SessionSent:
    """Result of an imported recording.

    Attributes:
        path: The file of the recording.
        foreign_id: Its id in the file.
        session_id: Its id in Afterimage.
        events: Events of the recording.
        chunks: Chunks sent and durable.
        known_chunks: Chunks that were durable before.
        sent_bytes: Payload bytes sent.
        problems: Data that is not stored, or stored differently from the file; one sentence each.
    """

    path: Path
    foreign_id: str
    session_id: UUID
    events: int = 0
    chunks: int = 0
    known_chunks: int = 0
    sent_bytes: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """Whether all of it was stored before."""
        return not self.chunks and not self.problems


async def import_session(
    client: Client, path: Path, recording: ImportedRecording, progress: Callable[[int], None]
) -> SessionSent:
    """Stores a recording; a window that cannot be stored is a problem, and the others continue.

    Args:
        client: With the scopes admin and view.
        path: The file of the recording.
        recording: The recording.
        progress: Receives the number of durable events.
    """
    session_id = session_id_for(recording.foreign_id, recording.first_ms)
    result = SessionSent(path, recording.foreign_id, session_id)
    expected: dict[str, int] = {}
    refused: dict[str, list[str]] = {}
    for window in recording.windows:
        window_id = window_id_for(session_id, window.foreign_id)
        start = _start(session_id, window_id, path, recording.foreign_id, window.events)
        try:
            sent = await send_window(client.audit, start, window.events, progress)
        except (*NETWORK_ERRORS, CommandError) as error:
            why = str(error) if isinstance(error, CommandError) else sentence_of(error, client.address)
            refused.setdefault(why, []).append(window.foreign_id)
            continue
        result.events += sent.events
        result.chunks += sent.chunks
        result.known_chunks += sent.known_chunks
        result.sent_bytes += sent.sent_bytes
        result.problems += sent.dropped
        expected[str(window_id)] = sent.events
    for why, names in refused.items():
        subject = f"window {names[0]} is" if len(names) == 1 else f"windows {', '.join(names)} are"
        result.problems.append(f"{subject} not stored, or not all of it: {why}")
    if result.known_chunks and not result.problems:
        result.problems += await _differences(client, session_id, expected)
    return result


async def _differences(client: Client, session_id: UUID, expected: dict[str, int]) -> list[str]:
    """Returns the differences between earlier stored data and the file.

    An id in the file may stand for more events than at its first import; chunks are identified by their
    number, so a chunk that grew would be missed silently.
    """
    try:
        stored = await client.audit.get_session(GetSessionRequest(session_id=str(session_id)), timeout=TIMEOUT_S)
    except NETWORK_ERRORS as error:
        if isinstance(error, GRPCError) and error.status is Status.PERMISSION_DENIED:
            return []  # the user's own token, with the scope to import but not to view
        return [f"earlier stored data is not compared: {sentence_of(error, client.address)}"]
    return [
        f"{window.totals.event_count} events of window {window.window_id} are stored, and the file has "
        f"{expected[window.window_id]}: it is another version of the recording, or chunks were refused; "
        f"to replace it, delete session {session_id} first"
        for window in stored.windows
        if window.totals.event_count != expected.get(window.window_id, window.totals.event_count)
    ]


class _MetaData(msgspec.Struct):
    href: str = ""
    width: float = 0
    height: float = 0


class _MetaEvent(msgspec.Struct):
    type: int
    data: _MetaData | None = None


def _start(session_id: UUID, window_id: UUID, path: Path, foreign_id: str, events: tuple[bytes, ...]) -> RecordingStart:
    meta = _first_meta(events)
    viewport = Size(width=_pixels(meta.width), height=_pixels(meta.height))
    return RecordingStart(
        session_id=str(session_id),
        window_id=str(window_id),
        recorder_name=RECORDER_NAME,
        recorder_version=version("afterimage"),
        viewport=viewport,
        device_type=DeviceType(device_type_of("", (viewport.width, viewport.height), touched=touched_in(events))),
        first_url=meta.href[:2_048],
        tags={"foreign_id": foreign_id[:_MAX_TAG], "source_file": path.name[:_MAX_TAG]},
        imported=True,
    )


def _first_meta(events: tuple[bytes, ...]) -> _MetaData:
    """Page information in the first Meta event; rrweb writes it among the first events of a window."""
    decoder = msgspec.json.Decoder(_MetaEvent)
    for event in events[:50]:
        if b'"href"' not in event:
            continue
        try:
            found = decoder.decode(event)
        except msgspec.DecodeError:
            continue
        if found.type == _META and found.data is not None:
            return found.data
    return _MetaData()


def _pixels(length: float) -> int:
    return min(max(round(length), 0), _MAX_PIXELS)
