"""Conversion between a recorder's messages and the domain's values."""

from __future__ import annotations

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import privacy_policy_pb2
from afterimage.recording.v1 import session_pb2

from services.audit import enums
from services.audit.convert.values import as_is, duration, session_id, timestamp, uuid
from services.audit.ingest.acks import Ack
from services.audit.ingest.process_chunk import SentChunk
from services.audit.ingest.recording import Flush, IngestRules, Message, Rejected, Snapshot, Stop
from services.audit.ingest.start import StartRequest
from services.audit.ingest.stream import SentEnd
from services.audit.model import WindowKey
from services.audit.privacy.policy.policy import Policy
from services.runtime.errors import FailedPrecondition, InvalidArgument, Violations

MAX_TAGS = 32
MAX_TEXT = 256
MAX_UNMASKED = 65_536
"""Maximum characters masked of a URL and a user agent, which are cut further once they are masked."""
MIN_SECRET, MAX_SECRET = 22, 128
"""Characters of a session's secret: 128 random bits take 22 in base64."""

_PIXELS = 65_535
_REJECT_CODES = {1: 9, 2: 8, 3: 3, 4: 3}
"""gRPC code per RejectReason: FAILED_PRECONDITION, RESOURCE_EXHAUSTED, INVALID_ARGUMENT, INVALID_ARGUMENT."""


def start_request(start: pb.RecordingStart, project: str) -> StartRequest:
    """Returns a recorder's description of itself and its visitor.

    Raises:
        InvalidArgument: Naming every field that is too long or malformed.
    """
    problems = Violations()
    ids = []
    for field, text, read in (("session_id", start.session_id, session_id), ("window_id", start.window_id, uuid)):
        try:
            ids.append(read(text, f"start.{field}"))
        except InvalidArgument as error:
            problems.add(error.violations[0].field, error.violations[0].description)
    for field, text, most in (
        ("recorder_name", start.recorder_name, 64),
        ("recorder_version", start.recorder_version, 64),
        ("actor_id", start.actor_id, MAX_TEXT),
        ("language", start.language, 35),
    ):
        if len(text) > most:
            problems.add(f"start.{field}", f"must not be longer than {most} characters, has {len(text)}")
    if start.session_secret and not MIN_SECRET <= len(start.session_secret) <= MAX_SECRET:
        problems.add(
            "start.session_secret",
            f"must have {MIN_SECRET} to {MAX_SECRET} characters, has {len(start.session_secret)}",
        )
    if len(start.tags) > MAX_TAGS:
        problems.add("start.tags", f"must not have more than {MAX_TAGS} entries, has {len(start.tags)}")
    for name, value in start.tags.items():
        if not 0 < len(name) <= 64 or len(value) > MAX_TEXT:
            problems.add("start.tags", f"keys have 1 to 64 characters, values at most {MAX_TEXT}: {name[:64]!r}")
    problems.raise_if_any()
    return StartRequest(
        key=WindowKey(project, ids[0], ids[1]),
        actor_id=start.actor_id,
        actor_type=enums.actor_type.from_storage(start.actor_type),
        device_type=enums.device_type.from_storage(start.device_type),
        user_agent=start.user_agent[:MAX_UNMASKED],
        language=start.language,
        viewport=_size(start.viewport),
        screen=_size(start.screen),
        first_url=start.first_url[:MAX_UNMASKED],
        recorder_name=start.recorder_name,
        recorder_version=start.recorder_version,
        tags=dict(start.tags),
        imported=start.imported,
        session_secret=start.session_secret,
        separate_streams=start.separate_streams,
    )


def _size(size: session_pb2.Size) -> tuple[int, int]:
    return min(max(size.width, 0), _PIXELS), min(max(size.height, 0), _PIXELS)


def ready(next_seq: int, rules: IngestRules, policy: Policy, now_ms: int) -> pb.RecordSessionResponse:
    """Returns the response to `start`."""
    limits = pb.RecorderLimits(
        max_chunk_bytes=rules.bounds.max_bytes,
        max_inflated_bytes=rules.bounds.max_inflated_bytes,
        max_unacked_bytes=rules.max_unacked_bytes,
        flush_interval=duration(round(rules.flush_interval_s * 1000)),
    )
    return pb.RecordSessionResponse(
        ready=pb.RecordingReady(
            next_seq=next_seq, privacy_policy=privacy_policy(policy), limits=limits, server_time=timestamp(now_ms)
        )
    )


def privacy_policy(policy: Policy) -> privacy_policy_pb2.PrivacyPolicy:
    """Returns a policy in the form of rrweb's options."""
    options = policy.recorder_options()
    text_mode = options.pop("text_mode")
    rules = [
        privacy_policy_pb2.PrivacyRule(**{**rule, "method": f"MASK_METHOD_{rule['method'].name}"})
        for rule in options.pop("rules")
    ]
    return privacy_policy_pb2.PrivacyPolicy(**options, text_mode=f"TEXT_MODE_{text_mode.name}", rules=rules)


def sent(request: pb.RecordSessionRequest) -> SentChunk | SentEnd:
    """Returns a message that follows the start.

    Raises:
        FailedPrecondition: A second start (SECOND_START).
        InvalidArgument: An empty message.
    """
    match request.WhichOneof("message"):
        case "chunk":
            chunk = request.chunk
            return SentChunk(chunk.seq, chunk.encoding, chunk.payload, chunk.event_count)
        case "end":
            return SentEnd(request.end.last_seq)
        case "start":
            raise FailedPrecondition("duplicate start message: a stream has exactly one", reason="SECOND_START")
        case _:
            raise InvalidArgument.of("message", "must be start, chunk or end")


def to_recorder(message: Message) -> pb.RecordSessionResponse:
    """Returns a message to a recorder."""
    match message:
        case Ack(through_seq):
            return pb.RecordSessionResponse(ack=pb.RecordingAck(through_seq=through_seq))
        case Rejected(seq, reason, text, expected_seq):
            rejected = pb.ChunkRejected(
                seq=seq, reason=as_is(reason), message=text, expected_seq=expected_seq, code=_REJECT_CODES[int(reason)]
            )
            return pb.RecordSessionResponse(rejected=rejected)
        case Flush(interval_s):
            command = pb.RecorderCommand(flush_interval=duration(round(interval_s * 1000)))
        case Snapshot():
            command = pb.RecorderCommand(take_full_snapshot=pb.TakeFullSnapshot())
        case Stop(reason_text):
            command = pb.RecorderCommand(stop=pb.StopRecording(reason=reason_text))
    return pb.RecordSessionResponse(command=command)
