"""Runs the command line for tests: in this process where that is enough, as a process where signals matter."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support.ports import free_port
from support.wait import PATIENCE_S
from typer.testing import CliRunner

from services.cli.app import make_app

SECRET = "test-secret-of-more-than-32-bytes-length"
COMMAND = [sys.executable, "-c", "from services.cli.app import main; main()"]


@dataclass(frozen=True)
class CommandAnswer:
    status: int
    out: str
    err: str

    @property
    def lines(self):
        return self.out.splitlines()


@dataclass
class LoneAudit:
    """A standalone AuditService, and the settings with which commands find it."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words, **environment):
        return run(*words, **self.environment | environment)


def up_environment():
    """Returns settings for an `afterimage up`: ports that nothing else takes while a process restarts, and patience."""
    names = ["SIDECAR__PORT", "AUDIT__PORT", "SHARE__PORT", "AUDIT__METRICS_PORT", "SHARE__METRICS_PORT"]
    names += ["EXPORT__PORT", "EXPORT__METRICS_PORT", "EXPORT__WORKER_METRICS_PORT"]
    return {
        **{f"AFTERIMAGE_{name}": str(free_port()) for name in names},
        "AFTERIMAGE_REDIS__TIMEOUT_S": "30",
        "AFTERIMAGE_SIDECAR__PONG_TIMEOUT_S": "60",
        "AFTERIMAGE_SIDECAR__SLOW_TIMEOUT_S": "60",
    }


def run(*words, **environment):
    """Runs a command in this process."""
    found = CliRunner().invoke(make_app(), [str(word) for word in words], env=environment)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return CommandAnswer(found.exit_code, found.stdout, found.stderr)


def until(condition, what):
    """Waits for something that must become true, and returns it."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {PATIENCE_S:.0f} s: {what}")


@contextmanager
def audit_process(directory, **environment):
    """Runs AuditService alone on a directory."""
    settings = {
        "AFTERIMAGE_DATA_DIR": str(directory / "data"),
        "AFTERIMAGE_AUTH__SECRET": SECRET,
        "AFTERIMAGE_AUDIT__PORT": str(free_port()),
        "AFTERIMAGE_AUDIT__METRICS_PORT": str(free_port()),
        "AFTERIMAGE_INGEST__WORKERS": "0",
        "AFTERIMAGE_PRIVACY": '{"preset": "keep_all"}',  # exports are compared with imported files
        **environment,
    }
    address = ("127.0.0.1", int(settings["AFTERIMAGE_AUDIT__PORT"]))
    log = directory / "audit.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "services.audit"], env=os.environ | settings, stdout=output, stderr=output
        ) as process,
    ):

        def is_open():
            assert process.poll() is None, log.read_text()
            try:
                socket.create_connection(address, timeout=1).close()
            except OSError:
                return False
            return True

        try:
            until(is_open, "AuditService listens")
            yield LoneAudit(directory, settings)
        finally:
            process.terminate()


AS_FROM_A_TERMINAL = [
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])",
]
"""Runs the rest as a terminal would: under nohup, a program outlives its parent. Not by `preexec_fn`, which forks this
process in Python: gRPC's threads are not in the child, and gRPC complains about it on the program's standard error."""


class Up:
    """An `afterimage up` in a separate directory."""

    def __init__(self, directory, *words, environment=None, prefix=()):
        self.out, self.err = directory / "out", directory / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [*prefix, *AS_FROM_A_TERMINAL, *COMMAND, "up", *words],
                cwd=directory,
                env=os.environ | (environment or {}),
                stdout=out,
                stderr=err,
            )
        self.directory = directory

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in [*self.descendants(), psutil.Process(self.process.pid)] if self.process.poll() is None else []:
            with suppress(psutil.NoSuchProcess):  # ended by the ones before it
                process.kill()
        self.process.wait()

    def said(self, text):
        """Waits until it has printed `text`, on either output."""

        def found():
            assert self.process.poll() is None, self.everything
            return text in self.everything

        until(found, f"{text!r} in {self.everything}")
        return self.everything

    @property
    def everything(self):
        return self.out.read_text() + self.err.read_text()

    @property
    def running(self):
        return json.loads((self.directory / ".data/up.json").read_text())

    def descendants(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, package):
        """The process of a service."""
        return next(one for one in self.descendants() if package in one.cmdline())

    def interrupt(self, number=signal.SIGINT):
        """Ends it, and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def run(self, *words):
        """Runs another command where it was started."""
        found = subprocess.run([*COMMAND, *words], cwd=self.directory, capture_output=True, text=True, check=False)
        return CommandAnswer(found.returncode, found.stdout, found.stderr)


def are_gone(processes):
    return all(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in processes)


SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
