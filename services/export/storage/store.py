"""The store of records: every change of an export's state is one statement with a condition on the state before.

So of two that would end an export, one does; and a worker that has lost its attempt to another one changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Row, Select, and_, case, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from services.export.model import (
    OPEN_STATES,
    Content,
    Export,
    ExportCursor,
    ExportFile,
    ExportFilter,
    ExportFormat,
    ExportPriority,
    ExportState,
    Failure,
    Progress,
)
from services.export.storage.tables import EXPORT_SESSIONS, EXPORTS
from services.runtime.relational import Database

MAX_BATCH = 500
"""Maximum number of records that one statement changes or returns, and of sessions that one statement names."""

_DISPATCH_LOCK = 7_236_411_951
_SESSIONS_AT_ONCE = 1_000

_e = EXPORTS.c
_is_open = _e.state.in_(OPEN_STATES)
_decode = msgspec.json.Decoder(Content).decode


@dataclass(frozen=True, slots=True)
class Usage:
    """Exports of a project: how many are open, and the size of its files."""

    open: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Place:
    """Key of a stored file, with the export that it belongs to."""

    export_id: str
    key: str


class ExportStore:
    """Records of exports.

    Every method raises Unavailable (DATABASE_UNAVAILABLE) when the database does not answer.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- creation and reading

    async def create(self, export: Export, request_key: str) -> Export:
        """Stores a new export; returns it, or the one that was stored with the same request key before."""
        row = {
            "export_id": export.export_id,
            "project": export.project,
            "created_by": export.created_by,
            "request_key": request_key or None,
            "content": msgspec.json.encode(export.content),
            "session_id": export.session_id,
            "link_id": export.link_id,
            "format": int(export.format),
            "priority": int(export.priority),
            "state": int(export.state),
            "ttl_ms": export.ttl_ms,
            "created_ms": export.created_ms,
            "updated_ms": export.updated_ms,
            "attempt": export.attempt,
            "started": 0,
            "not_before_ms": 0,
            "lease_ms": 0,
            "done": 0,
            "planned": 0,
            **dict.fromkeys(("failure_reason", "failure_message"), ""),
            **dict.fromkeys(("file_key", "file_name", "content_type", "sha256"), ""),
            "size_bytes": 0,
        }
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(EXPORTS), row)
                if export.session_id:
                    session = {"export_id": export.export_id, "session_id": UUID(export.session_id).bytes}
                    await connection.execute(insert(EXPORT_SESSIONS), session)
        except IntegrityError:
            earlier = await self.of_request(request_key) if request_key else None
            if earlier is None:
                raise
            return earlier
        return export

    async def of_request(self, request_key: str) -> Export | None:
        """Returns the export that was created with a request key; None: no export was."""
        return await self._one(select(EXPORTS).where(_e.request_key == request_key, _e.state != ExportState.DELETED))

    async def get(self, export_id: str, project: str | None = None) -> Export | None:
        """Returns an export; None: it does not exist, was deleted, or is of another project."""
        wanted = select(EXPORTS).where(_e.export_id == export_id, _e.state != ExportState.DELETED)
        return await self._one(wanted if project is None else wanted.where(_e.project == project))

    async def find(self, project: str, wanted: ExportFilter, count: int, after: ExportCursor | None) -> list[Export]:
        """Returns up to `count` exports that follow `after`, newest first."""
        query = select(EXPORTS).where(_e.project == project, _e.state != ExportState.DELETED)
        if wanted.session_id:
            query = query.where(_e.session_id == wanted.session_id)
        if wanted.created_by:
            query = query.where(_e.created_by == wanted.created_by)
        if wanted.states:
            query = query.where(_e.state.in_(wanted.states))
        if after is not None:
            query = query.where(tuple_(_e.created_ms, _e.export_id) < tuple_(after.created_ms, after.export_id))
        return await self._all(query.order_by(_e.created_ms.desc(), _e.export_id.desc()).limit(count))

    async def changed(self, projects: Iterable[str], since_ms: int) -> list[Export]:
        """Returns exports of some projects that changed since a time, also deleted ones, by the time of the change."""
        return await self._all(
            select(EXPORTS).where(_e.project.in_(list(projects)), _e.updated_ms >= since_ms).order_by(_e.updated_ms)
        )

    async def usage(self, project: str) -> Usage:
        """Returns a project's number of open exports and the size of its files."""
        query = select(
            func.coalesce(func.sum(case((_is_open, 1), else_=0)), 0),
            func.coalesce(func.sum(case((_e.state == ExportState.DONE, _e.size_bytes), else_=0)), 0),
        ).where(_e.project == project)
        async with self._database.statement() as connection:
            opened, stored = (await connection.execute(query)).one()
        return Usage(int(opened), int(stored))

    async def of_link(self, link_id: str) -> list[Export]:
        """Returns a share link's exports with a file, or that will have one, newest first."""
        query = select(EXPORTS).where(_e.link_id == link_id, _e.state.in_([*OPEN_STATES, ExportState.DONE]))
        return await self._all(query.order_by(_e.created_ms.desc(), _e.export_id.desc()).limit(MAX_BATCH))

    async def links(self) -> list[str]:
        """Returns the ids of the share links with exports that were not deleted."""
        query = select(_e.link_id).where(_e.link_id != "", _e.state != ExportState.DELETED).distinct()
        async with self._database.statement() as connection:
            return [row.link_id for row in await connection.execute(query)]

    async def counts(self) -> dict[ExportState, int]:
        """Returns the number of exports by state."""
        query = select(_e.state, func.count()).group_by(_e.state)
        async with self._database.statement() as connection:
            return {ExportState(state): count for state, count in await connection.execute(query)}

    # --- the way through the queue

    async def dispatch(self, limit: int, now_ms: int) -> list[Export]:
        """Marks the exports that are next as dispatched, and returns them, in the order of their turns.

        Of each project at most `limit` are dispatched or running: by priority, then by age. Projects take turns.
        """
        taken = or_(
            _e.state == ExportState.RUNNING, and_(_e.state == ExportState.QUEUED, _e.dispatched_ms.is_not(None))
        )
        ready = and_(_e.state == ExportState.QUEUED, _e.dispatched_ms.is_(None), _e.not_before_ms <= now_ms)
        async with self._database.statement() as connection:  # usually nothing waits: no lock then
            if (await connection.execute(select(_e.export_id).where(ready).limit(1))).first() is None:
                return []
        turn = (
            func.row_number()
            .over(partition_by=_e.project, order_by=[_e.priority.desc(), _e.created_ms, _e.export_id])
            .label("turn")
        )
        busy = select(_e.project, func.count().label("busy")).where(taken).group_by(_e.project).subquery()
        waiting = select(_e.export_id, _e.project, _e.created_ms, turn).where(ready).subquery()
        next_ones = (
            select(waiting.c.export_id)
            .outerjoin(busy, busy.c.project == waiting.c.project)
            .where(waiting.c.turn + func.coalesce(busy.c.busy, 0) <= limit)
            .order_by(waiting.c.turn, waiting.c.created_ms, waiting.c.export_id)
            .limit(MAX_BATCH)
        )
        async with self._database.transaction(_DISPATCH_LOCK) as connection:
            ids = [row.export_id for row in await connection.execute(next_ones)]
            if not ids:
                return []
            changed = update(EXPORTS).where(_e.export_id.in_(ids)).values(dispatched_ms=now_ms)
            found = {row.export_id: _export(row) for row in await connection.execute(changed.returning(EXPORTS))}
        return [found[export_id] for export_id in ids]

    async def dispatched(self, before_ms: int) -> list[Export]:
        """Returns exports that were dispatched before a time, and have not begun."""
        query = select(EXPORTS).where(_e.state == ExportState.QUEUED, _e.dispatched_ms < before_ms).limit(MAX_BATCH)
        return await self._all(query)

    async def undispatch(self, export: Export) -> bool:
        """Takes back a dispatch that has lost its queue entry; returns False when the export has begun meanwhile."""
        return await self._change(
            update(EXPORTS)
            .where(_e.export_id == export.export_id, _e.state == ExportState.QUEUED, _e.attempt == export.attempt)
            .values(dispatched_ms=None)
        )

    async def begin(self, export_id: str, attempt: int, lease_ms: int, now_ms: int) -> Export | None:
        """Begins an attempt; None: it is not this attempt's turn: it was cancelled, ended or begun before."""
        changed = (
            update(EXPORTS)
            .where(_e.export_id == export_id, _e.attempt == attempt, _e.state == ExportState.QUEUED)
            .values(
                state=ExportState.RUNNING,
                started=_e.started + 1,
                started_ms=func.coalesce(_e.started_ms, now_ms),
                lease_ms=lease_ms,
                updated_ms=now_ms,
                done=0,
                planned=0,
                remaining_ms=None,
            )
            .returning(EXPORTS)
        )
        async with self._database.transaction() as connection:
            row = (await connection.execute(changed)).one_or_none()
        return None if row is None else _export(row)

    async def renew(self, export: Export, progress: Progress, lease_ms: int, now_ms: int) -> bool:
        """Shows that an attempt goes on; returns False when it must stop: the export was cancelled or given away."""
        values: dict[str, Any] = {"lease_ms": lease_ms, "done": progress.done, "planned": progress.planned}
        values["remaining_ms"] = progress.remaining_ms
        has_moved = or_(_e.done != progress.done, _e.planned != progress.planned)
        values["updated_ms"] = case((has_moved, now_ms), else_=_e.updated_ms)
        return await self._change(update(EXPORTS).where(*_running(export)).values(values))

    async def add_sessions(self, export: Export, sessions: Sequence[UUID]) -> None:
        """Notes sessions of a table, so that it is deleted with any of them."""
        rows = [{"export_id": export.export_id, "session_id": session.bytes} for session in sessions]
        known = select(EXPORT_SESSIONS.c.session_id).where(EXPORT_SESSIONS.c.export_id == export.export_id)
        async with self._database.transaction() as connection:
            for start in range(0, len(rows), _SESSIONS_AT_ONCE):
                part = rows[start : start + _SESSIONS_AT_ONCE]
                ids = [row["session_id"] for row in part]
                held = {
                    row.session_id
                    for row in await connection.execute(known.where(EXPORT_SESSIONS.c.session_id.in_(ids)))
                }
                if fresh := [row for row in part if row["session_id"] not in held]:
                    await connection.execute(insert(EXPORT_SESSIONS), fresh)

    async def clear_sessions(self, export: Export) -> None:
        """Forgets the sessions that an earlier attempt noted."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(EXPORT_SESSIONS).where(EXPORT_SESSIONS.c.export_id == export.export_id))

    async def holds_any(self, export: Export, sessions: Sequence[UUID]) -> bool:
        """Returns whether any of the sessions was noted for the export."""
        held = select(EXPORT_SESSIONS.c.session_id).where(EXPORT_SESSIONS.c.export_id == export.export_id).limit(1)
        async with self._database.statement() as connection:
            for start in range(0, len(sessions), _SESSIONS_AT_ONCE):
                part = [session.bytes for session in sessions[start : start + _SESSIONS_AT_ONCE]]
                if (await connection.execute(held.where(EXPORT_SESSIONS.c.session_id.in_(part)))).first() is not None:
                    return True
        return False

    # --- ends

    async def finish(self, export: Export, file: ExportFile, expires_ms: int, now_ms: int) -> bool:
        """Ends an attempt with its file; returns False when the attempt counts no more."""
        return await self._change(
            update(EXPORTS)
            .where(*_running(export))
            .values(
                state=ExportState.DONE,
                ended_ms=now_ms,
                updated_ms=now_ms,
                expires_ms=expires_ms,
                file_key=file.key,
                file_name=file.name,
                content_type=file.content_type,
                size_bytes=file.size_bytes,
                sha256=file.sha256,
                failure_reason="",
                failure_message="",
            )
        )

    async def fail(self, export: Export, failure: Failure, now_ms: int) -> bool:
        """Ends an export without a file; returns False when the attempt counts no more."""
        return await self._change(
            update(EXPORTS)
            .where(_e.export_id == export.export_id, _e.attempt == export.attempt, _is_open)
            .values(state=ExportState.FAILED, ended_ms=now_ms, updated_ms=now_ms, **_failure(failure))
        )

    async def retry(self, export: Export, failure: Failure | None, not_before_ms: int, now_ms: int) -> bool:
        """Lets another attempt follow; returns False when this one counts no more.

        Args:
            export: The export with its running attempt.
            failure: Reason of the end of this attempt; None: its worker stops, and gives it back.
            not_before_ms: Earliest time of the next attempt.
            now_ms: The time.
        """
        values: dict[str, Any] = {} if failure is None else _failure(failure)
        if failure is None:
            values["started"] = _e.started - 1
        return await self._change(
            update(EXPORTS)
            .where(*_running(export))
            .values(
                state=ExportState.QUEUED,
                attempt=_e.attempt + 1,
                dispatched_ms=None,
                not_before_ms=not_before_ms,
                updated_ms=now_ms,
                done=0,
                planned=0,
                remaining_ms=None,
                **values,
            )
        )

    async def cancel(self, export_id: str, project: str, now_ms: int) -> bool:
        """Cancels an open export; returns False when it is not open."""
        return await self._change(
            update(EXPORTS)
            .where(_e.export_id == export_id, _e.project == project, _is_open)
            .values(state=ExportState.CANCELLED, ended_ms=now_ms, updated_ms=now_ms)
        )

    async def remove(self, export_id: str, project: str, now_ms: int) -> bool:
        """Deletes an export, in any state; returns False when it does not exist."""
        return await self._change(
            update(EXPORTS)
            .where(_e.export_id == export_id, _e.project == project, _e.state != ExportState.DELETED)
            .values(state=ExportState.DELETED, updated_ms=now_ms, request_key=None)
        )

    async def remove_with_sessions(self, project: str, sessions: Sequence[UUID], now_ms: int) -> list[str]:
        """Deletes a project's exports with any of the sessions; returns their ids."""
        removed: list[str] = []
        for start in range(0, len(sessions), MAX_BATCH):
            part = [session.bytes for session in sessions[start : start + MAX_BATCH]]
            affected = select(EXPORT_SESSIONS.c.export_id).where(EXPORT_SESSIONS.c.session_id.in_(part))
            changed = (
                update(EXPORTS)
                .where(_e.project == project, _e.state != ExportState.DELETED, _e.export_id.in_(affected))
                .values(state=ExportState.DELETED, updated_ms=now_ms, request_key=None)
                .returning(_e.export_id)
            )
            async with self._database.transaction() as connection:
                removed += [row.export_id for row in await connection.execute(changed)]
        return removed

    async def remove_of_link(self, link_id: str, now_ms: int) -> list[Place]:
        """Deletes the exports of a share link; returns their files, "" as the key of those without one."""
        changed = (
            update(EXPORTS)
            .where(_e.link_id == link_id, _e.state != ExportState.DELETED)
            .values(state=ExportState.DELETED, updated_ms=now_ms, request_key=None)
            .returning(_e.export_id, _e.file_key)
        )
        async with self._database.transaction() as connection:
            return [Place(row.export_id, row.file_key) for row in await connection.execute(changed)]

    # --- upkeep

    async def lost(self, now_ms: int) -> list[Export]:
        """Returns exports of workers that have shown no sign of life until the end of the lease."""
        query = select(EXPORTS).where(_e.state == ExportState.RUNNING, _e.lease_ms < now_ms).limit(MAX_BATCH)
        return await self._all(query)

    async def unclaimed(self, before_ms: int) -> list[Export]:
        """Returns exports created before a time that no worker has begun."""
        query = select(EXPORTS).where(_e.state == ExportState.QUEUED, _e.started == 0, _e.created_ms < before_ms)
        return await self._all(query.limit(MAX_BATCH))

    async def expire(self, now_ms: int) -> int:
        """Ends the exports with files that have been kept for long enough; returns their number."""
        changed = (
            update(EXPORTS)
            .where(_e.state == ExportState.DONE, _e.expires_ms <= now_ms)
            .values(state=ExportState.EXPIRED, updated_ms=now_ms)
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(changed)).rowcount

    async def unwanted_files(self) -> list[Place]:
        """Returns files of exports that are no longer to be downloaded."""
        query = select(_e.export_id, _e.file_key).where(_e.state != ExportState.DONE, _e.file_key != "")
        async with self._database.statement() as connection:
            rows = await connection.execute(query.limit(MAX_BATCH))
            return [Place(row.export_id, row.file_key) for row in rows]

    async def file_deleted(self, place: Place) -> None:
        """Notes that a file no longer exists."""
        changed = update(EXPORTS).where(_e.export_id == place.export_id, _e.file_key == place.key).values(file_key="")
        async with self._database.transaction() as connection:
            await connection.execute(changed)

    async def purge(self, deleted_before_ms: int, ended_before_ms: int) -> int:
        """Removes records of exports without files: those deleted, and those ended, before a time; returns how many."""
        gone = and_(
            _e.file_key == "",
            or_(
                and_(_e.state == ExportState.DELETED, _e.updated_ms < deleted_before_ms),
                and_(_e.state.not_in([*OPEN_STATES, ExportState.DONE]), _e.ended_ms < ended_before_ms),
            ),
        )
        async with self._database.transaction() as connection:
            return (await connection.execute(delete(EXPORTS).where(gone))).rowcount

    async def with_files(self, export_ids: Sequence[str]) -> dict[str, tuple[ExportState, str]]:
        """Returns state and file of those of the exports that have a record."""
        query = select(_e.export_id, _e.state, _e.file_key).where(_e.export_id.in_(export_ids))
        async with self._database.statement() as connection:
            return {row.export_id: (ExportState(row.state), row.file_key) for row in await connection.execute(query)}

    async def projects_with_copies(self) -> dict[str, int]:
        """Returns the projects with exports that hold recorded data, or will, and the time of the oldest one."""
        query = select(_e.project, func.min(_e.created_ms).label("oldest")).where(
            _e.state.in_([*OPEN_STATES, ExportState.DONE])
        )
        async with self._database.statement() as connection:
            rows = await connection.execute(query.group_by(_e.project))
            return {row.project: row.oldest for row in rows}

    async def _change(self, statement: Any) -> bool:
        async with self._database.transaction() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def _one(self, query: Select[Any]) -> Export | None:
        async with self._database.statement() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _export(row)

    async def _all(self, query: Select[Any]) -> list[Export]:
        async with self._database.statement() as connection:
            return [_export(row) for row in await connection.execute(query)]


def request_key(project: str, subject: str, request_id: str) -> str:
    """Returns the key under which a creation is found again; "" without a request id."""
    if not request_id:
        return ""
    return hashlib.sha256(f"{project}\0{subject}\0{request_id}".encode(errors="replace")).hexdigest()


def _running(export: Export) -> tuple[ColumnElement[bool], ...]:
    return (
        _e.export_id == export.export_id,
        _e.attempt == export.attempt,
        _e.state == ExportState.RUNNING,
    )


def _failure(failure: Failure) -> dict[str, Any]:
    return {"failure_reason": failure.reason, "failure_message": failure.message}


def _export(row: Row[Any]) -> Export:
    file = None
    if row.state == ExportState.DONE:
        file = ExportFile(row.file_key, row.file_name, row.content_type, row.size_bytes, row.sha256)
    return Export(
        export_id=row.export_id,
        project=row.project,
        created_by=row.created_by,
        content=_decode(row.content),
        format=ExportFormat(row.format),
        priority=ExportPriority(row.priority),
        state=ExportState(row.state),
        ttl_ms=row.ttl_ms,
        created_ms=row.created_ms,
        updated_ms=row.updated_ms,
        attempt=row.attempt,
        started=row.started,
        dispatched_ms=row.dispatched_ms,
        not_before_ms=row.not_before_ms,
        lease_ms=row.lease_ms,
        started_ms=row.started_ms,
        ended_ms=row.ended_ms,
        expires_ms=row.expires_ms,
        progress=Progress(row.done, row.planned, row.remaining_ms),
        failure=Failure(row.failure_reason, row.failure_message) if row.failure_reason else None,
        file=file,
    )
