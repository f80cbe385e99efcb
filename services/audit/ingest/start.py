"""Whether a recording may begin, and under which rules."""

from __future__ import annotations

from dataclasses import dataclass, replace

from afterimage.audit.v1 import audit_service_pb2 as pb

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.convert.recordings import window_head
from services.audit.ingest.recording import IngestRules
from services.audit.live.hub import LiveHub
from services.audit.model import WindowHead
from services.audit.payload import MAX_TIMESTAMP_MS, Bounds
from services.audit.privacy.policy.policy import Policy
from services.audit.privacy.policy.registry import Policies
from services.audit.storage.recording_store import NowMs, day_of
from services.runtime.errors import InvalidArgument, PermissionDenied
from services.runtime.identity.tokens import Identity, Scope
from services.runtime.settings import Settings

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Admitted:
    """A recording that may begin."""

    head: WindowHead
    rules: IngestRules
    policy: Policy


class RecordingAdmission:
    """Decides on the `start` of a recorder.

    Args:
        settings: Limits and projects.
        policies: What is masked.
        behaviour: Thresholds of the detectors; None: no interactions are looked for.
        hub: Where recorders and viewers of this server meet.
        now_ms: The server's clock.
    """

    def __init__(
        self,
        settings: Settings,
        policies: Policies,
        behaviour: BehaviourRules | None,
        hub: LiveHub,
        now_ms: NowMs,
    ) -> None:
        self._settings = settings
        self._behaviour = behaviour
        self._policies = policies
        self.hub = hub
        self._now_ms = now_ms

    def admit(self, start: pb.RecordingStart, identity: Identity) -> Admitted:
        """Returns what is recorded, and under which rules.

        Raises:
            InvalidArgument: Naming the fields at fault, or a session id that is too old or ahead.
            PermissionDenied: If the token does not allow this kind of recording.
        """
        if start.imported and Scope.ADMIN not in identity.scopes:
            raise PermissionDenied("start.imported: needs a token with the scope admin", reason="SCOPE_MISSING")
        if not start.imported and Scope.RECORD not in identity.scopes:
            raise PermissionDenied("recording needs a token with the scope record", reason="SCOPE_MISSING")
        now_ms = self._now_ms()
        head = window_head(start, identity.project, day_of(now_ms))
        start_ms = head.key.session_key.start_ms
        limits = self._settings.ingest
        bounds = Bounds(
            limits.max_chunk_bytes,
            limits.max_inflated_bytes,
            max_timestamp_ms=now_ms + round(limits.max_future_s * 1000),
        )
        if start.imported:
            head = replace(head, kept_from=max(head.kept_from, day_of(start_ms)))
            bounds = replace(bounds, min_timestamp_ms=0, max_timestamp_ms=MAX_TIMESTAMP_MS)
        else:
            self._check_time(identity.project, start_ms, now_ms)
            head = replace(head, kept_from=day_of(start_ms))
        rules = IngestRules(
            bounds,
            limits.max_unacked_bytes,
            limits.flush_interval_s,
            limits.watched_flush_interval_s,
            self._behaviour,
        )
        in_force = self._policies.of(identity.project)
        return Admitted(replace(head, first_url=in_force.masker.url(head.first_url)), rules, in_force.policy)

    def _check_time(self, project: str, start_ms: int, now_ms: int) -> None:
        ahead_s = (start_ms - now_ms) / 1000
        if ahead_s > self._settings.ingest.max_future_s:
            raise InvalidArgument.of(
                "start.session_id",
                f"its time is {ahead_s:.0f} s ahead of the server's clock, more than max_future_s "
                f"({self._settings.ingest.max_future_s:.0f})",
            )
        configured = self._settings.project(project)
        days = configured.retention_days if configured else 0
        if days and start_ms < now_ms - days * _DAY_MS:
            raise InvalidArgument.of("start.session_id", f"its time is before the project's retention of {days} days")
