"""A hundred exports in a queue: turns between two projects, and the time of replays meanwhile."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID

import grpc
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from bench import load, processes
from support.export import DONE, FINAL, HTML, JSON, MP4, ExportCalls, WorkerProcess, killable_redis
from support.ports import free_port, until_open

from services.runtime.settings.loader import load_settings

QUEUED = 100
OF_THE_OTHER = 10
"""Exports of the second project, which are created after all of the first one."""
FORMATS = (JSON, HTML, JSON, HTML, MP4)
CHUNKS = 60
REPLAYS = 300
PACE_S = 0.04
PROJECTS = ("demo", "other")


async def rows(*, quick: bool) -> list[tuple[str, float, str]]:
    """Returns the rows of the bench."""
    queued, replays = (10, 20) if quick else (QUEUED, REPLAYS)
    async with AsyncExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("redis", "audit", "export"):
            (directory / name).mkdir(mode=0o700)
        projects = [{"id": project} for project in PROJECTS]
        audit = await stack.enter_async_context(
            processes.audit(directory / "audit", AFTERIMAGE_PROJECTS=json.dumps(projects))
        )
        settings = load_settings(
            data_dir=directory / "export",
            auth={"secret": processes.SECRET},
            projects=projects,
            redis={"url": stack.enter_context(killable_redis(directory / "redis")).url},
            export={"port": free_port(), "metrics_port": -1, "audit_address": audit.address},
        )
        for module in ("services.export", "services.export.worker"):
            process = WorkerProcess(settings, directory / "log", module)
            await process.start()
            stack.push_async_callback(process.stop)
            if module == "services.export":
                await until_open(settings.export.port, process.process)
        viewing = await stack.enter_async_context(grpc.aio.insecure_channel(audit.address))
        stub = audit_service_pb2_grpc.AuditServiceStub(viewing)
        sessions = [await _recorded(stub, project) for project in PROJECTS]
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{settings.export.port}"))
        calls = ExportCalls(channel, lambda scope, *, project, **_: processes.token(scope, project=project))

        alone = await _watched(stub, sessions[0], lambda count: count < replays)
        begun = time.perf_counter()
        made = [
            [await _export(calls, project, session, number) for number in range(count)]
            for project, session, count in (
                (PROJECTS[0], sessions[0], queued - min(OF_THE_OTHER, queued // 2)),
                (PROJECTS[1], sessions[1], min(OF_THE_OTHER, queued // 2)),
            )
        ]
        order: list[str] = []
        following = asyncio.create_task(_ends(calls, made, order))
        beside = await _watched(stub, sessions[0], lambda _: not following.done())
        await following
        took_s = time.perf_counter() - begun
    last = max(order.index(export) for export in made[1]) + 1
    return [
        ("exports in the queue, of two projects", len(order), ""),
        ("exports made", len(order) / took_s, "exports/s"),
        (f"place of the last of the {len(made[1])} of the project that came later", last, "of all"),
        ("replay of 60 chunks alone, p50", _rank(alone, 0.5), "ms"),
        ("replay of 60 chunks alone, p99", _rank(alone, 0.99), "ms"),
        ("replay of 60 chunks beside the exports, p50", _rank(beside, 0.5), "ms"),
        ("replay of 60 chunks beside the exports, p99", _rank(beside, 0.99), "ms"),
        ("p99 beside the exports / alone (the line: 2)", _rank(beside, 0.99) / _rank(alone, 0.99), "times"),
    ]


async def _recorded(stub: audit_service_pb2_grpc.AuditServiceStub, project: str) -> UUID:
    session, chunks = load.uuid7(round(time.time() * 1000)), load.make_chunks()
    call = stub.RecordSession(metadata=_bearer("record", project))
    await call.write(audit_pb.RecordSessionRequest.FromString(load.start_message(session)))
    for seq in range(1, CHUNKS + 1):
        chunk = load.first_chunk() if seq == 1 else chunks[seq % len(chunks)]
        await call.write(audit_pb.RecordSessionRequest.FromString(chunk.message(seq)))
    await call.write(audit_pb.RecordSessionRequest(end=audit_pb.RecordingEnd(last_seq=CHUNKS)))
    while await call.read() is not grpc.aio.EOF:
        pass
    return session


async def _watched(
    stub: audit_service_pb2_grpc.AuditServiceStub, session: UUID, goes_on: Callable[[int], bool]
) -> list[float]:
    """Replays a session at a pace while `goes_on(count)`; returns the milliseconds of each, from when it was due."""
    found: list[float] = []
    due = time.perf_counter()
    while goes_on(len(found)):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        request = audit_pb.ReplaySessionRequest(session_id=str(session))
        async for _ in stub.ReplaySession(request, metadata=_bearer("view", PROJECTS[0])):
            pass
        found.append((time.perf_counter() - due) * 1000)
        due = max(due + PACE_S, time.perf_counter())
    return found


async def _export(calls: ExportCalls, project: str, session: UUID, number: int) -> str:
    content = {"end_offset": {"seconds": 2}} if FORMATS[number % len(FORMATS)] == MP4 else {}
    made = await calls.of_session(str(session), FORMATS[number % len(FORMATS)], project=project, **content)
    return made.export_id


async def _ends(calls: ExportCalls, made: list[list[str]], order: list[str]) -> None:
    """Appends the ids of exports in the order of their ends."""
    left = {export: project for project, exports in zip(PROJECTS, made, strict=True) for export in exports}
    while left:
        ended = []
        for project in set(left.values()):
            listed = await _all(lambda token, project=project: calls.list(project, page_size=100, page_token=token))
            for export in listed:
                if export.export_id in left and export.state in FINAL:
                    if export.state != DONE:
                        raise RuntimeError(str(export.failure))
                    ended.append((export.end_time.ToNanoseconds(), export.export_id))
        for _, export_id in sorted(ended):
            order.append(export_id)
            del left[export_id]
        await asyncio.sleep(0.5)


async def _all(page: Callable[[str], Awaitable]) -> list:
    found, token = [], ""
    while True:
        answer = await page(token)
        found += answer.exports
        if not (token := answer.next_page_token):
            return found


def _bearer(scope: str, project: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {processes.token(scope, project=project)}"),)


def _rank(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
