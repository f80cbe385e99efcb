"""`python -m services.cli.up.supervise PLAN LOCK`: starts an installation by a plan, and supervises it.

`afterimage up` becomes this program when its plan is made. It stays as long as the installation runs, and waits: so it
imports neither settings, nor gRPC, nor tables. PLAN and LOCK are file descriptors, of the pickled plan and of the lock
file.
"""

from __future__ import annotations

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # there is nothing to stop yet

import asyncio
import os
import pickle
import shutil
import sys
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from services.cli.errors import CommandError
from services.cli.up.plan import Plan
from services.cli.up.supervisor import Program, Supervisor, supervised

ORPHAN_INTERVAL_S = 0.5


class _Ended(Exception):  # noqa: N818 - names the state of a program
    """A program of the plan has ended with this status, and has printed the reason."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def main(arguments: Sequence[str]) -> int:
    """Runs an installation until a signal; returns the exit status."""
    plan_file, lock = map(int, arguments)
    os.set_inheritable(lock, False)  # a child that kept the lock would make a dead `up` appear alive
    with os.fdopen(plan_file, "rb") as file:
        plan: Plan = pickle.load(file)  # noqa: S301 - from this process, before it became this program
    try:
        asyncio.run(_until_signalled(_run(plan, lock)))
    except CommandError as error:
        _write(str(error))
        return 1
    except _Ended as ended:
        return ended.status
    except BrokenPipeError:
        # The reader of the output is gone (`| head`). Python would report it once more at the flush.
        sys.stdout = None
        return 1
    finally:
        os.ftruncate(lock, 0)
        if plan.scratch is not None:
            shutil.rmtree(plan.scratch, ignore_errors=True)
    return 0


async def _run(plan: Plan, lock: int) -> None:
    async with supervised(_say) as supervisor:
        for program in plan.programs:
            await supervisor.start(program)
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, plan.announcement, 0)
            _print(plan.addresses)
            if plan.after is not None:
                await _run_to_its_end(supervisor, plan.after)
            _print(f"{plan.hint}\nCtrl-C ends it.\n")
            await asyncio.Event().wait()
        finally:
            _say("stopping")


async def _run_to_its_end(supervisor: Supervisor, program: Program) -> None:
    if status := await supervisor.run(program):
        raise _Ended(status if status > 0 else 1)


def _print(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _write(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def _say(line: str) -> None:
    _write(f"afterimage: {line}")


async def _until_signalled(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main`; a signal, or the end of the parent process, cancels it. A second signal ends this process at once.

    The kernel then ends remaining children (`tether`).
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    asked = False

    def stop() -> None:
        nonlocal asked
        if asked:
            os._exit(1)
        asked = True
        task.cancel()

    with _signals(loop, stop):
        watch = asyncio.ensure_future(_watch_parent(stop))
        try:
            await task
        except asyncio.CancelledError:
            if not asked:
                raise
        finally:
            watch.cancel()


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Any) -> Iterator[None]:
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _watch_parent(stop: Any) -> None:
    """Stops this process when its parent is gone, unless it was meant to continue alone (nohup, setsid, a service)."""
    parent = os.getppid()
    alone = parent == 1 or os.getsid(0) == os.getpid() or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    while not alone:
        await asyncio.sleep(ORPHAN_INTERVAL_S)
        if os.getppid() != parent:
            _say("the parent process has ended")
            stop()
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
