"""Creations, downloads, deletions and refusals of exports, written into the access trail of AuditService.

Entries of allowed actions are stored before the action has its effect for the caller. Refusals reveal nothing: no call
waits for their entry.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import structlog
from afterimage.audit.v1 import access_event_pb2
from prometheus_client import CollectorRegistry, Counter

from services.export import convert
from services.export.audit_client import AuditClient
from services.export.model import TrailEntry
from services.runtime.access_actions import AccessOutcome
from services.runtime.errors import Unavailable
from services.runtime.uuid7 import uuid7

_log = structlog.get_logger("afterimage.trail")

MAX_BATCH = 500
MAX_WAITING = 5_000
"""Maximum number of refusals that wait; further ones are dropped and counted."""

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
        self._refusals: deque[tuple[str, access_event_pb2.AccessEvent]] = deque()
        self._acts = Counter("afterimage_export_acts", "Uses of exports.", ["action", "outcome"], registry=registry)
        self._lost = Counter("afterimage_export_trail_lost", "Entries lost by the trail.", registry=registry)

    async def allowed(self, entry: TrailEntry) -> None:
        """Writes an entry; it is stored when the call returns.

        Raises:
            Unavailable: It cannot be stored but is required (TRAIL_UNAVAILABLE).
        """
        self._count(entry, AccessOutcome.ALLOWED)
        try:
            await self._audit.record(entry.project, [self._event(entry, AccessOutcome.ALLOWED)])
        except Exception as error:
            self._lost.inc()
            _log.warning("the access trail has lost an entry", action=entry.action.name, error=str(error))
            if self._required:
                raise Unavailable(
                    "the action cannot be recorded in the access trail at present, so it is refused",
                    reason="TRAIL_UNAVAILABLE",
                ) from error

    def refused(self, entry: TrailEntry, outcome: AccessOutcome) -> None:
        """Queues an entry for the next batch."""
        self._count(entry, outcome)
        if len(self._refusals) >= MAX_WAITING:
            self._lost.inc()
        else:
            self._refusals.append((entry.project, self._event(entry, outcome)))

    async def run(self) -> None:
        """Sends waiting entries until it is cancelled, then the remaining ones once."""
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
            by_project.setdefault(project, []).append(event)
        for project, events in by_project.items():
            for start in range(0, len(events), MAX_BATCH):
                try:
                    await self._audit.record(project, events[start : start + MAX_BATCH])
                except Exception as error:  # noqa: BLE001 - the service continues after any error
                    self._lost.inc(len(events) - start)
                    _log.warning("the access trail has lost refusals", entries=len(events) - start, error=str(error))
                    break

    def _count(self, entry: TrailEntry, outcome: AccessOutcome) -> None:
        self._acts.labels(entry.action.name.removeprefix("EXPORT_").lower(), outcome.name.lower()).inc()

    def _event(self, entry: TrailEntry, outcome: AccessOutcome) -> access_event_pb2.AccessEvent:
        return convert.access_event(entry, outcome, uuid7(self._now_ms()))
