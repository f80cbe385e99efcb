"""The windows that are being recorded on this server, one `Recording` per window.

A newer stream of a window ends the older one and resumes after the last stored chunk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

from msgspec.structs import replace as replace_state

from services.audit.ingest.batch_writer import EntrySink
from services.audit.ingest.page_history import PageHistories
from services.audit.ingest.process_chunk import ChunkProcessor
from services.audit.ingest.quotas import Account, Quotas
from services.audit.ingest.recording import IngestRules, Recording, RecordingCounts
from services.audit.ingest.sender import Sender
from services.audit.ingest.session_claims import SessionClaims
from services.audit.live.hub import LiveHub
from services.audit.model import SessionKey, WindowHead, WindowKey
from services.audit.storage.free_space import FreeSpace
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import day_of
from services.audit.window_state import read_state
from services.runtime.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
)

SUPERSEDE_TIMEOUT_S = 10.0


class Recordings:
    """The windows that are being recorded on this server."""

    def __init__(
        self,
        intake: ChunkProcessor,
        store: RecordingStore,
        committer: EntrySink,
        hub: LiveHub,
        space: FreeSpace,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        quotas: Quotas | None = None,
        server: str = "",
        page_history_bytes: int = 8 * 1024 * 1024,
    ) -> None:
        self.server = server
        """Id of this process, stored with each window that it records."""
        self.on_closed: Callable[[Recording], None] = lambda _: None
        """Called when a stream has closed without an end, and no newer one has its window here."""
        self._now_us = now_us
        self._quotas = quotas
        self._intake = intake
        self._store = store
        self._committer = committer
        self._hub = hub
        self._space = space
        self._closing: set[asyncio.Task[None]] = set()
        self._claims = SessionClaims(store.heads)
        self.histories = PageHistories(store, page_history_bytes)
        self._open: dict[WindowKey, Recording] = {}
        self._unfinished: set[Recording] = set()
        """Open recordings, and superseded ones with chunks still on their way to storage."""
        self.counts = RecordingCounts()

    @property
    def open_count(self) -> int:
        """Number of windows that are being recorded."""
        return len(self._open)

    async def open(self, head: WindowHead, rules: IngestRules, sender: Sender = Sender()) -> Recording:  # noqa: B008 - frozen
        """Returns the window's recording, ready to take the next chunk; an older stream of it ends.

        Raises:
            InvalidArgument: The engine cannot store a session of that day.
            PermissionDenied: Another secret began the session (SESSION_SECRET_WRONG), or none was sent and one is
                required (SESSION_SECRET_MISSING). Nothing has changed then.
            FailedPrecondition: If the session was deleted.
            Aborted: If a still newer stream was opened meanwhile.
            StorageFull: There is no space for new chunks.
            ResourceExhausted: A quota of the project, the sender or the session is used up.
            Unavailable: If the older stream's chunks cannot be stored in time.
            StorageError: As raised by the engine.
        """
        self._space.require()
        self._check_day(head)
        self._check_has_secret(head, rules)
        key = head.key
        claim = self._claims.enter(key.session_key)
        account = None
        try:
            stored = await self._claims.admit(claim, head)
            if self._quotas is not None:
                account = await self._quotas.account(key.session_key, sender, is_limited=not head.imported)
        except PermissionDenied as error:
            self.counts.refused[error.reason] += 1
            self._claims.leave(key.session_key)
            raise
        except BaseException:
            self._claims.leave(key.session_key)
            raise
        self._intake.prepare()
        recording = self._new(replace(head, server=self.server), rules, sender, account)
        head = recording.head
        older = self._open.get(key)
        self._open[key] = recording
        self._unfinished.add(recording)
        try:
            if older is not None:
                older.superseded()
                await _drained(older)
                stored = None  # it may have stored the window's head, or its end
            await self._check_not_deleted(key.session_key)
            if stored is None:
                stored = await self._store.heads(key.session_key)
            of_window = next((one for one in stored if one.key == key), None)
            recording.describe(head, of_window, claim.first or head)
            if point := await self._store.resume_point(key):
                recording.head = replace(recording.head, kept_from=point.kept_from)
                recording.resume(point.seq, replace_state(read_state(point.state), seq=point.seq))
            recording.raise_if_broken()
            await recording.announce()
        except BaseException:
            self._forget(recording)
            raise
        if not (head.secret_hash or head.imported):
            self.counts.without_secret += 1
        return recording

    async def leave(self, window: WindowKey, server: str, rules: IngestRules, left_ms: int) -> None:
        """Judges the open findings of a window without a stream, and marks it as left; see `Recording.leave`.

        Does nothing if the window has a stream here, has ended, was left or deleted, or if another server has had its
        stream since. A stream that is opened meanwhile supersedes this, as if it were an older stream.

        Args:
            window: The window.
            server: The server that had its stream last.
            rules: The detectors' thresholds.
            left_ms: The server's time; 0: the window has timed out.

        Raises:
            StorageFull: There is no space for it.
            StorageError: As raised by the engine.
        """
        self._space.require()
        if window in self._open:
            return
        recording = self._new(WindowHead(window, date.min), rules, Sender(), None)
        self._open[window] = recording
        self._unfinished.add(recording)
        self._claims.enter(window.session_key)
        try:
            heads = await self._store.heads(window.session_key)
            head = next((one for one in heads if one.key == window), None)
            if head is None or head.ended or head.left_ms or head.server != server:
                return
            point = await self._store.resume_point(window)
            if point is None or await self._store.is_deleted(window.session_key):
                return
            recording.head = replace(head, kept_from=point.kept_from)
            recording.resume(point.seq, replace_state(read_state(point.state), seq=point.seq))
            await recording.leave(left_ms)
        except Aborted:
            return  # a stream has the window again
        except FailedPrecondition:
            return  # the session was deleted
        finally:
            self._forget(recording)

    @property
    def open_streams(self) -> list[Recording]:
        """The recordings of this server, one per window."""
        return list(self._open.values())

    def _new(self, head: WindowHead, rules: IngestRules, sender: Sender, account: Account | None) -> Recording:
        return Recording(
            head,
            rules,
            self._intake,
            self._store,
            self._committer,
            self._hub,
            self._space,
            self.counts,
            self._now_us(),
            sender,
            account,
            self.histories,
        )

    async def close(self, recording: Recording) -> None:
        """Releases a recording after the end of its stream, once the accepted chunks are durable.

        Without space that may take hours: then the recorder gets its answer now, and the chunks are stored later.
        """
        closing = asyncio.create_task(self._forget_drained(recording))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        if not self._space.is_low:
            await asyncio.shield(closing)

    async def _forget_drained(self, recording: Recording) -> None:
        try:
            await recording.drained()
        finally:
            is_newest = self._open.get(recording.key) is recording
            self._forget(recording)
            if is_newest and recording.may_be_left:
                self.on_closed(recording)

    def give_up(self, window: WindowKey, reason: str) -> None:
        """Ends the stream of a window of which something was acknowledged that the database refuses."""
        if (recording := self._open.get(window)) is not None:
            recording.give_up(reason)

    def no_space(self) -> None:
        """Ends all streams: nothing new is stored. Streams that wait for an ack would not learn of it otherwise."""
        for recording in list(self._open.values()):
            recording.no_space()

    def _check_day(self, head: WindowHead) -> None:
        """Refuses a session that begins, by its id, after the last day of the engine: no row of it could be stored."""
        last = self._store.last_day
        if day_of(head.key.session_key.start_ms) > last:
            self.counts.refused["DAY_NOT_STORABLE"] += 1
            raise InvalidArgument.of(
                "start.session_id", f"its time is after {last}, the last day that this database can store"
            )

    def _check_has_secret(self, head: WindowHead, rules: IngestRules) -> None:
        if rules.require_secret and not head.secret_hash and not head.imported:
            self.counts.refused["SESSION_SECRET_MISSING"] += 1
            raise PermissionDenied(
                "start.session_secret: is required here (ingest.require_session_secret)",
                reason="SESSION_SECRET_MISSING",
            )

    async def _check_not_deleted(self, key: SessionKey) -> None:
        if await self._store.is_deleted(key):
            raise FailedPrecondition("session_id: the session was deleted", reason="SESSION_DELETED")

    def of_session(self, session: SessionKey) -> list[Recording]:
        """Returns the recordings of a session that are open or have chunks on their way to storage."""
        return [recording for recording in self._unfinished if recording.key.session_key == session]

    def _forget(self, recording: Recording) -> None:
        if recording in self._unfinished:
            self._unfinished.remove(recording)
            self._claims.leave(recording.key.session_key)
        if self._open.get(recording.key) is recording:
            del self._open[recording.key]


async def _drained(recording: Recording) -> None:
    try:
        async with asyncio.timeout(SUPERSEDE_TIMEOUT_S):
            await recording.drained()
    except TimeoutError:
        raise Unavailable("the window's last chunks are still being stored", reason="STORAGE_SLOW") from None
