"""Supervises the processes of one installation: starts them in order, restarts those that die, stops them all."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from services.cli.errors import CommandError
from services.cli.up.parent_death import tether
from services.cli.up.readiness import accepts, redis_answers

READY_TIMEOUT_S = 120.0
PROBE_INTERVAL_S = 0.05
GRACE_S = 25.0
"""From SIGTERM to SIGKILL: the services allow themselves 20 s."""

FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 30.0
SOUND_S = 60.0
"""Run time after which a process that dies is restarted after the shortest pause."""


@dataclass(frozen=True, slots=True)
class Program:
    """A supervised process.

    Attributes:
        name: Name for people.
        command: The command line, split into words.
        environment: Variables in addition to the supervisor's own.
        addresses: Host and port of each socket that accepts connections once it serves; polled after the start.
        redis_socket: Unix socket of a Redis that answers then; None: the program is no Redis.
        log: File for its output; None: this process's standard error.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    addresses: Sequence[tuple[str, int]] = ()
    redis_socket: Path | None = None
    log: Path | None = None

    async def is_ready(self) -> bool:
        """Returns whether it serves."""
        for host, port in self.addresses:
            if not await accepts(host, port):
                return False
        return self.redis_socket is None or await redis_answers(self.redis_socket)


class Supervisor:
    """Supervised processes. Created by `supervised`.

    Args:
        say: Called with one line per event that a person should know.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self, program: Program) -> None:
        """Starts a program and returns when it is ready; from then on it is supervised.

        Raises:
            CommandError: It ends before it is ready, or is not ready after `READY_TIMEOUT_S`.
        """
        process = await self._spawn(program)
        if not await _becomes_ready(program, process):
            why = f"is not ready after {READY_TIMEOUT_S:.0f} s"
            if process.returncode is not None:
                why = f"{_how(process.returncode)} before it was ready"
            raise CommandError(f"{program.name} {why}{_see(program)}")
        self._keepers.append(asyncio.create_task(self._keep(program, process)))

    async def run(self, program: Program) -> int:
        """Runs a program to its end and returns its exit status; it is stopped when the caller is cancelled."""
        process = await self._spawn(program, stdout=None)
        status = await process.wait()
        del self._running[program.name]
        return status

    async def stop(self) -> None:
        """Stops all processes, the last started one first; those that take too long are killed."""
        self._stopping = True
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for name, process in reversed(self._running.items()):
            _signal(process, signal.SIGTERM)
            try:
                async with asyncio.timeout(GRACE_S):
                    await process.wait()
            except TimeoutError:
                self._say(f"{name} does not stop; killing it")
                _signal(process, signal.SIGKILL)
                await process.wait()

    def kill(self) -> None:
        """Kills all processes now."""
        for process in self._running.values():
            _signal(process, signal.SIGKILL)

    async def _spawn(self, program: Program, stdout: int | None = 2) -> asyncio.subprocess.Process:
        output: int | None = 2
        if program.log is not None:
            output = os.open(program.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stdout if program.log is None else output,
                stderr=output,
                env={**os.environ, **program.environment},
                # A separate process group: Ctrl-C in a terminal goes to the whole foreground group, and the
                # supervisor's signal would then be the second one for a service, which means an immediate stop.
                start_new_session=True,
                preexec_fn=tether(),  # safe here: no thread holds a lock that the child needs
            )
        finally:
            if program.log is not None and output is not None:
                os.close(output)
        self._running[program.name] = process
        return process

    async def _keep(self, program: Program, process: asyncio.subprocess.Process) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            await process.wait()
            if self._stopping:
                return
            lived_s = time.monotonic() - began
            pause_s = FIRST_PAUSE_S if lived_s > SOUND_S else pause_s
            self._say(f"{program.name} {_how(process.returncode)}; starting it again in {pause_s:g} s{_see(program)}")
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LAST_PAUSE_S)
            process = await self._spawn(program)
            if await _becomes_ready(program, process):
                self._say(f"{program.name} serves again, as process {process.pid}")


@asynccontextmanager
async def supervised(say: Callable[[str], None]) -> AsyncIterator[Supervisor]:
    """Yields a supervisor; its processes end with the block."""
    supervisor = Supervisor(say)
    try:
        yield supervisor
    finally:
        await supervisor.stop()


async def _becomes_ready(program: Program, process: asyncio.subprocess.Process) -> bool:
    """Waits, `READY_TIMEOUT_S` at most, and returns whether the program serves."""
    ended = asyncio.ensure_future(process.wait())
    ready = asyncio.ensure_future(_until_ready(program))
    try:
        await asyncio.wait({ended, ready}, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        return ready.done() and not ended.done()
    finally:
        ended.cancel()
        ready.cancel()


async def _until_ready(program: Program) -> None:
    while not await program.is_ready():  # noqa: ASYNC110 - another process cannot set an Event
        await asyncio.sleep(PROBE_INTERVAL_S)


def _how(status: int | None) -> str:
    if status is not None and status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _see(program: Program) -> str:
    return f" (its log: {program.log})" if program.log is not None else ""


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)
