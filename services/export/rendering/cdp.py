"""Chrome DevTools Protocol over a pair of pipes (`--remote-debugging-pipe`): no port that another program could reach.

A message is JSON and a zero byte (https://chromedevtools.github.io/devtools-protocol/). ADR 27 has the reasons
against a library.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
import structlog

_log = structlog.get_logger("afterimage.rendering")

_PIPE_BYTES = 1 << 20  # the largest that Linux allows to everyone (fs.pipe-max-size)
_LONGEST_MESSAGE = 256 << 20
_F_SETPIPE_SZ = 1031  # fcntl.h of Linux

Handler = Callable[[dict[str, Any]], Awaitable[None]]


class DevToolsError(Exception):
    """The browser refused a command, or is gone."""


class _Message(msgspec.Struct):
    id: int = 0
    method: str = ""
    params: dict[str, Any] = {}
    result: dict[str, Any] = {}
    error: dict[str, Any] | None = None
    sessionId: str = ""  # noqa: N815 - the protocol's name


class DevTools:
    """A connection to a browser. Commands may be sent side by side; `close()` ends those without an answer.

    Args:
        read_fd: End of the pipe that the browser writes to.
        write_fd: End of the pipe that the browser reads from. The connection closes both.
    """

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._fds = (read_fd, write_fd)
        self._count = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(_Message)
        self._is_gone = False

    async def open(self) -> None:
        """Begins to read and write."""
        loop = asyncio.get_running_loop()
        for fd in self._fds:
            with suppress(OSError):  # it is slower then
                fcntl.fcntl(fd, _F_SETPIPE_SZ, _PIPE_BYTES)
        self._reader = asyncio.StreamReader(limit=_LONGEST_MESSAGE)
        self._reading, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._reader), os.fdopen(self._fds[0], "rb", 0)
        )
        self._writing, protocol = await loop.connect_write_pipe(
            asyncio.streams.FlowControlMixin, os.fdopen(self._fds[1], "wb", 0)
        )
        self._writer = asyncio.StreamWriter(self._writing, protocol, None, loop)
        self._loop_task = loop.create_task(self._read())

    def on(self, session: str, method: str, handler: Handler) -> None:
        """Calls `handler` with the parameters of each event of this name in a session, in a task of its own."""
        self._handlers[session, method] = handler

    async def send(self, method: str, session: str = "", /, **params: Any) -> dict[str, Any]:
        """Carries out a command and returns its result.

        Raises:
            DevToolsError: The browser refuses it, or is gone.
        """
        if self._is_gone:
            raise DevToolsError(f"{method}: the browser is gone")
        self._count += 1
        number = self._count
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._writer.write(self._encoder.encode(message) + b"\0")
            await self._writer.drain()
            return await answer
        except OSError as error:
            raise DevToolsError(f"{method}: the browser is gone") from error
        finally:
            self._waiting.pop(number, None)

    def fail(self, why: str) -> None:
        """Ends all commands without an answer with an error, and refuses further ones."""
        self._end(why)

    async def close(self) -> None:
        """Ends the connection; commands without an answer end with an error."""
        self._end()
        self._loop_task.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self._loop_task, *self._tasks, return_exceptions=True)
        for transport in (self._writing, self._reading):
            if not transport.is_closing():
                transport.close()

    async def _read(self) -> None:
        try:
            while True:
                self._take(self._decoder.decode((await self._reader.readuntil(b"\0"))[:-1]))
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, msgspec.DecodeError) as error:
            _log.debug("devtools_ended", reason=repr(error))
        finally:
            self._end()

    def _take(self, message: _Message) -> None:
        if message.id:
            answer = self._waiting.get(message.id)
            if answer is None or answer.done():
                return
            if message.error is not None:
                answer.set_exception(DevToolsError(str(message.error.get("message", message.error))))
            else:
                answer.set_result(message.result)
        elif (handler := self._handlers.get((message.sessionId, message.method))) is not None:
            task = asyncio.get_running_loop().create_task(self._handle(handler, message.params))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _handle(self, handler: Handler, params: dict[str, Any]) -> None:
        try:
            await handler(params)
        except DevToolsError as error:
            _log.debug("devtools_event_unanswered", reason=str(error))

    def _end(self, why: str = "the browser is gone") -> None:
        self._is_gone = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(DevToolsError(why))
