"""Uses of links, written into the access trail of AuditService.

Allowed actions are stored before their result is returned (`allowed`): in batches, the next of which collects while
one is in flight. Refused actions reveal nothing, so no call waits for their entry (`refused`), and an address that
guesses cannot make the service wait for storage either. Refusals are sent once per second: the answer to a guess
takes the same time whether the link has ended or never existed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from afterimage.audit.v1 import access_event_pb2
from prometheus_client import CollectorRegistry, Counter

from services.runtime.access_actions import AccessOutcome
from services.runtime.batcher import Batcher
from services.runtime.errors import Unavailable
from services.runtime.uuid7 import uuid7
from services.share import convert
from services.share.audit_client import AuditClient
from services.share.model import TrailEntry

_log = structlog.get_logger("afterimage.trail")

MAX_BATCH = 500
MAX_WAITING = 5_000
"""Maximum number of waiting entries. Beyond it, redemptions are refused; refusals are dropped and counted."""

REFUSALS_EVERY_S = 1.0


class Trail:
    """Sends entries to AuditService.

    Args:
        audit: Client of AuditService.
        required: Refuses actions that cannot be recorded; otherwise the loss is logged and counted.
        now_ms: The clock, milliseconds since 1970.
        registry: For the metrics.
    """

    def __init__(
        self, audit: AuditClient, *, required: bool, now_ms: Callable[[], int], registry: CollectorRegistry
    ) -> None:
        self._audit = audit
        self._required = required
        self._now_ms = now_ms
        self._batchers: dict[str, Batcher[access_event_pb2.AccessEvent, None]] = {}
        self._senders = asyncio.TaskGroup()
        self._refusals: deque[tuple[str, access_event_pb2.AccessEvent]] = deque()
        self._acts = Counter("afterimage_share_acts", "Uses of links.", ["action", "outcome"], registry=registry)
        self._refusal_counts = Counter(
            "afterimage_share_refusals", "Refused uses of links, by reason.", ["reason"], registry=registry
        )
        self._lost = Counter("afterimage_share_trail_lost", "Entries lost by the trail.", registry=registry)

    async def allowed(self, entry: TrailEntry) -> None:
        """Writes an entry; it is stored when the call returns.

        Raises:
            Unavailable: It cannot be stored but is required (TRAIL_UNAVAILABLE).
        """
        self._acts.labels(entry.verb.lower(), "allowed").inc()
        try:
            await self._store(entry.project, convert.access_event(entry, AccessOutcome.ALLOWED, uuid7(self._now_ms())))
        except Exception as error:
            self._lost.inc()
            _log.warning("the access trail has lost an entry", action=entry.verb, error=str(error))
            if self._required:
                raise Unavailable(
                    "the action cannot be recorded in the access trail at present, so it is refused",
                    reason="TRAIL_UNAVAILABLE",
                ) from error

    def refused(self, entry: TrailEntry, outcome: AccessOutcome, reason: str = "") -> None:
        """Queues an entry for the next batch.

        Args:
            entry: The refused action.
            outcome: Its outcome.
            reason: Reason in the metric; "": the outcome.
        """
        self._acts.labels(entry.verb.lower(), outcome.name.lower()).inc()
        self._refusal_counts.labels(reason or outcome.name.lower()).inc()
        if len(self._refusals) >= MAX_WAITING:
            self._lost.inc()
        else:
            self._refusals.append((entry.project, convert.access_event(entry, outcome, uuid7(self._now_ms()))))

    async def run(self) -> None:
        """Sends waiting entries until it is cancelled, then the remaining ones once."""
        async with self._senders:
            try:
                while True:
                    await asyncio.sleep(REFUSALS_EVERY_S)
                    await self._send_refusals()
            finally:
                await self._send_refusals()

    async def _send_refusals(self) -> None:
        by_project: dict[str, list[access_event_pb2.AccessEvent]] = {}
        while self._refusals:
            project, event = self._refusals.popleft()
            if project:
                by_project.setdefault(project, []).append(event)
        for project, events in by_project.items():
            for start in range(0, len(events), MAX_BATCH):
                try:
                    await self._audit.record(project, events[start : start + MAX_BATCH])
                except Exception as error:  # noqa: BLE001 - the service continues after any error
                    self._lost.inc(len(events) - start)
                    _log.warning("the access trail has lost refusals", entries=len(events) - start, error=str(error))
                    break

    async def _store(self, project: str, event: access_event_pb2.AccessEvent) -> None:
        batcher = self._batchers.get(project)
        if batcher is None:
            batcher = Batcher(partial(self._send, project), max_batch_rows=MAX_BATCH, max_waiting_rows=MAX_WAITING)
            self._senders.create_task(batcher.run())
            self._batchers[project] = batcher
        if not batcher.has_room():
            raise Unavailable("too many entries wait for the access trail")
        await batcher.ask(event)

    async def _send(self, project: str, batch: Sequence[access_event_pb2.AccessEvent]) -> list[None]:
        await self._audit.record(project, batch)
        return [None] * len(batch)
