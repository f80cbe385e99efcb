"""Calls from ShareService to AuditService: reads sessions, and writes uses of links to the access trail."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import grpc
from afterimage.audit.v1 import access_event_pb2, audit_service_pb2, audit_service_pb2_grpc
from afterimage.recording.v1 import enums_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from services.runtime.audit_tokens import AuditTokens, error_of_audit
from services.runtime.errors import NotFound, Unavailable
from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.settings import Settings, local_address
from services.share import convert
from services.share.model import SharedSession

SUBJECT = "afterimage-share"
TIMEOUT_S = 5.0


def audit_address(settings: Settings) -> str:
    """Returns the address of AuditService: `share.audit_address`, or its listening address as reachable from here."""
    if settings.share.audit_address:
        return settings.share.audit_address
    return local_address(settings.audit.host, settings.audit.port)


class AuditClient:
    """Calls AuditService with tokens of the share process.

    Args:
        channel: To AuditService; the caller closes it.
        minter: Signs the tokens.
        now: The clock, in seconds since 1970.
    """

    def __init__(self, channel: grpc.aio.Channel, minter: TokenMinter, now: Callable[[], float] = time.time) -> None:
        self._stub: audit_service_pb2_grpc.AuditServiceAsyncStub = audit_service_pb2_grpc.AuditServiceStub(channel)
        self._tokens = AuditTokens(minter, SUBJECT, now=now)

    async def session(
        self, project: str, session_id: str, offset_ms: int | None = None, as_of_ms: int | None = None
    ) -> SharedSession:
        """Returns a session of the project, with the full snapshots around an offset from its start.

        Args:
            project: The project.
            session_id: The session.
            offset_ms: None: no range is needed; one of an older AuditService answers then.
            as_of_ms: The session's start is that of the chunks stored by this time, in milliseconds since 1970 UTC;
                None: of all.

        Raises:
            NotFound: The project has no such session.
            Unavailable: AuditService does not answer (AUDIT_UNAVAILABLE), or is too old (AUDIT_TOO_OLD).
        """
        metadata = self._tokens.metadata(project, Scope.VIEW)
        try:
            if offset_ms is None:
                got = await self._stub.GetSession(
                    audit_service_pb2.GetSessionRequest(session_id=session_id), metadata=metadata, timeout=TIMEOUT_S
                )
                session = got.session
                return SharedSession(_ms(session.start_time), _ms(session.duration), _is_live(session.status))
            found = await self._stub.GetReplayStart(
                audit_service_pb2.GetReplayStartRequest(
                    session_id=session_id,
                    offset=convert.duration(offset_ms),
                    as_of_time=None if as_of_ms is None else convert.timestamp(as_of_ms),
                ),
                metadata=metadata,
                timeout=TIMEOUT_S,
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                raise NotFound("there is no such session", reason="SESSION_NOT_FOUND") from None
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                raise Unavailable(
                    "AuditService is too old for a part of a session; upgrade it before ShareService",
                    reason="AUDIT_TOO_OLD",
                ) from error
            raise error_of_audit(error) from error
        start_ms = _ms(found.session_start_time)
        return SharedSession(
            start_ms=start_ms,
            duration_ms=_ms(found.session_duration),
            is_live=_is_live(found.session_status),
            next_ms=_ms(found.next_time) - start_ms if found.HasField("next_time") else None,
            previous_ms=_ms(found.previous_time) - start_ms if found.HasField("previous_time") else None,
        )

    async def record(self, project: str, events: Sequence[access_event_pb2.AccessEvent]) -> None:
        """Writes events into the project's trail; they are stored when it returns.

        Raises:
            Unavailable: They could not be written (AUDIT_UNAVAILABLE).
        """
        request = audit_service_pb2.RecordAccessEventsRequest(access_events=events)
        try:
            await self._stub.RecordAccessEvents(
                request, metadata=self._tokens.metadata(project, Scope.INTERNAL), timeout=TIMEOUT_S
            )
        except grpc.aio.AioRpcError as error:
            raise error_of_audit(error) from error


def _ms(value: Duration | Timestamp) -> int:
    return value.seconds * 1000 + value.nanos // 1_000_000


def _is_live(status: int) -> bool:
    return status == enums_pb2.SESSION_STATUS_LIVE
