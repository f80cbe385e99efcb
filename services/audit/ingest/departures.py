"""Windows that were left: their streams have ended without an end, and no stream continues them.

A tab that closes, a browser that is killed, a phone that is put away: the recorder sends no `end`, since it cannot know
whether another page of the tab follows. Some seconds later the window is marked as left, in storage, and its open
findings are judged from its recording. A stream that continues it makes it live again.

Due windows are kept in memory, and are found again in storage by the next process: at the start, and, where several
servers share a database, when one of them is gone.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.recording import IngestRules, Recording
from services.audit.model import WindowKey
from services.audit.storage.departed_windows import DepartedWindows
from services.audit.storage.engine.engine import StorageError
from services.audit.storage.retention import NowMs
from services.runtime.errors import AfterimageError

_log = structlog.get_logger("afterimage.departures")

LOOK_S = 0.25
"""Interval at which due windows are looked for."""

AT_ONCE = 4
"""Windows that are judged at the same time: after a restart there may be thousands, and recording goes first."""

RETRY_MS = 10_000
"""Time after which a window is tried again that could not be judged, such as for want of space."""

SILENCE_LOOK_S = 1.0
"""Interval at which open streams are looked at for a pause."""

BEAT_S = 3.0
"""Interval at which a server stores that it is there, where several share a database."""

LOST_MS = 10_000
"""A server that was not seen for this time is gone, in milliseconds."""


@dataclass(frozen=True, slots=True)
class DepartureRules:
    """Times after which a window is judged without an end.

    Attributes:
        left_after_ms: Time without a stream.
        idle_timeout_ms: Time without data.
        ingest: The detectors' thresholds.
    """

    left_after_ms: int
    idle_timeout_ms: int
    ingest: IngestRules


@dataclass(frozen=True, slots=True)
class _Due:
    at_ms: int
    server: str
    is_left: bool
    """Whether the window is marked as left; else it has timed out."""


@dataclass(slots=True)
class _Pause:
    """Time without data of an open stream."""

    next_seq: int
    since_ms: int
    is_settled: bool = False
    is_over: bool = False


class Departures:
    """Judges and marks the windows that were left.

    Args:
        recordings: The open recordings of this server.
        windows: Finds windows of servers that are gone.
        rules: The times.
        now_ms: The server's clock.
        alone: Whether no other server stores chunks in this database.
    """

    def __init__(
        self,
        recordings: Recordings,
        windows: DepartedWindows,
        rules: DepartureRules,
        now_ms: NowMs,
        *,
        alone: bool,
    ) -> None:
        self._recordings = recordings
        self._windows = windows
        self._rules = rules
        self._now_ms = now_ms
        self._alone = alone
        self._due: dict[WindowKey, _Due] = {}
        self._pauses: dict[Recording, _Pause] = {}
        recordings.on_closed = self.closed

    @property
    def due_count(self) -> int:
        """Number of windows without a stream that may still be continued."""
        return len(self._due)

    def closed(self, recording: Recording) -> None:
        """A stream has ended without an end of its window."""
        if recording.has_separate_streams:
            due = _Due(self._now_ms() + self._rules.idle_timeout_ms, self._recordings.server, is_left=False)
        else:
            due = _Due(self._now_ms() + self._rules.left_after_ms, self._recordings.server, is_left=True)
        self._due[recording.key] = due

    async def run(self) -> None:
        """Judges windows until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._judge_due())
            tasks.create_task(self._judge_silent())
            tasks.create_task(self._find_orphans())

    async def _judge_due(self) -> None:
        turns = asyncio.Semaphore(AT_ONCE)
        while True:
            await asyncio.sleep(LOOK_S)
            now_ms = self._now_ms()
            due = {key: one for key, one in self._due.items() if one.at_ms <= now_ms}
            async with asyncio.TaskGroup() as tasks:
                for key, one in due.items():
                    tasks.create_task(self._judge(key, one, turns))

    async def _judge(self, key: WindowKey, due: _Due, turns: asyncio.Semaphore) -> None:
        async with turns:
            if self._due.get(key) is not due:
                return  # continued, and left again
            del self._due[key]
            try:
                left_ms = self._now_ms() if due.is_left else 0
                await self._recordings.leave(key, due.server, self._rules.ingest, left_ms)
            except StorageError as error:
                _log.warning("a window that was left is judged later", error=error.detail[:300])
                self._due.setdefault(key, _Due(self._now_ms() + RETRY_MS, due.server, due.is_left))

    async def _judge_silent(self) -> None:
        """Judges the findings of open streams without data.

        First those that the next event would decide, since it may not come; after the idle time, all of them.
        """
        while True:
            await asyncio.sleep(SILENCE_LOOK_S)
            now_ms = self._now_ms()
            before, self._pauses = self._pauses, {}
            for recording in self._recordings.open_streams:
                pause = before.get(recording)
                if pause is None or pause.next_seq != recording.next_seq:
                    pause = _Pause(recording.next_seq, now_ms)
                self._pauses[recording] = pause
                await self._judge_pause(recording, pause, now_ms - pause.since_ms)

    async def _judge_pause(self, recording: Recording, pause: _Pause, silent_ms: int) -> None:
        try:
            if not pause.is_settled and silent_ms >= self._rules.left_after_ms:
                pause.is_settled = True
                await recording.settle()
            if not pause.is_over and silent_ms >= self._rules.idle_timeout_ms:
                pause.is_over = True
                if recording.may_be_left:
                    await recording.leave(0)
        except (StorageError, AfterimageError) as error:
            _log.warning("a window without data was not judged", error=str(error)[:300])

    async def _find_orphans(self) -> None:
        """Finds windows of servers that are gone: at the start, and each time that a server disappears."""
        own = self._recordings.server
        known: set[str] | None = None
        while True:
            try:
                servers = {own}
                if not self._alone:
                    await self._windows.beat(own)
                    servers |= await self._windows.servers(LOST_MS)
                if known is None or known - servers:
                    await self._adopt(servers, is_start=known is None)
                known = servers
            except StorageError as error:
                _log.warning("windows of servers that are gone are looked for later", error=error.detail[:300])
            else:
                if self._alone:
                    return
            await asyncio.sleep(BEAT_S)

    async def _adopt(self, servers: set[str], *, is_start: bool) -> None:
        now_ms = self._now_ms()
        # At the start those that were open when the last server stopped, however long that is ago.
        last_ms = min(now_ms, await self._windows.last_stored_ms()) if is_start else now_ms
        for key, server in await self._windows.orphans(last_ms - self._rules.idle_timeout_ms, servers):
            # Several servers, one of which has not been upgraded: it may have the window's stream.
            if server or self._alone:
                self._due.setdefault(key, _Due(now_ms + self._rules.left_after_ms, server, is_left=True))
