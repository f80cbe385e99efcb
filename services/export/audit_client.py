"""Calls from ExportService and its workers to AuditService: recorded data, deletions, and the access trail."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import UUID

import grpc
from afterimage.audit.v1 import access_event_pb2, audit_service_pb2_grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import chunk_pb2

from services.export import convert
from services.export.formats.making import session_gone
from services.export.message_values import as_enums, duration, milliseconds, timestamp
from services.export.model import Content, ExportError, LinkPart, SessionContent
from services.export.recordings import Answer, Cells, RecordedChunk, RecordedSession
from services.runtime.audit_tokens import AuditTokens, error_of_audit
from services.runtime.errors import InvalidArgument, NotFound
from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.rpc.status import reason_of, violations_of
from services.runtime.settings import Settings, local_address

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBJECT = "afterimage-export"
TIMEOUT_S = 30.0
"""Timeout of a unary call: a list under a filter may take seconds."""

SESSION_PAGE = 500
INTERACTION_PAGE = 10_000
DELETION_PAGE = 10_000
_TOKEN_TTL_S = 3_600.0
_DAY_MS = 86_400_000


def audit_address(settings: Settings) -> str:
    """Returns the address of AuditService: `export.audit_address`, or its listening address as reachable from here."""
    if settings.export.audit_address:
        return settings.export.audit_address
    return local_address(settings.audit.host, settings.audit.port)


class AuditClient:
    """Calls AuditService with tokens of the export processes.

    Args:
        channel: To AuditService; the caller closes it.
        minter: Signs the tokens.
        retention_days: Retention of each project; 0: unlimited.
        now: The clock, in seconds since 1970.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        minter: TokenMinter,
        retention_days: Mapping[str, int],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.stub: audit_service_pb2_grpc.AuditServiceAsyncStub = audit_service_pb2_grpc.AuditServiceStub(channel)
        self._minter = minter
        self._ttl_s = min(_TOKEN_TTL_S, minter.max_life_s)
        self.tokens = AuditTokens(minter, SUBJECT, self._ttl_s, now)
        self.retention_days = retention_days

    def recordings(self, project: str, content: Content | None = None) -> ProjectRecordings:
        """Returns the reader of one project; for an export through a share link, of the shared part only."""
        link = content.link if isinstance(content, SessionContent) else None
        if link is None or not isinstance(content, SessionContent):
            return ProjectRecordings(self, project)
        return ProjectRecordings(self, project, (content.session_id, link))

    def link_metadata(self, project: str, session_id: str, link: LinkPart) -> tuple[tuple[str, str], ...]:
        """Returns the metadata of a call that may read no more than a visitor of the link."""
        token = self._minter.mint(
            SUBJECT,
            project,
            [Scope.VIEW],
            self._ttl_s,
            session_id=session_id,
            range_ms=(link.start_ms, link.end_ms),
            link_id=link.link_id,
            range_origin_ms=link.origin_ms,
        )
        return (("authorization", f"Bearer {token}"),)

    async def check_filter(self, project: str, wanted: bytes) -> None:
        """Checks a filter of sessions.

        Raises:
            InvalidArgument: Naming the fields, below `table`.
            Unavailable: AuditService does not answer (AUDIT_UNAVAILABLE).
        """
        request = pb.ListSessionsRequest(page_size=1, filter=convert.session_filter(wanted))
        with audit_errors():
            await self.stub.ListSessions(request, metadata=self.tokens.metadata(project, Scope.VIEW), timeout=TIMEOUT_S)

    async def deletions(self, project: str, since_ms: int) -> list[UUID]:
        """Returns the sessions that were deleted since a time.

        Raises:
            Unavailable: AuditService does not answer (AUDIT_UNAVAILABLE).
        """
        found: list[UUID] = []
        token = ""
        while True:
            request = pb.ListDeletionsRequest(page_size=DELETION_PAGE, page_token=token, start_time=timestamp(since_ms))
            with audit_errors():
                answer = await self.stub.ListDeletions(
                    request, metadata=self.tokens.metadata(project, Scope.INTERNAL), timeout=TIMEOUT_S
                )
            found += map(UUID, answer.session_ids)
            token = answer.next_page_token
            if not token:
                return found

    async def record(self, project: str, events: Sequence[access_event_pb2.AccessEvent]) -> None:
        """Writes events into the project's trail; they are stored when it returns.

        Raises:
            Unavailable: They could not be written (AUDIT_UNAVAILABLE).
        """
        request = pb.RecordAccessEventsRequest(access_events=events)
        with audit_errors():
            await self.stub.RecordAccessEvents(
                request, metadata=self.tokens.metadata(project, Scope.INTERNAL), timeout=TIMEOUT_S
            )


class ProjectRecordings:
    """Reads one project: see `recordings.Recordings`.

    Args:
        client: Calls AuditService.
        project: The project.
        shared: A session and its share link: AuditService then returns the shared part only, as long as the link
            stands. None: everything is read.
    """

    def __init__(self, client: AuditClient, project: str, shared: tuple[str, LinkPart] | None = None) -> None:
        self._client = client
        self._project = project
        self._shared = shared

    def keep_until_ms(self, session: RecordedSession) -> int | None:
        """Returns the end of a session's retention, in milliseconds since 1970 UTC; None: no limit.

        The day after the last whole day: AuditService keeps sessions by the day.
        """
        days = self._client.retention_days.get(self._project, 0)
        return (session.start_ms // _DAY_MS + days + 1) * _DAY_MS if days else None

    async def session(self, session_id: str) -> RecordedSession:
        """Returns a session. Raises NotFound, Unavailable."""
        with audit_errors():
            answer = await self._client.stub.GetSession(
                pb.GetSessionRequest(session_id=session_id), metadata=self._metadata(), timeout=TIMEOUT_S
            )
        return convert.recorded_session(answer)

    async def session_answer(self, session_id: str) -> tuple[RecordedSession, Answer]:
        """Returns a session, and the answer that describes it. Raises NotFound, Unavailable."""
        with audit_errors():
            answer = await self._client.stub.GetSession(
                pb.GetSessionRequest(session_id=session_id), metadata=self._metadata(), timeout=TIMEOUT_S
            )
        return convert.recorded_session(answer), answer.SerializeToString()

    async def chunks(self, session_id: str, window_id: str, from_ms: int | None) -> AsyncIterator[RecordedChunk]:
        """Yields a window's chunks in order. Raises NotFound, ExportError, Unavailable."""
        request = pb.ReplaySessionRequest(
            session_id=session_id,
            window_id=window_id,
            from_offset=duration(from_ms),
            for_export=True,
        )
        promised = received = 0
        is_complete = False
        with audit_errors():
            call = self._client.stub.ReplaySession(request, metadata=self._metadata(fresh=True))
            try:
                async for part in call:
                    match part.WhichOneof("message"):
                        case "header":
                            promised = part.header.chunk_count
                        case "chunk":
                            received += 1
                            yield _chunk(part.chunk)
                        case "end" if part.end.reason == pb.REPLAY_END_REASON_DELETED:
                            raise session_gone()
                        case "end":
                            is_complete = True
            finally:
                call.cancel()
        if not is_complete or received < promised:
            raise ExportError(
                "INCOMPLETE", f"AuditService sent {received} of {promised} chunks of a window", is_final=False
            )

    async def sessions(self, wanted: bytes) -> AsyncIterator[list[tuple[UUID, Cells]]]:
        """Yields pages of the sessions under a filter, newest first. Raises Unavailable."""
        async for answer in self._sessions(wanted):
            yield [(UUID(session.session_id), convert.session_cells(session)) for session in answer.sessions]

    async def session_answers(self, wanted: bytes) -> AsyncIterator[tuple[list[UUID], Answer]]:
        """Yields pages of the sessions under a filter, newest first. Raises Unavailable."""
        async for answer in self._sessions(wanted):
            yield [UUID(session.session_id) for session in answer.sessions], answer.SerializeToString()

    async def _sessions(self, wanted: bytes) -> AsyncIterator[pb.ListSessionsResponse]:
        token = ""
        while True:
            request = pb.ListSessionsRequest(
                page_size=SESSION_PAGE, page_token=token, filter=convert.session_filter(wanted)
            )
            with audit_errors():
                answer = await self._client.stub.ListSessions(request, metadata=self._metadata(), timeout=TIMEOUT_S)
            yield answer
            token = answer.next_page_token
            if not token:
                return

    async def interactions(self, session: UUID, kinds: tuple[int, ...]) -> AsyncIterator[list[Cells]]:
        """Yields pages of a session's interactions in chronological order. Raises NotFound, Unavailable."""
        async for answer in self._interactions(session, kinds):
            yield [convert.interaction_cells(interaction) for interaction in answer.interactions]

    async def interaction_answers(self, session: UUID, kinds: tuple[int, ...]) -> AsyncIterator[Answer]:
        """Yields pages of a session's interactions in chronological order. Raises NotFound, Unavailable."""
        async for answer in self._interactions(session, kinds):
            yield answer.SerializeToString()

    async def heatmap_answer(self, wanted: bytes, **changes: Any) -> Answer:
        """Returns a heatmap. Raises Unavailable, InvalidArgument."""
        request = pb.GetHeatmapRequest.FromString(wanted)
        request.MergeFrom(pb.GetHeatmapRequest(**changes))
        with audit_errors():
            answer = await self._client.stub.GetHeatmap(request, metadata=self._metadata(), timeout=TIMEOUT_S)
        return answer.SerializeToString()

    async def sessions_with_page(self, wanted: bytes, part: str, count: int, **changes: Any) -> list[UUID]:
        """Returns the newest sessions that may show the page of a heatmap. Raises Unavailable."""
        heatmap = pb.GetHeatmapRequest.FromString(wanted)
        heatmap.MergeFrom(pb.GetHeatmapRequest(**changes))
        request = pb.ListSessionsRequest(page_size=count)
        request.filter.page = part
        request.filter.device_types.extend(heatmap.device_types)
        request.filter.actor_types.extend(heatmap.actor_types)
        if heatmap.HasField("start_time"):
            request.filter.start_time.CopyFrom(heatmap.start_time)
        with audit_errors():
            answer = await self._client.stub.ListSessions(request, metadata=self._metadata(), timeout=TIMEOUT_S)
        return [UUID(session.session_id) for session in answer.sessions]

    async def _interactions(self, session: UUID, kinds: tuple[int, ...]) -> AsyncIterator[pb.ListInteractionsResponse]:
        token = ""
        while True:
            request = pb.ListInteractionsRequest(
                session_id=str(session), kinds=as_enums(kinds), page_size=INTERACTION_PAGE, page_token=token
            )
            with audit_errors():
                answer = await self._client.stub.ListInteractions(request, metadata=self._metadata(), timeout=TIMEOUT_S)
            yield answer
            token = answer.next_page_token
            if not token:
                return

    def _metadata(self, *, fresh: bool = False) -> tuple[tuple[str, str], ...]:
        if self._shared is not None:
            return self._client.link_metadata(self._project, *self._shared)
        return self._client.tokens.metadata(self._project, Scope.VIEW, fresh=fresh)


@contextmanager
def audit_errors() -> Iterator[None]:
    """Maps errors of calls to AuditService to those of callers and makers: NotFound, InvalidArgument, Unavailable."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            raise NotFound("there is no such session", reason="SESSION_NOT_FOUND") from None
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT and (violations := violations_of(error)):
            raise InvalidArgument([convert.below_table(violation) for violation in violations]) from None
        if error.code() is grpc.StatusCode.PERMISSION_DENIED and reason_of(error) == "LINK_ENDED":
            raise ExportError("LINK_ENDED", "the share link has ended") from None
        raise error_of_audit(error) from error


def _chunk(chunk: chunk_pb2.StoredChunk) -> RecordedChunk:
    return RecordedChunk(
        window_id=chunk.window_id,
        seq=chunk.seq,
        payload=chunk.payload,
        first_ms=milliseconds(chunk.first_time),
        last_ms=milliseconds(chunk.last_time),
        has_full_snapshot=chunk.has_full_snapshot,
    )
