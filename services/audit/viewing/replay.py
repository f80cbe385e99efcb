"""Replay and live in one stream: what is stored, then what comes, joined by seq.

The viewer's position is a seq for each window. The follower is registered before storage is read, so
between the two nothing can fall; a chunk that both give is sent once, because its seq is compared with
the position; a chunk that the queue skipped is read from storage up to where the queue goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from uuid import UUID

from services.audit.model import ChunkIndex, ChunkRow, SessionKey, SessionSummary, Status, Times, WindowSummary
from services.audit.storage.catalog import Catalog
from services.audit.storage.playback import Playback, StoredPayload, after_cursor
from services.audit.viewing.grants import EVERYTHING, Visible, cut, replay_plan, windows_within
from services.audit.viewing.live import LiveHub, Tail
from services.runtime.errors import NotFound, Unavailable

POLL_S = 5.0
"""A follower looks at the session again after so long without news: has it ended, or timed out?"""

POLL_STORAGE_S = 1.0
"""The same where other servers may store chunks of the session and cannot tell us."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a viewer asks for.

    Attributes:
        key: The session.
        from_ms: Begin at this time (milliseconds since 1970 UTC); None: at the start.
        positions: Begin after these seqs instead; None: not a continuation.
        window: Only this window; None: all.
        follow: Go on with live chunks.
        offset_ms: Begin so far into the session, which is counted from its first event.
        visible: What the viewer may see; nothing else is sent, wherever he begins.
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
    """Comes first."""

    session: SessionSummary
    windows: Sequence[WindowSummary]
    chunks: Sequence[ChunkIndex]


@dataclass(frozen=True, slots=True)
class LiveEdge:
    """Everything stored so far was sent."""


@dataclass(frozen=True, slots=True)
class End:
    """Comes last; `reason` is the contract's ReplayEndReason."""

    reason: int


COMPLETE, SESSION_ENDED, DELETED = 1, 2, 3

Part = Header | StoredPayload | LiveEdge | End


class Replayer:
    """Streams sessions to viewers.

    Args:
        catalog: For the header.
        playback: For stored chunks.
        hub: For live ones.
        alone: Whether no other server stores chunks in this database (chDB).
    """

    def __init__(self, catalog: Catalog, playback: Playback, hub: LiveHub, *, alone: bool) -> None:
        self._catalog = catalog
        self._playback = playback
        self._hub = hub
        self._poll_s = POLL_S if alone else POLL_STORAGE_S
        self._alone = alone

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
                    expected = len(part.chunks)
                else:
                    shown += 1
                yield part
            # Fewer than announced: the last one was cut away whole, or the session went while it was shown.
            gone = shown < expected and await self._catalog.get_session(wanted.key) is None
            yield End(DELETED if gone else COMPLETE)
            return
        with self._hub.follow(wanted.key) as tail:
            sent = dict(wanted.positions or {})
            async for part in self._stored(wanted, sent):
                yield part
            yield LiveEdge()
            live = self._live(wanted, sent, tail)
            async for part in live if wanted.visible == EVERYTHING else self._visible(wanted, live):
                yield part

    async def _stored(self, wanted: Wanted, sent: dict[UUID, int]) -> AsyncGenerator[Part, None]:
        details, index = await asyncio.gather(self._catalog.get_details(wanted.key), self._playback.index(wanted.key))
        if details is None:
            raise NotFound(f"session {wanted.key.session} was not found")
        session, windows = details.session, details.windows
        if wanted.window is not None and wanted.window not in {window.window for window in windows}:
            raise NotFound(f"window {wanted.window} was not found in the session")
        times = wanted.visible.within(session.first_ms)
        if wanted.positions is None:
            from_ms = wanted.from_ms if wanted.offset_ms is None else session.first_ms + wanted.offset_ms
            chunks = replay_plan(index, times, from_ms, wanted.window)
        else:
            chunks = after_cursor(replay_plan(index, times, None, wanted.window), wanted.positions)
        yield Header(wanted.visible.session(session), windows_within(windows, times), chunks)
        async for payload in self._playback.payloads(wanted.key, chunks):
            sent[payload.window] = payload.seq
            if shown := await _shown(payload, times):
                yield shown
        for chunk in index:  # windows that were over by then are not sent later either
            sent[chunk.window] = max(sent.get(chunk.window, 0), chunk.seq)

    async def _visible(self, wanted: Wanted, parts: AsyncGenerator[Part, None]) -> AsyncGenerator[Part, None]:
        """Yields of the live parts what the viewer may see; ends when there cannot be any more of it."""
        async with aclosing(parts):
            session = await self._catalog.get_session(wanted.key)
            if session is None:
                yield End(DELETED)
                return
            times = wanted.visible.within(session.first_ms)
            if times.is_over(session.last_ms):
                yield End(COMPLETE)
                return
            async for part in parts:
                if not isinstance(part, StoredPayload):
                    yield part
                elif times.is_over(part.first_ms):
                    yield End(COMPLETE)
                    return
                elif times.touches(part.first_ms, part.last_ms) and (shown := await _shown(part, times)):
                    yield shown

    async def _live(  # noqa: C901 - the states of a follower, in the order in which they are looked at
        self, wanted: Wanted, sent: dict[UUID, int], tail: Tail
    ) -> AsyncGenerator[Part, None]:
        while True:
            chunks = tail.take()
            if tail.deleted:
                yield End(DELETED)
                return
            if self._hub.closing:
                raise Unavailable("the server is stopping; reconnect with the cursor", reason="SERVER_STOPPING")
            if tail.lagging:
                tail.lagging = False
                chunks = []
                async for payload in self._missed(wanted, sent):
                    yield payload
            for chunk in chunks:
                async for payload in self._in_order(wanted, sent, chunk):
                    yield payload
            if chunks or tail.lagging:
                continue
            session = await self._catalog.get_session(wanted.key)
            if session is None:
                yield End(DELETED)
                return
            if session.status != Status.LIVE:
                async for payload in self._missed(wanted, sent):
                    yield payload
                yield End(SESSION_ENDED)
                return
            await tail.wait(self._poll_s)
            if not self._alone:
                tail.lagging = True

    async def _in_order(
        self, wanted: Wanted, sent: dict[UUID, int], chunk: ChunkRow
    ) -> AsyncGenerator[StoredPayload, None]:
        window = chunk.key.window
        if wanted.window not in {None, window}:
            return
        position = sent.get(window, 0)
        if chunk.seq <= position:
            return
        if chunk.seq > position + 1:
            async for payload in self._missed(wanted, sent):
                yield payload
            if sent.get(window, 0) >= chunk.seq:
                return
        sent[window] = chunk.seq
        yield StoredPayload(
            window, chunk.seq, chunk.first_ms, chunk.last_ms, chunk.event_count, chunk.snapshot_seq > 0, chunk.payload
        )

    async def _missed(self, wanted: Wanted, sent: dict[UUID, int]) -> AsyncGenerator[StoredPayload, None]:
        chunks = [
            chunk
            for chunk in await self._playback.index(wanted.key, after=sent)
            if wanted.window in {None, chunk.window}
        ]
        async for payload in self._playback.payloads(wanted.key, chunks):
            sent[payload.window] = payload.seq
            yield payload


async def _shown(payload: StoredPayload, times: Times) -> StoredPayload | None:
    """Returns what of a chunk the viewer may see; cutting one takes a thread."""
    return await asyncio.to_thread(cut, payload, times) if times.is_over(payload.last_ms) else payload
