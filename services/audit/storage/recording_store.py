"""The store of recordings: writes, resume points, deletion, repair. `session_queries` and `chunk_reader` read it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol
from uuid import UUID

import msgspec

from services.audit.model import ChunkRow, DeletionCursor, Mark, ResumePoint, SessionKey, WindowHead, WindowKey
from services.audit.storage.codecs.chunk_rows import chunk_rows
from services.audit.storage.codecs.rowbinary import unpacked_when_asked
from services.audit.storage.engine.engine import POINT_READ, Engine, Row
from services.audit.storage.head_rows import head_row, newest_heads
from services.audit.storage.retention import NowMs, Retention, day_of
from services.audit.storage.row_deletion import delete_rows
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.tables import CHUNKS, DELETIONS, RETAINED, SESSIONS, TOTALS_STATE, WINDOWS
from services.audit.storage.schema.tables_interactions import INTERACTIONS
from services.runtime.uuid7 import uuid7_ms

REPAIR_SPAN_MS = 3_600_000
"""The repair at start sums up again the chunks stored within this time before the last stored one."""


_OF_WINDOW = "project = {project:String} AND day = {day:Date} AND session = {session:UUID} AND window = {window:UUID}"


class Settle(Protocol):
    """Waits until all acknowledged chunks are in the database, of one session or (None) of all."""

    async def __call__(self, session: SessionKey | None = None, *, is_needed: bool = False) -> None:
        """Raises StorageAway if `is_needed`, and the database does not take it in time."""
        ...


async def _is_settled(session: SessionKey | None = None, *, is_needed: bool = False) -> None:
    """Without a recording log, acknowledged chunks are in the database."""


class RecordingStore:
    """Recordings in ClickHouse.

    Args:
        engine: An open engine with a migrated database.
        dialect: The DDL features of the engine.
        retention: Retention of each project's recordings.
        now_ms: The server's clock, milliseconds since 1970 UTC.
    """

    def __init__(self, engine: Engine, dialect: Dialect, retention: Retention, now_ms: NowMs) -> None:
        self._engine = engine
        self._dialect = dialect
        self._retention = retention
        self._now_ms = now_ms
        self.settle: Settle = _is_settled
        """Awaited before rows are read on which recording goes on, or which are deleted."""
        self._is_repaired = False
        self._head_ms = 0
        self._writing = asyncio.Lock()
        """Held by inserts, and while whole days are dropped: none is dropped with a row that has just come."""

    @property
    def last_day(self) -> date:
        """The last day on which a session can begin: the engine's dates end there."""
        return self._dialect.last_day

    async def insert(self, heads: Sequence[WindowHead], chunks: Sequence[ChunkRow]) -> None:
        """Stores heads and chunks; they are durable when it returns. Storing one again changes nothing.

        Raises:
            StorageError: As raised by the engine; a part may have been stored, so store everything again.
        """
        async with self._writing:
            await self._insert(heads, chunks, self._now_ms())

    async def _insert(self, heads: Sequence[WindowHead], chunks: Sequence[ChunkRow], stored_ms: int) -> None:
        if begun := [head for head in heads if not _is_over(head)]:
            await self._insert_heads(begun, stored_ms)
        # Before the chunks: after a kill in between, the chunks are sent again and produce the same rows.
        if found := b"".join([chunk.interactions for chunk in chunks]):
            await self._engine.insert(INTERACTIONS, unpacked_when_asked(INTERACTIONS.types, found))
        if chunks:
            await self._engine.insert(CHUNKS, chunk_rows(chunks, day_of, stored_ms))
        # Last, and with a later time: a reader that finds a window ended or left finds all of its chunks too.
        if over := [head for head in heads if _is_over(head)]:
            await self._insert_heads(over, stored_ms)

    async def _insert_heads(self, heads: Sequence[WindowHead], stored_ms: int) -> None:
        # Later than each earlier row, also within a millisecond: the newest row of a window replaces the others.
        self._head_ms = max(stored_ms, self._head_ms + 1)
        await self._engine.insert(WINDOWS, [_row(head, self._head_ms) for head in heads])

    async def resume_point(self, key: WindowKey) -> ResumePoint | None:
        """Returns the last stored chunk's seq, state and retention start; None: the window has no stored chunk."""
        await self.settle(key.session_key, is_needed=True)
        rows = await self._engine.query(
            "SELECT seq, state, kept_from FROM chunks "
            "WHERE project = {project:String} AND day = {day:Date} AND session = {session:UUID} "
            "AND window = {window:UUID} ORDER BY seq DESC, stored_ms DESC LIMIT 1",
            _window_params(key),
        )
        return ResumePoint(*rows[0]) if rows else None

    async def last_chunk(self, key: WindowKey, seq: int) -> ChunkRow | None:
        """Returns a window's stored chunk with this seq; None: not found."""
        await self.settle(key.session_key, is_needed=True)
        rows = await self._engine.query(
            "SELECT kept_from, order_ms, first_ms, last_ms, event_count, snapshot_ms, snapshot_seq, marks, totals, "
            "state, payload, stored_ms FROM chunks WHERE project = {project:String} AND day = {day:Date} "
            "AND session = {session:UUID} AND window = {window:UUID} AND seq = {seq:UInt32} "
            "ORDER BY stored_ms DESC LIMIT 1",
            {**_window_params(key), "seq": seq},
        )
        if not rows:
            return None
        kept_from, order_ms, first_ms, last_ms, events, snapshot_ms, snapshot_seq, marks, *rest, stored_ms = rows[0]
        row = ChunkRow(
            key,
            seq,
            kept_from,
            order_ms,
            first_ms,
            last_ms,
            events,
            snapshot_ms,
            snapshot_seq,
            read_marks(marks),
            *rest,
        )
        return replace(row, stored_ms=stored_ms)

    async def last_snapshot(self, key: WindowKey, before_seq: int) -> int:
        """Returns the seq of a window's last chunk with a full snapshot before another; 0: not found."""
        await self.settle(key.session_key, is_needed=True)
        [(seq,)] = await self._engine.query(
            f"SELECT max(seq) FROM chunks PREWHERE {_OF_WINDOW} AND seq < {{before:UInt32}} AND snapshot_seq > 0"
            f"{POINT_READ}",
            {**_window_params(key), "before": before_seq},
        )
        return int(seq)

    async def size_of(self, key: WindowKey, low: int, high: int) -> tuple[int, int]:
        """Returns the number of a window's chunks of these seqs, both included, and the bytes of their payloads."""
        await self.settle(key.session_key, is_needed=True)
        [(count, size_bytes)] = await self._engine.query(
            "SELECT count(), sum(size) FROM (SELECT seq, max(payload_bytes) AS size FROM chunks "
            f"PREWHERE {_OF_WINDOW} AND seq >= {{low:UInt32}} AND seq <= {{high:UInt32}} GROUP BY seq){POINT_READ}",
            {**_window_params(key), "low": low, "high": high},
        )
        return int(count), int(size_bytes)

    async def payloads(self, key: WindowKey, low: int, high: int) -> dict[int, bytes]:
        """Returns the payloads of a window's chunks of these seqs, both included."""
        await self.settle(key.session_key, is_needed=True)
        rows = await self._engine.query(
            f"SELECT seq, payload FROM chunks PREWHERE {_OF_WINDOW} AND seq >= {{low:UInt32}} "
            f"AND seq <= {{high:UInt32}}{POINT_READ}",
            {**_window_params(key), "low": low, "high": high},
        )
        return dict(rows)

    async def heads(self, key: SessionKey) -> list[WindowHead]:
        """Returns the newest stored head of each window of a session, with the hash of its secret, the newest first."""
        await self.settle(key, is_needed=True)
        columns = tuple(name for name, _ in WINDOWS.columns)
        rows = await self._engine.query(
            f"SELECT {', '.join(columns)} FROM windows PREWHERE project = {{project:String}} "
            f"AND start_ms = {{start:Int64}} AND session = {{session:UUID}}{POINT_READ}",
            {"project": key.project, "start": key.start_ms, "session": key.session},
        )
        return newest_heads(rows, columns)

    async def is_deleted(self, key: SessionKey) -> bool:
        """Returns whether the session was deleted, so that its recorder must be refused."""
        rows = await self._engine.query(
            "SELECT 1 FROM deletions WHERE project = {project:String} AND session = {session:UUID} LIMIT 1",
            {"project": key.project, "session": key.session},
        )
        return bool(rows)

    async def deleted_of(self, sessions: Sequence[SessionKey]) -> set[SessionKey]:
        """Returns those of the sessions that were deleted."""
        found: set[SessionKey] = set()
        for project in {key.project for key in sessions}:
            rows = await self._engine.query(
                "SELECT DISTINCT session FROM deletions "
                "WHERE project = {project:String} AND session IN {sessions:Array(UUID)}",
                {"project": project, "sessions": [key.session for key in sessions if key.project == project]},
            )
            found |= {SessionKey(project, session) for (session,) in rows}
        return found

    async def sessions_of_actor(self, project: str, *actor_ids: str) -> list[UUID]:
        """Returns all sessions of one actor, including those past their retention.

        Args:
            project: The project.
            actor_ids: The forms in which the actor's id may be stored.
        """
        await self.settle(is_needed=True)
        rows = await self._engine.query(
            "SELECT DISTINCT session FROM windows "
            "WHERE project = {project:String} AND actor_id IN {actors:Array(String)}",
            {"project": project, "actors": list(actor_ids)},
        )
        return [session for (session,) in rows]

    async def count_chunks(self, project: str, sessions: Sequence[UUID]) -> dict[UUID, int]:
        """Returns the number of stored chunks by session; sessions that do not exist are left out."""
        await self.settle(is_needed=True)
        rows = await self._engine.query(
            "SELECT session, count() FROM (SELECT DISTINCT session, window, seq FROM chunks "
            "WHERE project = {project:String} AND day IN {days:Array(Date)} AND session IN {sessions:Array(UUID)}) "
            "GROUP BY session",
            _sessions_params(project, sessions),
        )
        return {session: int(count) for session, count in rows}

    async def count_interactions(self, project: str, sessions: Sequence[UUID]) -> int:
        """Returns the number of stored interactions of the sessions."""
        await self.settle(is_needed=True)
        [(count,)] = await self._engine.query(
            "SELECT count() FROM interactions FINAL WHERE project = {project:String} "
            "AND day IN {days:Array(Date)} AND session IN {sessions:Array(UUID)}",
            _sessions_params(project, sessions),
        )
        return int(count)

    async def mark_deleted(self, project: str, sessions: Sequence[UUID]) -> None:
        """Stores the ids of deleted sessions, so that a recorder which still streams cannot restore them."""
        now = self._now_ms()
        rows = [(project, day_of(uuid7_ms(session)), session, now) for session in sessions]
        if rows:
            await self._engine.insert(DELETIONS, rows)

    async def deletions(
        self, project: str, start_ms: int, count: int, after: DeletionCursor | None
    ) -> list[DeletionCursor]:
        """Returns up to `count` deleted sessions of the project, by the time of their deletion.

        Args:
            project: The project.
            start_ms: Earliest time of a deletion.
            count: Maximum number.
            after: Position to continue from; None: from the first one.
        """
        rows = await self._engine.query(
            "SELECT deleted_ms, session FROM deletions WHERE project = {project:String} "
            "AND deleted_ms >= {start:Int64} AND (deleted_ms > {after_ms:Int64} "
            "OR (deleted_ms = {after_ms:Int64} AND session > {after:UUID})) "
            f"ORDER BY deleted_ms, session LIMIT {int(count)}",
            {
                "project": project,
                "start": start_ms,
                "after_ms": -1 if after is None else after.deleted_ms,
                "after": UUID(int=0) if after is None else after.session,
            },
        )
        return [DeletionCursor(int(deleted_ms), session) for deleted_ms, session in rows]

    async def delete(self, project: str, sessions: Sequence[UUID]) -> None:
        """Deletes sessions from every table; no read finds them once it returns."""
        if not sessions:
            return
        condition = "project = {project:String} AND day IN {days:Array(Date)} AND session IN {sessions:Array(UUID)}"
        params = _sessions_params(project, sessions)
        for table in RETAINED:
            # A mutation is slow even with nothing to delete, such as interactions of sessions without any.
            if await self._engine.query(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1", params):
                await delete_rows(self._engine, self._dialect, table, condition, params)

    async def sweep(self) -> None:
        """Deletes recordings past their project's retention. TTL does the same where the server supports it.

        The first sweep repairs, if the start could not for want of space.
        """
        if not self._is_repaired:
            await self.repair()
        for project, since in self._retention.bounded():
            params = {"project": project, "since": since}
            condition = "project = {project:String} AND kept_from < {since:Date}"
            for table in RETAINED:
                [(count,)] = await self._engine.query(f"SELECT count() FROM {table} WHERE {condition}", params)
                if count:
                    await delete_rows(self._engine, self._dialect, table, condition, params)

    async def drop_expired_days(self) -> list[date]:
        """Drops the days that hold nothing but recordings past their project's retention; returns them.

        Unlike `sweep` it rewrites no data, so it needs no space. A cluster's days are left to TTL: another server may
        be importing into them.
        """
        expired = " OR ".join(
            f"(project = {{project{number}:String}} AND kept_from < {{since{number}:Date}})"
            for number, _ in enumerate(self._retention.bounded())
        )
        if not expired or self._dialect.cluster:
            return []
        params: dict[str, object] = {}
        for number, (project, since) in enumerate(self._retention.bounded()):
            params |= {f"project{number}": project, f"since{number}": since}
        dropped: set[date] = set()
        for table in RETAINED:
            async with self._writing:
                days = await self._engine.query(
                    f"SELECT day FROM {table} GROUP BY day HAVING countIf(NOT ({expired})) = 0 ORDER BY day", params
                )
                for (day,) in days:
                    await self._engine.execute(f"ALTER TABLE {table} DROP PARTITION '{day}'")
                    dropped.add(day)
        return sorted(dropped)

    async def repair(self) -> None:
        """Sums up the newest chunks again.

        A kill between a chunk's insert and that of its materialised view leaves the totals one chunk short.
        Every function of the view is idempotent, so summing up a chunk again changes nothing.
        """
        local = self._dialect.local
        [(last,)] = await self._engine.query("SELECT max(stored_ms) FROM chunks")
        if not last:
            self._is_repaired = True
            return
        columns = ", ".join(name for name, _ in SESSIONS.columns)
        # The newest rows are selected in a subquery: the sums have the columns' names, and an outer WHERE means those.
        newest = f"(SELECT {columns} FROM {local('chunks')} WHERE stored_ms >= {{since:Int64}})"
        await self._engine.execute(
            f"INSERT INTO {local('sessions')} ({columns}) {TOTALS_STATE.format(source=newest)}",
            {"since": last - REPAIR_SPAN_MS},
        )
        self._is_repaired = True


def _window_params(key: WindowKey) -> dict[str, object]:
    return {
        "project": key.project,
        "day": day_of(key.session_key.start_ms),
        "session": key.session,
        "window": key.window,
    }


def _sessions_params(project: str, sessions: Sequence[UUID]) -> dict[str, object]:
    return {
        "project": project,
        "sessions": list(sessions),
        "days": sorted({day_of(uuid7_ms(session)) for session in sessions}),
    }


def _is_over(head: WindowHead) -> bool:
    return head.ended or head.left_ms > 0


def _row(head: WindowHead, stored_ms: int) -> Row:
    return head_row(head, day_of(head.key.session_key.start_ms), stored_ms)


_decode_marks = msgspec.json.Decoder(tuple[Mark, ...])


def read_marks(data: bytes) -> tuple[Mark, ...]:
    """Returns the marks of a stored chunk."""
    return _decode_marks.decode(data) if data else ()
