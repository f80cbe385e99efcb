"""Conversion between the contract's messages about replays and the domain's values."""

from __future__ import annotations

from dataclasses import dataclass

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import chunk_pb2

from services.audit import enums
from services.audit.convert.sessions import session, window
from services.audit.convert.values import as_is, duration, known, milliseconds, session_id, timestamp, uuid
from services.audit.ingest.process_chunk import GZIP
from services.audit.live.hub import LiveChunk
from services.audit.model import SessionKey, SessionSummary
from services.audit.replay import replayer
from services.audit.replay.starts import Starts
from services.audit.storage.chunk_reader import StoredPayload
from services.runtime.errors import InvalidArgument
from services.runtime.rpc.paging import MAX_PAGE_BYTES, fitting

MAX_CURSOR_WINDOWS = 1_000


def wanted_replay(request: pb.ReplaySessionRequest, project: str) -> replayer.Wanted:
    """Returns a viewer's request.

    Raises:
        InvalidArgument: Naming the invalid field.
    """
    key = SessionKey(project, session_id(request.session_id))
    window = uuid(request.window_id, "window_id") if request.window_id else None
    from_ms, positions = None, None
    match request.WhichOneof("from"):
        case "from_offset":
            offset_ms = milliseconds(request.from_offset)
            if offset_ms < 0:
                raise InvalidArgument.of("from_offset", "must not be negative")
            return replayer.Wanted(key, None, None, window, request.follow, offset_ms)
        case "from_time":
            from_ms = milliseconds(request.from_time)
        case "cursor":
            found = request.cursor.positions
            if len(found) > MAX_CURSOR_WINDOWS:
                raise InvalidArgument.of("cursor.positions", f"must not have more than {MAX_CURSOR_WINDOWS} entries")
            if any(entry.seq < 0 for entry in found):
                raise InvalidArgument.of("cursor.positions.seq", "must not be negative")
            positions = {uuid(entry.window_id, "cursor.positions.window_id"): entry.seq for entry in found}
    return replayer.Wanted(key, from_ms, positions, window, request.follow)


@dataclass(frozen=True, slots=True)
class WantedStart:
    """A question for the starts of replays around an offset from the session's start.

    Attributes:
        key: The session.
        offset_ms: The moment.
        as_of_ms: The session's start is that of the chunks stored by this time; None: of all.
    """

    key: SessionKey
    offset_ms: int
    as_of_ms: int | None


def wanted_start(request: pb.GetReplayStartRequest, project: str) -> WantedStart:
    """Returns the question of a request.

    Raises:
        InvalidArgument: Naming the invalid field.
    """
    key = SessionKey(project, session_id(request.session_id))
    offset_ms = milliseconds(request.offset)
    if offset_ms < 0:
        raise InvalidArgument.of("offset", "must not be negative")
    return WantedStart(key, offset_ms, milliseconds(request.as_of_time) if request.HasField("as_of_time") else None)


def start(summary: SessionSummary, origin_ms: int, starts: Starts) -> pb.GetReplayStartResponse:
    """Returns the starts around an offset that counts from `origin_ms`."""
    return pb.GetReplayStartResponse(
        session_start_time=timestamp(origin_ms),
        session_duration=duration(summary.last_ms - origin_ms),
        session_status=known(enums.status, summary.status),
        next_time=None if starts.next_ms is None else timestamp(starts.next_ms),
        previous_time=None if starts.previous_ms is None else timestamp(starts.previous_ms),
    )


def replay_part(part: replayer.Part, now_ms: int) -> pb.ReplaySessionResponse | bytes:
    """Returns one message of a replay; a live chunk is serialised only once for all its viewers."""
    match part:
        case LiveChunk():
            return part.message(lambda stored: _chunk(stored).SerializeToString())
        case StoredPayload():
            return _chunk(part)
        case replayer.Header(summary, windows, chunk_count, payload_bytes, first_ms):
            header = pb.ReplayHeader(
                session=session(summary),
                windows=fitting(map(window, windows), MAX_PAGE_BYTES // 2),
                from_time=timestamp(first_ms),
                chunk_count=chunk_count,
                payload_bytes=payload_bytes,
            )
            return pb.ReplaySessionResponse(header=header)
        case replayer.LiveEdge():
            return pb.ReplaySessionResponse(live_edge=pb.LiveEdge(server_time=timestamp(now_ms)))
        case replayer.End(reason):
            return pb.ReplaySessionResponse(end=pb.ReplayEnd(reason=as_is(reason)))


def _chunk(part: StoredPayload) -> pb.ReplaySessionResponse:
    return pb.ReplaySessionResponse(
        chunk=chunk_pb2.StoredChunk(
            window_id=str(part.window),
            seq=part.seq,
            encoding=as_is(GZIP),
            payload=part.payload,
            first_time=timestamp(part.first_ms),
            last_time=timestamp(part.last_ms),
            event_count=part.event_count,
            has_full_snapshot=part.has_full_snapshot,
        )
    )
