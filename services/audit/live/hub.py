"""The live hub of a server: carries stored chunks to followers, and requests of viewers to recorders.

Only stored chunks are shown: a live chunk is as durable as an acknowledged one. A follower gets each chunk
right after its insert; when it is too slow for the bounded queue, or another server stored the chunk, it is
only notified that there is more, and continues from storage. Positions are seqs, so neither path can lose or
repeat a chunk.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from services.audit.model import ChunkRow, SessionKey, WindowKey
from services.audit.storage.chunk_reader import StoredPayload

TAIL_BYTES = 4 * 1024 * 1024
"""Maximum payload bytes queued per follower; beyond it the queue is dropped and read from storage."""


class ConnectedRecorder(Protocol):
    """A recorder that is connected to this server."""

    opened_us: int
    """Start of its stream, in microseconds of Unix time."""

    @property
    def secret_hash(self) -> bytes:
        """Hash of its session's secret; empty: it sent none."""
        ...

    def set_watched(self, watched: bool) -> None:
        """The first viewer has begun to watch, or the last one has left."""
        ...

    def stop(self, reason: str) -> None:
        """The session is no longer wanted."""
        ...

    def viewer_joined(self) -> None:
        """Another viewer watches; it needs a recent full snapshot."""
        ...

    def superseded(self) -> None:
        """Another server records the window now."""
        ...

    def taken(self) -> None:
        """Another server records the session with another secret, and began earlier."""
        ...

    def server_stops(self) -> None:
        """The server stops; the recorder continues with another server, or with this one's successor."""
        ...


class PeerServers(Protocol):
    """The other servers on the same storage, which the hub notifies of its changes."""

    def stored(self, key: SessionKey) -> None:
        """Data of the session was stored here."""
        ...

    def deleted(self, key: SessionKey) -> None:
        """The session was deleted here."""
        ...

    def opened(self, window: WindowKey, opened_us: int, secret_hash: bytes) -> None:
        """A stream of this server, begun at `opened_us`, records the window with this hash of a session secret."""
        ...

    def interest(self) -> None:
        """A viewer has begun to watch here."""
        ...


class LiveChunk:
    """A chunk on its way to all followers: the first one serialises it, the others send the same message."""

    __slots__ = ("_message", "stored")

    def __init__(self, chunk: ChunkRow) -> None:
        self.stored = StoredPayload(
            chunk.key.window,
            chunk.seq,
            chunk.first_ms,
            chunk.last_ms,
            chunk.event_count,
            chunk.snapshot_seq > 0,
            chunk.payload,
        )
        self._message: bytes | None = None

    def message(self, serialise: Callable[[StoredPayload], bytes]) -> bytes:
        """Returns the chunk serialised by `serialise`, which is called once."""
        if self._message is None:
            self._message = serialise(self.stored)
        return self._message


class Tail:
    """The new chunks of one session, for one follower."""

    def __init__(self) -> None:
        self._chunks: deque[LiveChunk] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.lagging = False
        """There is more in storage than in the queue. Reset by the follower before it reads storage."""
        self.ended = False
        """A window has ended since the follower's last check of the session. Reset by the follower before the check."""
        self.deleted = False

    @property
    def has_news(self) -> bool:
        """Whether there is news since the last call of `take`."""
        return self._news.is_set()

    def push(self, chunk: LiveChunk) -> None:
        """Adds a stored chunk, or notes that there is more in storage."""
        size = len(chunk.stored.payload)
        if self._bytes + size > TAIL_BYTES:
            self._chunks.clear()
            self._bytes = 0
            self.lagging = True
        elif not self.lagging:
            self._chunks.append(chunk)
            self._bytes += size
        self._news.set()

    def nudge(self, *, lagging: bool = False, ended: bool = False, deleted: bool = False) -> None:
        """Wakes the follower: there may be more in storage, or the session has ended or is gone."""
        self.lagging |= lagging
        self.ended |= ended
        self.deleted |= deleted
        self._news.set()

    async def wait(self, timeout_s: float) -> None:
        """Waits for news, up to the time-out."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return

    def take(self) -> list[LiveChunk]:
        """Returns the chunks received since the last call."""
        self._news.clear()
        taken = list(self._chunks)
        self._chunks.clear()
        self._bytes = 0
        return taken


class Watch:
    """The changed sessions of a project, for one watcher."""

    def __init__(self) -> None:
        self._changed: set[UUID] = set()
        self._news = asyncio.Event()

    def touch(self, session: UUID) -> None:
        """Notes that the session has changed."""
        self._changed.add(session)
        self._news.set()

    def nudge(self) -> None:
        """Wakes the watcher."""
        self._news.set()

    async def changes(self, timeout_s: float) -> set[UUID]:
        """Returns the sessions that changed since the last call, waiting for the first one up to the time-out."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return set()
        self._news.clear()
        changed, self._changed = self._changed, set()
        return changed


class LiveHub:
    """Joins the recorders and the viewers of one server."""

    def __init__(self) -> None:
        self._tails: dict[SessionKey, set[Tail]] = {}
        self._watches: dict[str, set[Watch]] = {}
        self._recorders: dict[SessionKey, dict[WindowKey, ConnectedRecorder]] = {}
        self._watched_elsewhere: set[SessionKey] = set()
        self.elsewhere: PeerServers | None = None
        """The other servers, if any."""
        self.closing = False

    def stored(self, chunk: ChunkRow) -> None:
        """A chunk has become durable."""
        key = chunk.key.session_key
        if tails := self._tails.get(key):
            live = LiveChunk(chunk)
            for tail in tails:
                tail.push(live)
        self._changed(key)

    def changed(self, key: SessionKey) -> None:
        """Something of the session other than its chunks has become durable: its findings, or a window's return."""
        self._changed(key)

    def ended(self, window: WindowKey) -> None:
        """A window's end, or that it was left, has become durable."""
        key = window.session_key
        for tail in self._tails.get(key, ()):
            tail.nudge(ended=True)
        self._changed(key)

    def changed_elsewhere(self, key: SessionKey) -> None:
        """Another server has stored data of the session."""
        for tail in self._tails.get(key, ()):
            tail.nudge(lagging=True)
        self._touch(key)

    def deleted(self, key: SessionKey) -> None:
        """The session was deleted here."""
        self.deleted_elsewhere(key)
        if self.elsewhere is not None:
            self.elsewhere.deleted(key)

    def deleted_elsewhere(self, key: SessionKey) -> None:
        """Another server has deleted the session."""
        for tail in self._tails.get(key, ()):
            tail.nudge(deleted=True)
        for recorder in list(self._recorders.get(key, {}).values()):
            recorder.stop("the session was deleted")
        self._touch(key)

    def opened_elsewhere(self, window: WindowKey, opened_us: int, secret_hash: bytes | None = None) -> None:
        """Another server records the window: a stream here ends if it is the older one.

        It may be the newer one: a notice can arrive after the recorder has moved here from the server that sent it.
        With another secret it ends no stream: both servers admitted a first stream of the session before anything of
        it was stored, and the later one of the two is not of its visitor.

        Args:
            window: The window.
            opened_us: Start of the stream, in microseconds of Unix time.
            secret_hash: Hash of its session's secret; None: sent by a server that does not know secrets yet.
        """
        for key, recorder in list(self._recorders.get(window.session_key, {}).items()):
            if secret_hash is None or hmac.compare_digest(recorder.secret_hash, secret_hash):
                if key == window and recorder.opened_us <= opened_us:
                    recorder.superseded()
            elif (recorder.opened_us, recorder.secret_hash) > (opened_us, secret_hash):
                recorder.taken()
            elif self.elsewhere is not None:
                self.elsewhere.opened(key, recorder.opened_us, recorder.secret_hash)  # the other server ends its own

    def watched_elsewhere(self, key: SessionKey, *, watched: bool) -> None:
        """The session has got its first follower on another server, or lost its last one."""
        if watched:
            self._watched_elsewhere.add(key)
        else:
            self._watched_elsewhere.discard(key)
        if key not in self._tails:
            self._tell(key, watched=watched)

    @property
    def followed(self) -> list[SessionKey]:
        """The sessions that are followed on this server."""
        return list(self._tails)

    @property
    def watched(self) -> list[str]:
        """The projects that are watched on this server."""
        return list(self._watches)

    @property
    def follower_count(self) -> int:
        """Number of followers on this server."""
        return sum(map(len, self._tails.values()))

    async def close(self) -> None:
        """Ends all followers and watchers when the server stops: they have no end of their own."""
        self.closing = True
        for tails in self._tails.values():
            for tail in tails:
                tail.nudge()
        for watches in self._watches.values():
            for watch in watches:
                watch.nudge()
        for recorders in self._recorders.values():
            for recorder in list(recorders.values()):
                recorder.server_stops()

    def is_followed(self, key: SessionKey) -> bool:
        """Returns whether the session has a follower, here or on another server."""
        return key in self._tails or key in self._watched_elsewhere

    @contextmanager
    def recording(self, window: WindowKey, recorder: ConnectedRecorder) -> Iterator[None]:
        """Lets viewers reach the recorder while the block runs."""
        key = window.session_key
        recorders = self._recorders.setdefault(key, {})
        recorders[window] = recorder
        if self.is_followed(key):
            recorder.set_watched(True)
        if self.elsewhere is not None:
            self.elsewhere.opened(window, recorder.opened_us, recorder.secret_hash)
        self._touch(key)
        try:
            yield
        finally:
            if recorders.get(window) is recorder:
                del recorders[window]
            if not recorders and self._recorders.get(key) is recorders:
                del self._recorders[key]

    @contextmanager
    def follow(self, key: SessionKey) -> Iterator[Tail]:
        """Provides the session's new chunks while the block runs; its recorders flush faster meanwhile."""
        tail = Tail()
        tails = self._tails.setdefault(key, set())
        tails.add(tail)
        self._tell(key, watched=True)  # every time: a later viewer needs a full snapshot as well
        if self.elsewhere is not None:
            self.elsewhere.interest()
        try:
            yield tail
        finally:
            tails.discard(tail)
            if not tails and self._tails.get(key) is tails:
                del self._tails[key]
                if key not in self._watched_elsewhere:
                    self._tell(key, watched=False)

    @contextmanager
    def watch(self, project: str) -> Iterator[Watch]:
        """Provides the project's changes while the block runs."""
        watch = Watch()
        watches = self._watches.setdefault(project, set())
        watches.add(watch)
        if self.elsewhere is not None:
            self.elsewhere.interest()
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches and self._watches.get(project) is watches:
                del self._watches[project]

    def _tell(self, key: SessionKey, *, watched: bool) -> None:
        for recorder in self._recorders.get(key, {}).values():
            recorder.set_watched(watched)

    def _changed(self, key: SessionKey) -> None:
        self._touch(key)
        if self.elsewhere is not None:
            self.elsewhere.stored(key)

    def _touch(self, key: SessionKey) -> None:
        for watch in self._watches.get(key.project, ()):
            watch.touch(key.session)
