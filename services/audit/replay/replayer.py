"""Replay and live in one stream: stored chunks, then new ones, joined by seq.

The viewer's position is a seq per window. The follower is registered before storage is read, so no chunk
falls between the two; a chunk in both is sent once, because its seq is compared with the position; chunks
that the queue skipped are read from storage up to the point where the queue continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from services.audit.live.hub import LiveChunk, LiveHub, Tail
from services.audit.live.single_flight import SingleFlight
from services.audit.model import ChunkIndex, SessionKey, SessionStatus, SessionSummary, Times, WindowSummary
from services.audit.replay.plan import after_cursor, cut, is_cut, replay_plan
from services.audit.replay.visibility import EVERYTHING, Visible
from services.audit.storage.chunk_reader import OPENING_SEQS, PAGE_SEQS, ChunkReader, Contents, StoredPayload
from services.audit.storage.session_queries import SessionDetails, SessionQueries
from services.runtime.errors import NotFound, Unavailable

POLL_S = 5.0
"""Time without a chunk after which a follower checks whether the session has timed out."""

POLL_STORAGE_S = 1.0
"""The same interval where other servers may store chunks of the session, or delete it, without notice; storage is
then read as well, even while this server stores chunks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A viewer's request.

    Attributes:
        key: The session.
        from_ms: Begin at this time (milliseconds since 1970 UTC); None: at the start.
        positions: Begin after these seqs instead; None: not a continuation.
        window: Only this window; None: all.
        follow: Continue with live chunks.
        offset_ms: Begin at this offset from the session's first event.
        visible: The part that the viewer may see; nothing else is sent, wherever the replay begins.
    """

    key: SessionKey
    from_ms: int | None = None
    positions: dict[UUID, int] | None = None
    window: UUID | None = None
    follow: bool = False
    offset_ms: int | None = None
    visible: Visible = EVERYTHING


@dataclass(frozen=True, slots=True)
class Header:
    """The first part of a replay."""

    session: SessionSummary
    windows: Sequence[WindowSummary]
    chunk_count: int
    payload_bytes: int
    first_ms: int
    """Time of the first event to come."""


def _header(details: SessionDetails, chunks: Sequence[ChunkIndex]) -> Header:
    first_ms = min((chunk.first_ms for chunk in chunks), default=details.session.first_ms)
    return Header(details.session, details.windows, len(chunks), sum(chunk.payload_bytes for chunk in chunks), first_ms)


@dataclass(frozen=True, slots=True)
class LiveEdge:
    """All chunks stored by now were sent."""


@dataclass(frozen=True, slots=True)
class End:
    """The last part of a replay; `reason` is the contract's ReplayEndReason."""

    reason: int


COMPLETE, SESSION_ENDED, DELETED = 1, 2, 3

Part = Header | StoredPayload | LiveChunk | LiveEdge | End


class Replayer:
    """Streams sessions to viewers.

    Args:
        catalog: Reads the header.
        playback: Reads stored chunks.
        hub: Provides live chunks.
        alone: Whether no other server stores chunks in this database (chDB).
    """

    def __init__(self, catalog: SessionQueries, playback: ChunkReader, hub: LiveHub, *, alone: bool) -> None:
        self._catalog = catalog
        self._playback = playback
        self._hub = hub
        self._poll_s = POLL_S if alone else POLL_STORAGE_S
        self._alone = alone
        # Many viewers can arrive together, and all followers of a session wake at once.
        self._sessions = SingleFlight(catalog.get_session)
        self._openings = SingleFlight(self._read)
        self._indexes = SingleFlight(playback.index)

    async def replay(self, wanted: Wanted) -> AsyncGenerator[Part, None]:
        """Yields the parts of a replay.

        Raises:
            NotFound: If there is no such session or window.
        """
        if not wanted.follow:
            sent: dict[UUID, int] = {}
            shown = expected = 0
            async for part in self._stored(wanted, sent):
                if isinstance(part, Header):
                    expected = part.chunk_count
                else:
                    shown += 1
                yield part
            # Fewer than announced: the last one was cut away entirely, or the session was deleted during the replay.
            gone = shown < expected and await self._sessions.get(wanted.key) is None
            yield End(DELETED if gone else COMPLETE)
            return
        with self._hub.follow(wanted.key) as tail:
            sent = dict(wanted.positions or {})
            is_live = False
            async for part in self._stored(wanted, sent):
                if isinstance(part, Header):
                    is_live = part.session.status == SessionStatus.LIVE
                yield part
            yield LiveEdge()
            live = self._live(wanted, sent, tail, is_live=is_live)
            async for part in live if wanted.visible == EVERYTHING else self._visible(wanted, live):
                yield part

    async def _stored(self, wanted: Wanted, sent: dict[UUID, int]) -> AsyncGenerator[Part, None]:
        details, contents = await self._openings.get(wanted.key)
        if details is None:
            raise NotFound(f"session {wanted.key.session} was not found")
        if not contents.is_whole and (window := _only_window(wanted, details)):
            async for part in self._long(wanted, wanted.visible.details(details), window, contents.chunks, sent):
                yield part
            return
        index = contents.chunks if contents.is_whole else await self._indexes.get(wanted.key)
        times = wanted.visible.within(details.session.first_ms)
        origin_ms = wanted.visible.origin(details.session.first_ms)
        details = wanted.visible.details(details)
        if wanted.window is not None and wanted.window not in {window.window for window in details.windows}:
            raise NotFound(f"window {wanted.window} was not found in the session")
        if wanted.positions is None:
            from_ms = wanted.from_ms if wanted.offset_ms is None else origin_ms + wanted.offset_ms
            chunks = replay_plan(index, times, from_ms, wanted.window)
        else:
            chunks = after_cursor(replay_plan(index, times, None, wanted.window), wanted.positions)
        # Read ahead while the access trail stores its entry, which must precede the header.
        async with aclosing(self._playback.payloads(wanted.key, chunks)) as payloads:
            yield _header(details, chunks)
            async for payload in payloads:
                sent[payload.window] = payload.seq
                if shown := await _shown(payload, times):
                    yield shown
        for chunk in index:  # windows that had ended by then are not sent later either
            sent[chunk.window] = max(sent.get(chunk.window, 0), chunk.seq)

    async def _long(
        self,
        wanted: Wanted,
        details: SessionDetails,
        window: WindowSummary,
        opening: Sequence[ChunkIndex],
        sent: dict[UUID, int],
    ) -> AsyncGenerator[Part, None]:
        """Yields the stored chunks of a session with one long window; its index is read page by page.

        Args:
            wanted: The request.
            details: The session.
            window: Its window.
            opening: The index of the window's first chunks.
            sent: The viewer's position, which is advanced.
        """
        key, low = wanted.key, opening[0].seq if opening else 1
        if wanted.positions is not None:
            low = max(low, wanted.positions.get(window.window, 0) + 1)
        elif (from_ms := _begin_ms(wanted, details)) is not None:
            low = await self._playback.seq_before(key, window.window, from_ms) or low
        first = [chunk for chunk in opening if chunk.seq >= low][:PAGE_SEQS]
        if not first:
            first = await self._playback.index_of_window(key, window.window, low, low + PAGE_SEQS - 1)
        # Read ahead while the access trail stores its entry, which must precede the header.
        async with aclosing(self._playback.payloads(key, first)) as payloads:
            stretch = await self._playback.stretch(key, window.window, low)
            count = stretch.chunk_count
            first_ms = stretch.first_ms if count else details.session.first_ms
            yield Header(details.session, details.windows, count, stretch.payload_bytes, first_ms)
            async for payload in payloads:
                sent[payload.window] = payload.seq
                yield payload
        begin = max(low, first[-1].seq + 1 if first else 0)
        for page in range(begin, window.last_seq + 1, PAGE_SEQS):
            index = await self._playback.index_of_window(
                key, window.window, page, min(page + PAGE_SEQS - 1, window.last_seq)
            )
            async with aclosing(self._playback.payloads(key, index)) as payloads:
                async for payload in payloads:
                    sent[payload.window] = payload.seq
                    yield payload
        sent[window.window] = max(sent.get(window.window, 0), window.last_seq)

    async def _read(self, key: SessionKey) -> tuple[SessionDetails | None, Contents]:
        """Returns the details and the index that a replay opens with, by two concurrent statements."""
        contents, heads = await asyncio.gather(self._playback.contents(key, OPENING_SEQS), self._catalog.heads(key))
        return self._catalog.details(key, contents.windows, heads), contents

    async def _visible(self, wanted: Wanted, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
        """Yields the live parts that the viewer may see; ends when no more of them can follow."""
        async with aclosing(parts):
            session = await self._sessions.get(wanted.key)
            if session is None:
                yield End(DELETED)
                return
            times = wanted.visible.within(session.first_ms)
            if times.is_over(session.last_ms):
                yield End(COMPLETE)
                return
            async for part in parts:
                if not isinstance(part, (StoredPayload, LiveChunk)):
                    yield part
                    continue
                stored = part.stored if isinstance(part, LiveChunk) else part
                if times.is_over(stored.first_ms):
                    yield End(COMPLETE)
                    return
                if times.touches(stored.first_ms, stored.last_ms) and (shown := await _shown(stored, times)):
                    yield part if shown is stored else shown

    async def _live(  # noqa: C901 - the states of a follower, in the order in which they are checked
        self, wanted: Wanted, sent: dict[UUID, int], tail: Tail, *, is_live: bool
    ) -> AsyncGenerator[Part, None]:
        clock = asyncio.get_running_loop().time
        look_at = clock() + self._poll_s if is_live else 0.0
        while True:
            async for part in self._news(wanted, sent, tail):
                yield part
                if self._alone:  # a session with a chunk just stored is live, and a deletion reaches the tail
                    look_at = clock() + self._poll_s
            if tail.deleted:
                yield End(DELETED)
                return
            if self._hub.closing:
                raise Unavailable("the server is stopping; reconnect with the cursor", reason="SERVER_STOPPING")
            if tail.has_news:
                continue
            if not tail.ended and clock() < look_at:
                await tail.wait(look_at - clock())
                continue
            # Not for every chunk: each of 500 viewers would query storage.
            tail.ended = False
            session = await self._sessions.get(wanted.key)
            if session is None:
                yield End(DELETED)
                return
            if session.status != SessionStatus.LIVE:
                async for payload in self._missed(wanted, sent):
                    yield payload
                yield End(SESSION_ENDED)
                return
            look_at = clock() + self._poll_s
            if not self._alone:
                tail.nudge(lagging=True)

    async def _news(
        self, wanted: Wanted, sent: dict[UUID, int], tail: Tail
    ) -> AsyncGenerator[StoredPayload | LiveChunk, None]:
        """Yields the chunks since the last call, without a gap in any window."""
        chunks = tail.take()
        if tail.deleted or self._hub.closing:
            return
        if tail.lagging:
            tail.lagging = False
            chunks = []
            async for payload in self._missed(wanted, sent):
                yield payload
        for chunk in chunks:
            window, seq = chunk.stored.window, chunk.stored.seq
            if wanted.window not in {None, window}:
                continue
            if seq > sent.get(window, 0) + 1:
                async for payload in self._missed(wanted, sent):
                    yield payload
            if seq > sent.get(window, 0):
                sent[window] = seq
                yield chunk

    async def _missed(self, wanted: Wanted, sent: dict[UUID, int]) -> AsyncGenerator[StoredPayload, None]:
        chunks = [
            chunk
            for chunk in await self._indexes.get(wanted.key)
            if wanted.window in {None, chunk.window} and chunk.seq > sent.get(chunk.window, 0)
        ]
        async with aclosing(self._playback.payloads(wanted.key, chunks)) as payloads:
            async for payload in payloads:
                sent[payload.window] = payload.seq
                yield payload


def _only_window(wanted: Wanted, details: SessionDetails) -> WindowSummary | None:
    """Returns the session's window if it has one and the viewer may see all of it: then seq is the order of play."""
    is_limited = wanted.visible.within(details.session.first_ms) != Times()
    if is_limited or len(details.windows) != 1 or wanted.window not in {None, details.windows[0].window}:
        return None
    return details.windows[0]


def _begin_ms(wanted: Wanted, details: SessionDetails) -> int | None:
    if wanted.offset_ms is None:
        return wanted.from_ms
    return wanted.visible.origin(details.session.first_ms) + wanted.offset_ms


async def _shown(payload: StoredPayload, times: Times) -> StoredPayload | None:
    """Returns a chunk limited to the part that the viewer may see; it is cut in a thread."""
    return await asyncio.to_thread(cut, payload, times) if is_cut(payload, times) else payload
