"""The stream of one recorder: processes its messages and answers them until either side ends the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from services.audit.ingest.process_chunk import SentChunk
from services.audit.ingest.recording import Message, Recording

LAST_WORDS_S = 2.0
"""Maximum time that a recorder which does not read can delay the end of its stream."""


@dataclass(frozen=True, slots=True)
class SentEnd:
    """The last message of a window that is ended by its recorder."""

    last_seq: int


Request = TypeVar("Request")


async def record(
    recording: Recording,
    requests: AsyncIterator[Request],
    read: Callable[[Request], SentChunk | SentEnd],
    send: Callable[[Message], Awaitable[None]],
    *,
    is_gone: Callable[[], bool],
) -> None:
    """Records until the recorder ends its window, closes its half of the stream, or the recording breaks.

    Args:
        recording: An open recording.
        requests: The messages after the start.
        read: Converts a message; its errors end the stream.
        send: Sends a message to the recorder.
        is_gone: Returns whether the recorder can no longer receive anything.
    """

    async def answer() -> None:
        while messages := await recording.messages():
            for message in messages:
                await send(message)

    # Not cancelled while it writes: gRPC takes one write at a time, and the messages of a cancelled write
    # would be lost, such as the last ack.
    answering = asyncio.create_task(answer())

    async def answered() -> None:
        await asyncio.shield(answering)

    try:
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(recording.broken()), tasks.create_task(answered())]
            try:
                await _take(recording, requests, read)
            finally:
                for task in watching:
                    task.cancel()
    finally:
        recording.say_no_more()
        await asyncio.wait([answering], timeout=0 if is_gone() else LAST_WORDS_S)
        answering.cancel()
        await asyncio.gather(answering, return_exceptions=True)


async def _take(
    recording: Recording, requests: AsyncIterator[Request], read: Callable[[Request], SentChunk | SentEnd]
) -> None:
    async for request in requests:
        match read(request):
            case SentEnd(last_seq):
                await recording.end(last_seq)
                return
            case chunk:
                await recording.take(chunk)
    await recording.drained()
