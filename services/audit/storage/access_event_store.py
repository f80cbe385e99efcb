"""The access trail in ClickHouse: group commit of entries, and queries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import structlog

from services.audit.access_events import AccessEvent, TrailFilter, TrailPosition
from services.audit.storage.engine.engine import Engine, Row, StorageError
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.tables_access import ACCESS_EVENTS
from services.runtime.batcher import Batcher
from services.runtime.errors import Unavailable

_log = structlog.get_logger("afterimage.trail")

MAX_BATCH = 1_000
MAX_WAITING = 10_000
"""Maximum entries that wait for storage; further ones are refused, together with their reads."""

WRITE_TIMEOUT_S = 10.0
_NO_SESSION = UUID(int=0)


class AccessEventStore:
    """Writes and reads the trail.

    Args:
        engine: An open engine with a migrated database.
        dialect: The DDL features of the engine.
        retention_days: Retention of an entry, in days; 0: for ever.
        now_ms: The server's clock, milliseconds since 1970 UTC.
    """

    def __init__(self, engine: Engine, dialect: Dialect, retention_days: int, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._dialect = dialect
        self._retention_days = retention_days
        self._now_ms = now_ms
        self._batcher: Batcher[Sequence[AccessEvent], None] = Batcher(
            self._store, max_batch_rows=MAX_BATCH, max_waiting_rows=MAX_WAITING, rows=len
        )

    async def add(self, events: Sequence[AccessEvent]) -> None:
        """Stores events; they are durable when it returns. Storing one again changes nothing.

        Raises:
            Unavailable: They cannot be stored within WRITE_TIMEOUT_S, or too many entries wait.
        """
        if not events:
            return
        if not self._batcher.has_room(len(events)):
            raise Unavailable("the access trail cannot keep up; try again", reason="TRAIL_UNAVAILABLE")
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._batcher.ask(events)
        except Exception as error:
            raise Unavailable("the access trail cannot be written; try again", reason="TRAIL_UNAVAILABLE") from error

    async def run(self) -> None:
        """Stores added events until it is cancelled: while one insert is in flight, the next batch gathers."""
        await self._batcher.run()

    async def find(
        self, project: str, wanted: TrailFilter, count: int, after: TrailPosition | None
    ) -> list[AccessEvent]:
        """Returns up to `count` entries that follow `after`, newest first."""
        where = ["project = {project:String}"]
        params: dict[str, object] = {"project": project}

        def add(condition: str, **values: object) -> None:
            where.append(condition)
            params.update(values)

        if since := self._kept_since():
            add("day >= {since:Date}", since=since)
        if wanted.start_ms is not None:
            add("time_ms >= {start:Int64}", start=wanted.start_ms)
        if wanted.end_ms is not None:
            add("time_ms < {end:Int64}", end=wanted.end_ms)
        if wanted.session is not None:
            add("session = {session:UUID}", session=wanted.session)
        if wanted.subject:
            add("subject = {subject:String}", subject=wanted.subject)
        if wanted.link_id:
            add("link = {link:String}", link=wanted.link_id)
        if wanted.actions:
            add("action IN {actions:Array(UInt8)}", actions=list(wanted.actions))
        if after is not None:
            add(
                "(time_ms < {after_ms:Int64} OR (time_ms = {after_ms:Int64} AND event < {after:UUID}))",
                after_ms=after.time_ms,
                after=after.event,
            )
        names = ", ".join(name for name, _ in ACCESS_EVENTS.columns)
        rows = await self._engine.query(
            f"SELECT {names} FROM {ACCESS_EVENTS.name} WHERE {' AND '.join(where)} "
            f"ORDER BY time_ms DESC, event DESC LIMIT 1 BY time_ms, event LIMIT {int(count)}",
            params,
        )
        return [_event(row) for row in rows]

    async def sweep(self) -> None:
        """Deletes entries past the retention."""
        since = self._kept_since()
        if since is None:
            return
        params = {"since": since}
        name, local = ACCESS_EVENTS.name, self._dialect.local(ACCESS_EVENTS.name)
        [(count,)] = await self._engine.query(f"SELECT count() FROM {name} WHERE day < {{since:Date}}", params)
        if count:
            await self._engine.execute(
                f"ALTER TABLE {local}{self._dialect.on_cluster} DELETE WHERE day < {{since:Date}}", params
            )

    def _kept_since(self) -> date | None:
        if not self._retention_days:
            return None
        return _day(self._now_ms()) - timedelta(days=self._retention_days)

    async def _store(self, batch: Sequence[Sequence[AccessEvent]]) -> list[None]:
        try:
            await self._engine.insert(ACCESS_EVENTS, [_row(event) for events in batch for event in events])
        except Exception as error:
            detail = error.detail if isinstance(error, StorageError) else str(error)
            _log.warning("the access trail cannot be written", error=detail[:300], batch=len(batch))
            raise
        return [None] * len(batch)


def _day(ms: int) -> date:
    return datetime.fromtimestamp(ms / 1000, UTC).date()


def _row(event: AccessEvent) -> Row:
    return (
        event.project,
        _day(event.time_ms),
        event.time_ms,
        event.event,
        event.action,
        event.outcome,
        # A lone surrogate is possible in a token's JSON, but not in UTF-8.
        event.subject.encode(errors="replace"),
        event.link_id,
        event.session or _NO_SESSION,
        event.rpc,
        event.address,
        event.user_agent,
        event.detail,
    )


def _event(row: Row) -> AccessEvent:
    project, _, time_ms, event, action, outcome, subject, link, session, *texts = row
    rpc, address, user_agent, detail = (text.decode(errors="replace") for text in texts)
    return AccessEvent(
        event=event,
        project=project.decode(errors="replace"),
        time_ms=time_ms,
        action=action,
        outcome=outcome,
        subject=subject.decode(errors="replace"),
        link_id=link.decode(errors="replace"),
        session=None if session == _NO_SESSION else session,
        rpc=rpc,
        address=address,
        user_agent=user_agent,
        detail=detail,
    )
