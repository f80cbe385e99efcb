"""Reading: the first chunk of a long session, replay beside a raw SELECT, listings over up to a million sessions."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from bench import load, processes
from google.protobuf.duration_pb2 import Duration

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.audit.storage.schema.tables import SESSIONS

CHUNKS_OF_SESSION = 1_000
DAY_MS = 86_400_000
LISTED = (10_000, 100_000, 1_000_000, 10_000_000)
"""Numbers of sessions; the last one takes some minutes to make."""


async def rows(*, quick: bool = False) -> list[tuple[str, float, str]]:
    return [
        *await _replay(),
        *[row for count in LISTED[: 2 if quick else None] for row in await _listing(count)],
    ]


async def _replay() -> list[tuple[str, float, str]]:
    chunks = load.make_chunks()
    session = load.uuid7(round(time.time() * 1000))
    with tempfile.TemporaryDirectory() as directory:
        async with processes.audit(Path(directory)) as audit, grpc.aio.insecure_channel(audit.address) as channel:
            stub = audit_service_pb2_grpc.AuditServiceStub(channel)
            record = (("authorization", f"Bearer {processes.token('record')}"),)
            view = (("authorization", f"Bearer {processes.token('view')}"),)
            call = stub.RecordSession(metadata=record)
            await call.write(pb.RecordSessionRequest.FromString(load.start_message(session)))
            first = load.first_chunk()
            for seq in range(1, CHUNKS_OF_SESSION + 1):
                chunk = first if seq % 100 == 1 else chunks[seq % len(chunks)]
                await call.write(pb.RecordSessionRequest.FromString(chunk.message(seq)))
            await call.write(pb.RecordSessionRequest(end=pb.RecordingEnd(last_seq=CHUNKS_OF_SESSION)))
            while await call.read() is not grpc.aio.EOF:
                pass

            async def watch(request: pb.ReplaySessionRequest) -> tuple[float, float, int]:
                begun = time.perf_counter()
                first_ms, size = 0.0, 0
                async for part in stub.ReplaySession(request, metadata=view):
                    if part.HasField("chunk"):
                        first_ms = first_ms or (time.perf_counter() - begun) * 1000
                        size += len(part.chunk.payload)
                return first_ms, time.perf_counter() - begun, size

            whole = [await watch(pb.ReplaySessionRequest(session_id=str(session))) for _ in range(20)]
            offset = Duration(seconds=CHUNKS_OF_SESSION * 2 - 60)
            sought = [
                await watch(pb.ReplaySessionRequest(session_id=str(session), from_offset=offset)) for _ in range(40)
            ]
        engine = await ChdbEngine.open(Path(directory) / "chdb", 1)
        try:
            raw = []
            for _ in range(5):
                begun = time.perf_counter()
                found = await engine.query(
                    "SELECT seq, payload FROM chunks WHERE session = {session:UUID} ORDER BY seq LIMIT 1 BY seq",
                    {"session": session},
                )
                raw.append(sum(len(payload) for _, payload in found) / (time.perf_counter() - begun))
        finally:
            await engine.close()
    bare = await _bare_stream(sum(map(len, (payload for _, payload in found))) // len(found))
    rate = statistics.median(size / seconds for _, seconds, size in whole)
    firsts = sorted(first for first, _, _ in whole)
    seeks = sorted(first for first, _, _ in sought)
    return [
        ("first chunk of a session of 1,000, median", statistics.median(firsts), "ms"),
        ("first chunk after a seek, p95", seeks[int(len(seeks) * 0.95)], "ms"),
        ("replay, payload", rate / 1e6, "MB/s"),
        ("raw SELECT of the same payloads", statistics.median(raw) / 1e6, "MB/s"),
        ("replay / raw SELECT", rate / statistics.median(raw) * 100, "%"),
        ("bare gRPC stream of as many messages of that size", bare / 1e6, "MB/s"),
        ("replay / bare gRPC stream", rate / bare * 100, "%"),
    ]


async def _bare_stream(size: int) -> float:
    """Bytes a second of a stream of messages that are made beforehand, read as a viewer would."""
    rates = []
    async with processes.echo() as address, grpc.aio.insecure_channel(address) as channel:
        stream = channel.unary_stream("/bench.Bare/Stream")
        for _ in range(10):
            begun = time.perf_counter()
            async for message in stream(f"{CHUNKS_OF_SESSION} {size}".encode()):
                assert len(message) == size
            rates.append(CHUNKS_OF_SESSION * size / (time.perf_counter() - begun))
    return statistics.median(rates)


async def _listing(count: int) -> list[tuple[str, float, str]]:
    with tempfile.TemporaryDirectory() as directory:
        engine = await ChdbEngine.open(Path(directory) / "chdb", 2)
        await migrate(engine, Dialect(engine.version))
        await _make_sessions(engine, count)
        await engine.close()
        async with processes.audit(Path(directory)) as audit, grpc.aio.insecure_channel(audit.address) as channel:
            stub = audit_service_pb2_grpc.AuditServiceStub(channel)
            view = (("authorization", f"Bearer {processes.token('view')}"),)

            async def page(**values: object) -> float:
                times = []
                for _ in range(7):
                    begun = time.perf_counter()
                    answer = await stub.ListSessions(pb.ListSessionsRequest(**values), metadata=view)
                    times.append((time.perf_counter() - begun) * 1000)
                assert len(answer.sessions) == 50, values
                return statistics.median(times)

            errors = pb.ListSessionsRequest().filter
            errors.has_errors = True
            actor = pb.ListSessionsRequest().filter
            actor.actor_id = "u7"
            return [
                (f"first page of {count:,} sessions", await page(), "ms"),
                (f"first page, 1 % match (errors), {count:,}", await page(filter=errors), "ms"),
                (f"first page, 1 % match (actor), {count:,}", await page(filter=actor), "ms"),
                *[
                    (f"first page by {name}, {count:,}", await page(order=order), "ms")
                    for name, order in (
                        ("duration", pb.SESSION_ORDER_LONGEST_FIRST),
                        ("errors", pb.SESSION_ORDER_MOST_ERRORS_FIRST),
                        ("rage clicks", pb.SESSION_ORDER_MOST_RAGE_CLICKS_FIRST),
                    )
                ],
                (f"audit process after listing {count:,}, peak resident", audit.peak_mb, "MB"),
            ]


async def _make_sessions(engine: ChdbEngine, count: int) -> None:
    """Sessions over the last 25 days, as if recorded: heads, and the view's sums of their chunks."""
    begin = round(time.time() * 1000) - 25 * DAY_MS
    step = 25 * DAY_MS // count
    high = (
        "lower(hex(toUInt32(bitShiftRight(toUInt64(at), 16)))), '-', "
        "lower(substring(hex(toUInt32(bitAnd(at, 65535) + 2147483648)), 5, 4))"
    )
    low = "lower(substring(hex(toUInt64(number + bitShiftLeft(toUInt64(1), 60))), 5, 12))"
    await engine.execute(
        "INSERT INTO windows (project, day, start_ms, session, window, kept_from, actor_id, actor_type, device_type, "
        "viewport, screen, tag_names, tag_values, ended, updated_ms) "
        "SELECT 'demo', toDate(intDiv(at, 1000), 'UTC') AS d, at, id, id, d, "
        "concat('u', toString(number % 100)), 1, 1 + number % 3, [1280, 720], [1280, 720], [], [], 1, at "
        f"FROM (SELECT number, toInt64({begin} + number * {step}) AS at, "
        f"toUUID(concat({high}, '-7000-8000-', {low})) AS id "
        f"FROM numbers({count})) SETTINGS max_memory_usage = 0"
    )
    await engine.execute(
        f"INSERT INTO sessions ({', '.join(name for name, _ in SESSIONS.columns)}) "
        "SELECT project, day, start_ms, session, window, kept_from, minState(start_ms), "
        "maxState(start_ms + toInt64(cityHash64(session) % 600000)), maxState(start_ms), maxState(toUInt32(9)), "
        "maxForEachState([toUInt64(9), 450, cityHash64(session) % 90, 3, 4, if(cityHash64(session) % 100 = 0, 3, 0), "
        "0, 0, 1, if(cityHash64(session) % 20 = 1, 1 + cityHash64(session) % 7, 0), 0, 0, 0, 0, 200000, 40000, 30000, "
        "0]), groupUniqArrayArrayState(['https://shop.example/']) "
        "FROM windows GROUP BY project, day, start_ms, session, window, kept_from SETTINGS max_memory_usage = 0"
    )
