"""The reads of a backup through the process that has the embedded engine open.

chDB allows one process per data directory. While AuditService has it open, it answers the reads of a backup on a
socket in that directory, for its own user and root only: both can read the directory's files anyway. A connection is
one request: a line of JSON, answered by frames.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import socket
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec
import structlog

from services.audit.storage.backup.source import BackupSource, Overview
from services.audit.storage.engine.engine import Block, StorageError, storage_error

_log = structlog.get_logger("afterimage.backup")

SOCKET = "backup.sock"

MAX_REQUEST_BYTES = 4_096
MAX_PATH_BYTES = 100
"""sockaddr_un holds 108 with the final zero on Linux and 104 elsewhere."""

_HEAD = struct.Struct("<BII")
_BLOCK, _ANSWER, _END, _FAILURE = range(4)
_PEER_CREDENTIALS = struct.Struct("=iII")


class _Request(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call of BackupSource: `blocks` with a read and a day, `days` with a stage, or else `overview`."""

    read: str = ""
    day: dt.date | None = None
    stage: int = -1


class _Failure(msgspec.Struct, frozen=True):
    detail: str
    number: int


@asynccontextmanager
async def served_reads(source: BackupSource, directory: Path) -> AsyncIterator[None]:
    """Answers the reads of backups on a socket in `directory` while the block runs."""
    answering: set[asyncio.Task[None] | None] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.add(task := asyncio.current_task())
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                if _is_trusted(writer.get_extra_info("socket")):
                    await _answer(source, reader, writer)
        finally:
            writer.close()
            answering.discard(task)

    with _short_path(directory) as path:
        try:
            server = await asyncio.start_unix_server(answer, path, limit=MAX_REQUEST_BYTES)
        except OSError as error:
            _log.warning("no backup can be made while this process runs", error=str(error))
            yield
            return
        (directory / SOCKET).chmod(0o600)
    try:
        yield
    finally:
        (directory / SOCKET).unlink(missing_ok=True)
        server.close()
        for task in filter(None, list(answering)):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def _answer(source: BackupSource, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readuntil(b"\n")
    try:
        request = msgspec.json.decode(line, type=_Request)
        if request.day is not None:
            async with aclosing(source.blocks(request.read, request.day)) as blocks:
                async for block in blocks:
                    await _send(writer, _BLOCK, block.data, block.row_count)
        elif request.stage >= 0:
            await _send(writer, _ANSWER, msgspec.json.encode(await source.days(request.stage)))
        else:
            await _send(writer, _ANSWER, msgspec.json.encode(await source.overview()))
        await _send(writer, _END)
    except StorageError as error:
        await _send(writer, _FAILURE, msgspec.json.encode(_Failure(error.detail, error.number)))
    except (msgspec.DecodeError, LookupError):
        await _send(writer, _FAILURE, msgspec.json.encode(_Failure("AuditService is of another version", 0)))


async def _send(writer: asyncio.StreamWriter, kind: int, data: bytes = b"", count: int = 0) -> None:
    writer.write(_HEAD.pack(kind, count, len(data)))
    writer.write(data)
    await writer.drain()


class SocketSource:
    """The reads of a backup through the process that has `directory` open.

    Every call raises StorageError with the engine's report, and OSError or EOFError when the process is gone.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def overview(self) -> Overview:
        """Returns the state before the first read; see BackupSource."""
        return msgspec.json.decode(await self._answer(_Request()), type=Overview)

    async def days(self, stage: int) -> list[dt.date]:
        """Returns the days of a stage's tables, in order; see BackupSource."""
        return msgspec.json.decode(await self._answer(_Request(stage=stage)), type=list[dt.date])

    async def blocks(self, read: str, day: dt.date) -> AsyncGenerator[Block, None]:
        """Yields the rows of one read and one day; see BackupSource."""
        async with aclosing(self._frames(_Request(read=read, day=day))) as frames:
            async for block in frames:
                yield block

    async def _answer(self, request: _Request) -> bytes:
        async with aclosing(self._frames(request)) as frames:
            return b"".join([block.data async for block in frames])

    async def _frames(self, request: _Request) -> AsyncGenerator[Block, None]:
        with _short_path(self._directory) as path:
            reader, writer = await asyncio.open_unix_connection(path)
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            while True:
                kind, count, size = _HEAD.unpack(await reader.readexactly(_HEAD.size))
                data = await reader.readexactly(size)
                if kind == _END:
                    return
                if kind == _FAILURE:
                    failure = msgspec.json.decode(data, type=_Failure)
                    raise storage_error(failure.detail, failure.number)
                yield Block(count, data)
        finally:
            writer.close()


@contextmanager
def _short_path(directory: Path) -> Iterator[str]:
    """Yields a path of the socket that fits into an address, however long that of the directory is (on Linux)."""
    path = str(directory / SOCKET)
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        yield path
        return
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _is_trusted(peer: socket.socket) -> bool:
    """Returns whether the other process runs as this user or as root; only the file's mode decides outside of Linux."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    _, user, _ = _PEER_CREDENTIALS.unpack(credentials)
    return user in {0, os.geteuid()}
