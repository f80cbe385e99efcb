"""Process around a server: settings, log, signals, exit status."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import uvloop

from services.runtime import log  # first: it keeps rich out of structlog

# isort: split
import structlog

from services.runtime.settings.loader import Settings, SettingsError, load_settings
from services.runtime.settings.risks import Process, machine_risks, risks_of

_log = structlog.get_logger("afterimage.process")

BAD_SETTINGS = 2
"""Exit status for errors that an operator must fix in the settings."""

Explain = Callable[[BaseException], tuple[str, int] | None]
"""Returns the message for an operator and the exit status of an error; None: a defect, which keeps its traceback."""


def main(
    serve: Callable[[Settings], AbstractAsyncContextManager[object]],
    explain: Explain = lambda _: None,
    *,
    name: Process | tuple[Process, ...] = "every",
) -> int:
    """Serves with the loaded settings until SIGTERM or SIGINT; returns the exit status.

    Its files are for its own user only, with any umask.

    Args:
        serve: Serves while its block runs.
        explain: Explains errors that are neither invalid settings nor defects.
        name: The process, or the services in it: the risks in the settings that concern it are logged at the start.
    """
    keep_files_private()
    try:
        settings = load_settings()
        log.configure(settings.log)
        _warn_of_risks(settings, {name} if isinstance(name, str) else set(name))

        async def until_cancelled() -> None:
            async with serve(settings):
                gc.freeze()  # modules stay: no later collection has to visit them
                gc.enable()
                await asyncio.Event().wait()

        run(until_cancelled)
    except Exception as error:
        reason = first_error(error)
        found = (str(reason), BAD_SETTINGS) if isinstance(reason, SettingsError) else explain(reason)
        if found is None:
            raise
        sys.stderr.write(f"{found[0]}\n")
        return found[1]
    return 0


def keep_files_private() -> None:
    """Makes new files and directories of this process and of its children readable for its own user only."""
    os.umask(0o077)


def _warn_of_risks(settings: Settings, names: set[Process]) -> None:
    for risk in (*risks_of(settings), *machine_risks(settings)):
        if risk.process in {*names, "every"} and risk.name not in settings.accepted_risks:
            _log.warning("risk", name=risk.name, setting=risk.setting, text=risk.text, fix=risk.fix)


def run(main: Callable[[], Coroutine[Any, Any, None]], *, stop_timeout_s: float = 20.0) -> None:
    """Runs `main` on uvloop until it returns, or until SIGTERM or SIGINT cancels it and it has cleaned up.

    A second signal, or `stop_timeout_s` after the first, ends the process immediately with status 1.
    """

    async def supervised() -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(main())
        asked = False

        def stop() -> None:
            nonlocal asked
            if asked:
                os._exit(1)
            asked = True
            # A thread, because it also ends a process with a blocked event loop.
            timer = threading.Timer(stop_timeout_s, os._exit, (1,))
            timer.daemon = True
            timer.start()
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        try:
            await task
        except asyncio.CancelledError:
            if not asked:
                raise

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(supervised())


def first_error(error: BaseException) -> BaseException:
    """Returns the first leaf of an exception group: a TaskGroup wraps every error raised inside it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
