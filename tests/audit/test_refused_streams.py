"""A stream that is refused while its client writes ends with the refusal, however busy the machine is."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import a_chunk, move, new_session, problem, start_of
from support.busy import busy_loops

pytestmark = pytest.mark.asyncio(loop_scope="module")


def refused_streams(audit):
    """Yields metadata, start and wanted (code, reason) of streams that the server refuses, one after the other."""
    good = audit.auth("record")
    kinds = [
        ([("authorization", "Bearer nonsense")], {}, (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_INVALID")),
        ([], {}, (grpc.StatusCode.UNAUTHENTICATED, "TOKEN_MISSING")),
        (audit.auth("view"), {}, (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")),
        (good, {"window_id": "none"}, (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")),
    ]
    while True:
        yield from kinds


async def refused_as(audit, metadata, start):
    """Writes a start and chunks until the stream ends; returns how."""
    session = new_session()
    call = audit.stub.RecordSession(metadata=metadata)
    head = pb.RecordingStart(**{"session_id": session, "window_id": str(uuid4())} | start)
    chunk = pb.RecordSessionRequest(chunk=a_chunk(1, [move(start_of(session), number) for number in range(20)]))

    async def write():
        try:
            await call.write(pb.RecordSessionRequest(start=head))
            while True:
                await call.write(chunk)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return

    writing = asyncio.create_task(write())
    try:
        while await call.read() is not grpc.aio.EOF:
            pass
    except grpc.aio.AioRpcError as error:
        found = problem(error)
        return found.code, found.reason
    finally:
        await writing
    return grpc.StatusCode.OK, ""


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_on_a_busy_machine(shared_audit, campaign_rounds):
    streams = refused_streams(shared_audit)
    found: Counter = Counter()
    with busy_loops():
        for at_once in (1, 5, 20):
            for _ in range(campaign_rounds(40, 3340) // at_once):
                asked = [next(streams) for _ in range(at_once)]
                ends = await asyncio.gather(
                    *(refused_as(shared_audit, metadata, start) for metadata, start, _ in asked)
                )
                found.update((wanted, end) for (_, _, wanted), end in zip(asked, ends, strict=True))
    assert {(wanted, end): count for (wanted, end), count in found.items() if wanted != end} == {}
    assert found.total() >= campaign_rounds(100, 10_000)
