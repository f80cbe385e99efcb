"""Admission of recordings: whether one may begin, and under which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from services.audit.behaviour.definitions import BehaviourRules
from services.audit.ingest.device import device_type_of
from services.audit.ingest.recording import IngestRules
from services.audit.ingest.session_claims import hash_secret
from services.audit.ingest.user_agent import recognise
from services.audit.live.hub import LiveHub
from services.audit.model import WindowHead, WindowKey
from services.audit.payload import MAX_TIMESTAMP_MS, MIN_TIMESTAMP_MS, Bounds
from services.audit.privacy.masking.counts import Counts
from services.audit.privacy.masking.start_fields import MAX_USER_AGENT, mask_head
from services.audit.privacy.policy.policy import Policy
from services.audit.privacy.registry import Policies
from services.audit.storage.retention import NowMs, day_of
from services.runtime.errors import InvalidArgument, PermissionDenied
from services.runtime.identity.tokens import Identity, Scope
from services.runtime.settings import Settings

_DAY_MS = 86_400_000
_ANONYMOUS, _USER, _BOT = 1, 2, 4


@dataclass(frozen=True, slots=True)
class StartRequest:
    """A recorder's description of itself and its visitor, each field within its bounds, before it is masked.

    Attributes:
        actor_type: 0: derive it from the user agent and `actor_id`.
        device_type: 0: derive it from the user agent and the viewport.
        imported: Whether the recording was made elsewhere, at another time.
        session_secret: Proof that streams of a session are the same visitor's; empty: not sent.
        separate_streams: Whether the end of the stream does not mean that the visitor has left.
    """

    key: WindowKey
    actor_id: str
    actor_type: int
    device_type: int
    user_agent: str
    language: str
    viewport: tuple[int, int]
    screen: tuple[int, int]
    first_url: str
    recorder_name: str
    recorder_version: str
    tags: Mapping[str, str]
    imported: bool
    session_secret: str = field(default="", repr=False)
    separate_streams: bool = False

    def head(self, kept_from: date, now_ms: int) -> WindowHead:
        """Returns the head of a window that begins now, completed from the user agent."""
        found = recognise(self.user_agent[:MAX_USER_AGENT])
        return WindowHead(
            key=self.key,
            kept_from=kept_from,
            actor_id=self.actor_id,
            actor_type=self.actor_type or (_BOT if found.is_bot else _USER if self.actor_id else _ANONYMOUS),
            device_type=self.device_type or device_type_of(self.user_agent[:MAX_USER_AGENT], self.viewport),
            browser=found.browser,
            system=found.system,
            user_agent=self.user_agent,
            language=self.language,
            viewport=self.viewport,
            screen=self.screen,
            first_url=self.first_url,
            recorder_name=self.recorder_name,
            recorder_version=self.recorder_version,
            tags=dict(self.tags),
            imported=self.imported,
            secret_hash=hash_secret(self.session_secret),
            begun_ms=now_ms,
        )


@dataclass(frozen=True, slots=True)
class AdmittedStart:
    """A recording that may begin."""

    head: WindowHead
    rules: IngestRules
    policy: Policy
    masked: Counts
    """Number of masked values in the head, by rule and class of field."""


class RecordingStarter:
    """Decides on the `start` of a recorder.

    Args:
        settings: Limits and projects.
        policies: The projects' masking policies.
        behaviour: Thresholds of the detectors; None disables interaction detection.
        hub: Connects the recorders and viewers of this server.
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

    @staticmethod
    def check_scope(identity: Identity, *, imported: bool) -> None:
        """Checks that a token allows a recording of this kind.

        Raises:
            PermissionDenied: The token does not allow it (SCOPE_MISSING).
        """
        if imported and Scope.ADMIN not in identity.scopes:
            raise PermissionDenied("start.imported: needs a token with the scope admin", reason="SCOPE_MISSING")
        if not imported and Scope.RECORD not in identity.scopes:
            raise PermissionDenied("recording needs a token with the scope record", reason="SCOPE_MISSING")

    def admit(self, start: StartRequest) -> AdmittedStart:
        """Returns the window's head and the rules and policy it is recorded under.

        Raises:
            InvalidArgument: The session id is too old, or too far ahead of the server's clock.
        """
        now_ms = self._now_ms()
        project, start_ms = start.key.project, start.key.session_key.start_ms
        limits = self._settings.ingest
        bounds = Bounds(
            limits.max_chunk_bytes,
            limits.max_inflated_bytes,
            max_timestamp_ms=now_ms + round(limits.max_future_s * 1000),
        )
        if start.imported:
            # A time that is too far ahead is that of a wrong clock: no retention may begin with it, nor end after the
            # last Date.
            is_ahead = start_ms > now_ms + limits.max_future_s * 1000
            head = start.head(day_of(now_ms) if is_ahead else max(day_of(now_ms), day_of(start_ms)), now_ms)
            bounds = replace(bounds, min_timestamp_ms=0, max_timestamp_ms=MAX_TIMESTAMP_MS)
        else:
            self._check_time(project, start_ms, now_ms)
            head = start.head(day_of(start_ms), now_ms)
            bounds = replace(
                bounds,
                min_timestamp_ms=max(MIN_TIMESTAMP_MS, start_ms - round(limits.max_before_start_s * 1000)),
                max_timestamp_ms=min(
                    bounds.max_timestamp_ms, start_ms + round(self._settings.session.max_length_s * 1000)
                ),
            )
        rules = IngestRules(
            bounds,
            limits.max_unacked_bytes,
            limits.flush_interval_s,
            limits.watched_flush_interval_s,
            self._behaviour,
            require_secret=limits.require_session_secret,
            separate_streams=start.separate_streams,
        )
        in_force = self._policies.of(project)
        head, masked = mask_head(head, in_force.masker, is_keyed=in_force.is_keyed)
        return AdmittedStart(head, rules, in_force.policy, masked)

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
