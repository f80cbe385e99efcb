"""The gRPC servicer of AuditService: converts requests, calls the domain, converts its results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from afterimage.audit.v1.session_filter_pb2 import SessionFilter as SessionFilterMessage

from services.audit.access_events import TrailPosition
from services.audit.convert import access, behaviour, recordings, replays, sessions, values
from services.audit.deletion import Deletion
from services.audit.heatmap_cache import HeatmapCache
from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.recording import Message
from services.audit.ingest.sender import Sender
from services.audit.ingest.start import RecordingStarter
from services.audit.ingest.stream import record
from services.audit.live.watch import Watcher
from services.audit.model import DeletionCursor, SessionKey
from services.audit.privacy.registry import Policies
from services.audit.replay.plan import marks_within
from services.audit.replay.replayer import Replayer
from services.audit.replay.starts import find_starts
from services.audit.replay.visibility import visible_to
from services.audit.storage.access_event_store import AccessEventStore
from services.audit.storage.chunk_reader import ChunkReader
from services.audit.storage.interaction_queries import InteractionCursor, InteractionQueries, PageCursor
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import NowMs
from services.audit.storage.session_queries import SessionCursor, SessionFilter, SessionQueries
from services.runtime.errors import FailedPrecondition, NotFound
from services.runtime.identity.peer import PeerReader
from services.runtime.identity.tokens import current_identity
from services.runtime.rpc.paging import PageQuery, PageSizes

SERVICE = pb.DESCRIPTOR.services_by_name["AuditService"].full_name

PAGE_SIZES = PageSizes(default=50, most=500)
TRAIL_PAGE_SIZES = PageSizes(default=100, most=1_000)
DELETION_PAGE_SIZES = PageSizes(default=1_000, most=10_000)
INTERACTION_PAGE_SIZES = PageSizes(default=1_000, most=10_000)
MAX_PAGES_AND_MARKERS = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """The RPCs of AuditService."""

    def __init__(
        self,
        *,
        admission: RecordingStarter,
        policies: Policies,
        recordings: Recordings,
        catalog: SessionQueries,
        playback: ChunkReader,
        replayer: Replayer,
        watcher: Watcher,
        deletion: Deletion,
        store: RecordingStore,
        behaviour: InteractionQueries,
        heatmaps: HeatmapCache,
        trail: AccessEventStore,
        callers: PeerReader,
        now_ms: NowMs,
    ) -> None:
        self._admission = admission
        self._policies = policies
        self._recordings = recordings
        self._catalog = catalog
        self._playback = playback
        self._replayer = replayer
        self._watcher = watcher
        self._deletion = deletion
        self._store = store
        self._behaviour = behaviour
        self._heatmaps = heatmaps
        self._trail = trail
        self._callers = callers
        self._now_ms = now_ms

    # A coroutine that writes, which grpc.aio supports; the generated type only covers generators.
    async def RecordSession(  # type: ignore[override]
        self, request_iterator: AsyncIterator[pb.RecordSessionRequest], context: Context
    ) -> None:
        """Stores a stream of chunks of one window."""
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        if first is None:
            return
        if first.WhichOneof("message") != "start":
            raise FailedPrecondition("the first message must be start", reason="START_MISSING")
        identity = current_identity()
        self._admission.check_scope(identity, imported=first.start.imported)
        admitted = self._admission.admit(recordings.start_request(first.start, identity.project))
        self._recordings.counts.masked.update(admitted.masked)
        sender = Sender(identity.subject, self._callers.read(context).bucket)
        recording = await self._recordings.open(admitted.head, admitted.rules, sender)

        async def send(message: Message) -> None:
            await context.write(recordings.to_recorder(message))

        try:
            with self._admission.hub.recording(recording.key, recording):
                await context.write(
                    recordings.ready(recording.next_seq, admitted.rules, admitted.policy, self._now_ms())
                )
                await record(recording, requests, recordings.sent, send, is_gone=context.cancelled)
        finally:
            await self._recordings.close(recording)

    async def ListSessions(self, request: pb.ListSessionsRequest, context: Context) -> pb.ListSessionsResponse:
        """Lists sessions."""
        project = current_identity().project
        wanted, order = self._filter(request.filter, project), sessions.order(request.order)
        fields = request.filter.SerializeToString(deterministic=True)
        page = PageQuery(request, PAGE_SIZES, SessionCursor, project.encode(), fields, bytes([order]))
        listed = await self._catalog.list_sessions(project, wanted, order, page.limit, page.after)
        found, token = page.messages(
            listed, lambda entry: entry.position, lambda entry: sessions.session(entry.session)
        )
        return pb.ListSessionsResponse(sessions=found, next_page_token=token)

    async def GetSession(self, request: pb.GetSessionRequest, context: Context) -> pb.GetSessionResponse:
        """Gets one session."""
        identity = current_identity()
        key = SessionKey(identity.project, values.session_id(request.session_id))
        visible = visible_to(identity, key.session)
        details, marks, leaks = await asyncio.gather(
            self._catalog.get_details(key), self._playback.marks(key), self._playback.leaks(key)
        )
        if details is None:
            raise NotFound(f"session {key.session} was not found")
        times = visible.within(details.session.first_ms)
        details = visible.details(details)
        return sessions.session_details(
            details.session,
            details.windows,
            marks_within(marks, times),
            {} if identity.session_id else leaks,
            MAX_PAGES_AND_MARKERS,
        )

    async def GetReplayStart(self, request: pb.GetReplayStartRequest, context: Context) -> pb.GetReplayStartResponse:
        """Finds the moments at which a replay can start without showing anything earlier."""
        wanted = replays.wanted_start(request, current_identity().project)
        session, index, first_ms = await asyncio.gather(
            self._catalog.get_session(wanted.key),
            self._playback.index(wanted.key),
            self._playback.first_ms(wanted.key, wanted.as_of_ms),
        )
        if session is None:
            raise NotFound(f"session {wanted.key.session} was not found")
        origin_ms = session.first_ms if first_ms is None else first_ms
        read = partial(self._playback.read, wanted.key)
        return replays.start(session, origin_ms, await find_starts(index, read, origin_ms + wanted.offset_ms))

    # Bytes are an already serialised message, which the generated type does not cover.
    async def ReplaySession(  # type: ignore[override]
        self, request: pb.ReplaySessionRequest, context: Context
    ) -> AsyncIterator[pb.ReplaySessionResponse | bytes]:
        """Streams a session."""
        identity = current_identity()
        wanted = replays.wanted_replay(request, identity.project)
        wanted = replace(wanted, visible=visible_to(identity, wanted.key.session))
        async with aclosing(self._replayer.replay(wanted)) as parts:
            async for part in parts:
                yield replays.replay_part(part, self._now_ms())

    async def WatchSessions(
        self, request: pb.WatchSessionsRequest, context: Context
    ) -> AsyncIterator[pb.WatchSessionsResponse]:
        """Streams the live sessions."""
        project = current_identity().project
        wanted = self._filter(request.filter, project)
        async with aclosing(self._watcher.watch(project, wanted)) as changes:
            async for change in changes:
                for message in sessions.watch_changes(change):
                    yield message

    async def DeleteSessions(self, request: pb.DeleteSessionsRequest, context: Context) -> pb.DeleteSessionsResponse:
        """Deletes sessions."""
        asked = sessions.sessions_to_delete(request)
        project = current_identity().project
        actors = self._policies.actor_ids(project, asked.actor_id)
        receipt = await self._deletion.delete(project, asked.sessions, actors)
        return sessions.receipt(receipt, self._now_ms())

    async def GetHeatmap(self, request: pb.GetHeatmapRequest, context: Context) -> pb.GetHeatmapResponse:
        """Computes a page's heatmap."""
        query = behaviour.wanted_heatmap(request)
        return behaviour.heatmap_answer(await self._heatmaps.heatmap(current_identity().project, query))

    async def ListPages(self, request: pb.ListPagesRequest, context: Context) -> pb.ListPagesResponse:
        """Lists pages that have interactions."""
        project = current_identity().project
        wanted = behaviour.wanted_pages(request)
        page = PageQuery(request, PAGE_SIZES, PageCursor, b"pages", project.encode(), repr(wanted).encode())
        found = await self._behaviour.pages(project, wanted, page.limit, page.after)
        pages, token = page.messages(
            found, lambda counted: PageCursor(counted.interactions, counted.page), behaviour.page_summary
        )
        return pb.ListPagesResponse(pages=pages, next_page_token=token)

    async def ListInteractions(
        self, request: pb.ListInteractionsRequest, context: Context
    ) -> pb.ListInteractionsResponse:
        """Lists a session's interactions."""
        identity = current_identity()
        key = SessionKey(identity.project, values.session_id(request.session_id))
        visible = visible_to(identity, key.session)
        kinds = behaviour.wanted_kinds(request)
        fields = (key.project.encode(), key.session.bytes, bytes(kinds))
        page = PageQuery(request, INTERACTION_PAGE_SIZES, InteractionCursor, *fields)
        summary = await self._catalog.get_session(key)
        if summary is None:
            raise NotFound(f"session {key.session} was not found")
        times = visible.within(summary.first_ms)
        found = await self._behaviour.interactions(key, kinds, times, page.limit, page.after)
        interactions, token = page.messages(
            found,
            lambda one: InteractionCursor(one.time_ms, one.window, one.number),
            partial(behaviour.interaction, key, visible.origin(summary.first_ms)),
        )
        return pb.ListInteractionsResponse(interactions=interactions, next_page_token=token)

    async def ListAccessEvents(
        self, request: pb.ListAccessEventsRequest, context: Context
    ) -> pb.ListAccessEventsResponse:
        """Lists the access trail."""
        project = current_identity().project
        wanted = access.trail_filter(request)
        fields = access.fields_of_list(request)
        page = PageQuery(request, TRAIL_PAGE_SIZES, TrailPosition, project.encode(), fields)
        events = await self._trail.find(project, wanted, page.limit, page.after)
        found, token = page.messages(
            events, lambda event: TrailPosition(event.time_ms, event.event), access.access_event
        )
        return pb.ListAccessEventsResponse(access_events=found, next_page_token=token)

    async def RecordAccessEvents(
        self, request: pb.RecordAccessEventsRequest, context: Context
    ) -> pb.RecordAccessEventsResponse:
        """Stores access events reported by another process."""
        await self._trail.add(access.events_to_record(request, current_identity().project))
        return pb.RecordAccessEventsResponse()

    async def ListDeletions(self, request: pb.ListDeletionsRequest, context: Context) -> pb.ListDeletionsResponse:
        """Lists deleted sessions."""
        project, start_ms = current_identity().project, values.milliseconds(request.start_time)
        fields = request.start_time.SerializeToString(deterministic=True)
        page = PageQuery(request, DELETION_PAGE_SIZES, DeletionCursor, project.encode(), fields)
        found = await self._store.deletions(project, start_ms, page.limit, page.after)
        found, token = page.cut(found, lambda deletion: deletion)
        return pb.ListDeletionsResponse(
            session_ids=[str(deletion.session) for deletion in found], next_page_token=token
        )

    async def GetPrivacyPolicy(
        self, request: pb.GetPrivacyPolicyRequest, context: Context
    ) -> pb.GetPrivacyPolicyResponse:
        """Gets the policy in force."""
        policy = self._policies.of(current_identity().project).policy
        return pb.GetPrivacyPolicyResponse(privacy_policy=recordings.privacy_policy(policy))

    def _filter(self, message: SessionFilterMessage, project: str) -> SessionFilter:
        """Returns a filter of sessions; an actor's id is given as the site knows it, and may be stored as a hash."""
        wanted = sessions.session_filter(message)
        return replace(wanted, actor_ids=self._policies.actor_ids(project, wanted.actor_id))
