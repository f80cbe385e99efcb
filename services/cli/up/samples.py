"""The sample recordings: imported as visits of the last hours, so that a filter such as `--since 7d` finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from afterimage_client.audit.v1 import ListSessionsRequest, SessionFilter

from services.cli.client import TIMEOUT_S, Client
from services.cli.transfer.formats import ImportedRecording
from services.cli.transfer.import_progress import Progress
from services.cli.transfer.importing import Summary, import_files
from services.runtime.uuid7 import uuid7_ms

SAMPLES = Path(__file__).parents[1] / "samples"
INTERVAL_MS = 5 * 3_600_000
"""Time from the start of the first sample to its import, and between the starts of consecutive samples."""


async def import_samples(client: Client, progress: Progress, now: Callable[[], float]) -> Summary:
    """Imports the samples; those already stored keep their dates, so that a second import changes nothing.

    Args:
        client: With the scopes admin and view.
        progress: Receives the progress.
        now: The clock, in seconds since 1970.
    """
    files = sorted(SAMPLES.glob("*.json.gz"))

    async def redate(path: Path, recording: ImportedRecording) -> ImportedRecording:
        first_ms = await _stored_first_ms(client, recording.foreign_id)
        if first_ms is None:
            first_ms = round(now() * 1_000) - (files.index(path) + 1) * INTERVAL_MS
        return moved(recording, first_ms)

    return await import_files(client, files, progress, redate)


async def _stored_first_ms(client: Client, foreign_id: str) -> int | None:
    """Returns the start of the sample stored by an earlier import, complete or partial; None: not stored."""
    request = ListSessionsRequest(page_size=1, filter=SessionFilter(tags={"foreign_id": foreign_id}))
    answer = await client.audit.list_sessions(request, timeout=TIMEOUT_S)
    return uuid7_ms(UUID(answer.sessions[0].session_id)) if answer.sessions else None


def moved(recording: ImportedRecording, first_ms: int) -> ImportedRecording:
    """Returns the recording with all timestamps shifted, so that it begins at `first_ms`."""
    delta_ms = first_ms - recording.first_ms
    windows = tuple(
        replace(window, events=tuple(_event_moved(event, delta_ms) for event in window.events))
        for window in recording.windows
    )
    return replace(recording, windows=windows, first_ms=first_ms)


def _event_moved(event: bytes, delta_ms: int) -> bytes:
    decoded: dict[str, Any] = msgspec.json.decode(event)
    decoded["timestamp"] += delta_ms
    return msgspec.json.encode(decoded)
