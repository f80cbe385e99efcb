"""Checks of AuditService: reachability, admission of a recorder, and refusals."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID

import aiohttp
import grpc
from afterimage_client.audit.v1 import RecordingReady, RecordingStart, RecordSessionRequest
from betterproto import which_one_of
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client.parser import text_string_to_metric_families

from services.cli.command import CommandError, spoken_duration
from services.cli.doctor.examination import Examination, Finding, note, ok, problem, skipped
from services.runtime import tls
from services.runtime.identity.tokens import Scope

TIMEOUT_S = 5.0
SERVICE = "afterimage.audit.v1.AuditService"

MAX_SKEW_S = 5.0
"""Half of the default leeway of tokens (auth.leeway_s): beyond it, tokens end early or begin late."""

_REASONS = {
    "gap": "chunks were missing in between; recorders send them again, so this is harmless unless it keeps growing",
    "too_large": "raise ingest.max_chunk_bytes, or have recorders send more often",
    "invalid_payload": "the recorder sends something other than a gzip JSON array of rrweb events: check its version",
    "invalid_time": "timestamps are not in milliseconds, or far from the session's start: a device's clock was set "
    "(ingest.max_before_start_s, session.max_length_s)",
}
_STATUSES = {
    "UNAUTHENTICATED": "recorders send no token, or an invalid one: see token and key",
    "PERMISSION_DENIED": "recorders send a token without the scope record, or not the session's secret",
    "INVALID_ARGUMENT": "recorders send invalid requests; AuditService's log names the field",
    "FAILED_PRECONDITION": "chunks arrived before start, for a deleted session, or for a window that has ended",
    "RESOURCE_EXHAUSTED": "the disk is almost full: see disk",
    "UNAVAILABLE": "the storage did not answer: see storage",
    "INTERNAL": "a defect, or the storage refused a statement: AuditService's log has it by request id",
}
_OWNERS = {
    "session_secret_wrong": "another visitor, or a program, tried to record into an existing session",
    "session_secret_missing": "older recorders, or other programs, send none: see ingest.require_session_secret",
    "window_ended": "a page went on after its end; recorders then take another window",
}
_HARMLESS = {"gap"}


async def check_service(about: Examination, /) -> list[Finding]:
    """Reports whether AuditService answers, and whether it is serving."""
    start = "start it (`afterimage up`), or name the right address with --address"
    try:
        async with tls.channel(about.settings.tls, about.address) as channel:
            answer = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service=SERVICE), timeout=TIMEOUT_S, wait_for_ready=False
            )
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return [problem("audit", f"the server at {about.address} is not AuditService", start)]
        return [problem("audit", f"{about.address} does not answer ({error.code().name})", start)]
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        text = f"{about.address} is not serving: inserts have been failing, or it is stopping"
        return [problem("audit", text, "see storage and disk; it resumes when inserts succeed")]
    return [ok("audit", f"{about.address} serves")]


async def check_recorder(about: Examination, /) -> list[Finding]:
    """Tests admission of a recorder: opens a stream like one, and ends it without sending, so nothing is stored."""
    before_s = about.now()
    try:
        async with asyncio.timeout(TIMEOUT_S), about.client(Scope.RECORD) as client:
            ready = await _knock(client.audit.record_session(_first_message(before_s)))
    except (CommandError, TimeoutError) as error:
        text = str(error) or f"no answer to a recorder within {TIMEOUT_S:.0f} s"
        return [
            problem("recorder", f"a recorder is refused: {text}", "see the lines above"),
            skipped("clock", "the server's time is unknown"),
        ]
    after_s = about.now()
    skew_s = ready.server_time.timestamp() - (before_s + after_s) / 2
    return [
        ok("recorder", f"a recorder is admitted, in {(after_s - before_s) * 1000:.0f} ms (nothing was stored)"),
        _clock(skew_s, (after_s - before_s) / 2),
    ]


async def check_refusals(about: Examination, /) -> list[Finding]:
    """Reports refusals since AuditService started, by reason, and whether inserts are failing now."""
    if not about.metrics_url:
        return [skipped("refusals", "no metrics are served here (audit.metrics_port), so nothing counts them")]
    try:
        counts = await _counts(about.metrics_url)
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        text = f"{about.metrics_url} cannot be read: {error or 'no answer'}"
        return [problem("refusals", text, "check audit.metrics_host and audit.metrics_port, or name it with --metrics")]
    findings = []
    if counts.is_full:
        findings.append(
            problem("space", "nothing new is recorded for want of disk space, reads go on", "see disk; make room")
        )
    if counts.failing_s > 0:
        text = f"inserts have been failing for {spoken_duration(counts.failing_s)}"
        findings.append(
            problem("inserts", text, "see storage and disk, and AuditService's log; recorders keep their data")
        )
    else:
        findings.append(ok("inserts", f"{counts.inserts:,.0f} since the start, none is failing"))
    return [
        *findings,
        _workers(counts.workers, counts.worker_deaths),
        *_refusals("chunks refused", counts.rejects, _REASONS),
        *_refusals("streams refused", counts.streams, _STATUSES),
        *_refusals("sessions refused", counts.owners, _OWNERS),
        _secrets(counts.without_secret),
    ]


def _workers(count: float | None, deaths: float) -> Finding:
    if count is None:
        return ok("workers", "none by the settings (ingest.workers): AuditService processes chunks itself")
    running = f"{count:,.0f} ready" if count else "none runs; they start with the next recording"
    if not deaths:
        return ok("workers", f"{running}, none has died since the start")
    return note(
        "workers",
        f"{running}; {deaths:,.0f} died since the start",
        "the kernel's log shows whether memory was short; AuditService's log names a chunk that workers die with",
    )


def _secrets(without: float) -> Finding:
    if not without:
        return ok("secrets", "no recorder went without a session secret since the start")
    return note(
        "secrets",
        f"{without:,.0f} streams recorded without a session secret since the start, into sessions that any holder of a "
        "key can write to",
        "update these recorders (recorder_name and recorder_version of their sessions tell which), then set "
        "ingest.require_session_secret = true",
    )


@dataclass(slots=True)
class _Counts:
    """Counts in the metrics: refused chunks by reason, recorders' streams by final status, refused owners by reason."""

    rejects: dict[str, float]
    streams: dict[str, float]
    owners: dict[str, float]
    without_secret: float = 0.0
    inserts: float = 0.0
    failing_s: float = 0.0
    is_full: float = 0.0
    workers: float | None = None
    """None: it has no workers."""
    worker_deaths: float = 0.0


_NUMBERS = {
    "afterimage_recordings_without_secret_total": "without_secret",
    "afterimage_inserts_total": "inserts",
    "afterimage_storage_failing_seconds": "failing_s",
    "afterimage_storage_full": "is_full",
    "afterimage_workers": "workers",
    "afterimage_worker_deaths_total": "worker_deaths",
}
"""Fields of _Counts by metric."""


def _refusals(what: str, counts: dict[str, float], advice: dict[str, str]) -> list[Finding]:
    if not counts:
        return [ok(what, "none since the start")]
    listed = ", ".join(f"{name} {count:,.0f}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))
    if counts.keys() <= _HARMLESS:
        return [ok(what, f"{listed}: {advice['gap']}")]
    todo = "; ".join(f"{name}: {advice[name]}" for name in counts if name in advice)
    return [note(what, f"{listed} since the start", todo or "AuditService's log has them")]


async def _counts(url: str) -> _Counts:
    found = _Counts({}, {}, {})
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
        answer.raise_for_status()
        text = await answer.text()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            match sample.name:
                case "afterimage_chunks_rejected_total":
                    found.rejects[sample.labels["reason"]] = sample.value
                case "afterimage_rpc_total" if sample.labels["method"].endswith("/RecordSession"):
                    found.streams[sample.labels["code"]] = sample.value
                case "afterimage_recordings_refused_total":
                    found.owners[sample.labels["reason"]] = sample.value
                case name if name in _NUMBERS:
                    setattr(found, _NUMBERS[name], sample.value)
    # A recorder that disconnects is not refused, and a superseded one was admitted.
    found.streams = {code: count for code, count in found.streams.items() if count and code in _STATUSES}
    found.rejects = {reason: count for reason, count in found.rejects.items() if count}
    return found


async def _knock(answers: AsyncIterator[object]) -> RecordingReady:
    async for answer in answers:
        match which_one_of(answer, "message"):  # type: ignore[arg-type]
            case ("ready", RecordingReady() as ready):
                return ready
    raise CommandError("the server ended the stream without a status")


async def _first_message(now_s: float) -> AsyncIterator[RecordSessionRequest]:
    session, window = _uuid7(now_s), _uuid7(now_s)
    start = RecordingStart(
        session_id=str(session),
        window_id=str(window),
        recorder_name="afterimage doctor",
        session_secret=secrets.token_hex(),
    )
    yield RecordSessionRequest(start=start)


def _uuid7(now_s: float) -> UUID:
    time_bits = (int(now_s * 1000) & ((1 << 48) - 1)) << 80
    return UUID(int=time_bits | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62))


def _clock(skew_s: float, uncertain_s: float) -> Finding:
    text = f"the server's clock is {abs(skew_s):.1f} s {'ahead of' if skew_s > 0 else 'behind'} this machine's"
    if abs(skew_s) - uncertain_s > MAX_SKEW_S:
        return problem("clock", text, "synchronise both (NTP): tokens and links expire by the clock")
    return ok("clock", text)
