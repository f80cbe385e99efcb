"""A session that is deleted while it is recorded does not come back."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import (
    move,
    new_session,
    start_of,
)
from support.wait import PATIENCE_S


async def test_a_deleted_session_stops_its_recorder_and_cannot_come_back(audit):
    session, window = new_session(), str(uuid4())
    async with audit.recorder(session, window) as recorder:
        for seq in range(1, 11):
            await recorder.send(seq, [move(start_of(session) + seq)])
        await recorder.ack(10)
        receipt = await audit.delete(session)
        assert (receipt.session_count, receipt.chunk_count, list(receipt.not_found)) == (1, 10, [])
        error = await recorder.ended(half_close=False)
    assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RECORDING_STOPPED")
    assert [command.WhichOneof("command") for command in recorder.commands] == ["stop"]
    assert not await audit.is_stored(session)
    for same_window in (window, str(uuid4())):
        again = audit.recorder(session, same_window)
        await again.write(start=pb.RecordingStart(session_id=session, window_id=same_window))
        error = await again.ended(half_close=False)
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SESSION_DELETED")
        assert again.ready is None
    assert not await audit.is_stored(session)


async def test_a_deletion_while_recorders_stream_and_reconnect_leaves_nothing(audit):
    """No data of the session remains, for any timing of recorders, reconnects and deletion."""
    for round_number in range(6):
        session, stopped = new_session(), asyncio.Event()

        async def stream(window: str, session: str = session, stopped: asyncio.Event = stopped) -> None:
            while True:
                recorder = audit.recorder(session, window)
                try:
                    await recorder.__aenter__()
                    for seq in range(recorder.ready.next_seq, recorder.ready.next_seq + 5):
                        await recorder.send(seq, [move(start_of(session) + seq)])
                    await recorder.ended()
                except (AssertionError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await recorder.ended(half_close=False)
                finally:
                    await recorder.cancel()
                if recorder.error and recorder.error.reason == "SESSION_DELETED":
                    return

        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(stream(str(uuid4())))
            await asyncio.sleep(0.02 + 0.003 * round_number)
            while (await audit.delete(session)).session_count == 0:  # noqa: ASYNC110 - nothing is stored yet
                await asyncio.sleep(0.005)
        assert not await audit.is_stored(session), f"round {round_number}"
