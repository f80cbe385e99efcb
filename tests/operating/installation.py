"""An installation as the documentation describes it: the command `afterimage`, processes, and their output."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from support.ports import free_port
from support.wait import PATIENCE_S
from typer.testing import CliRunner

from services.cli.app import make_app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
DEPLOY = DOCS / "deploy"
SAMPLES = sorted((ROOT / "services/cli/samples").glob("*.json.gz"))
SECRET = "test-secret-of-more-than-32-bytes-length"
PORTS = (
    *("AUDIT__PORT", "AUDIT__METRICS_PORT", "SHARE__PORT", "SHARE__METRICS_PORT", "SIDECAR__PORT"),
    *("EXPORT__PORT", "EXPORT__METRICS_PORT", "EXPORT__WORKER_METRICS_PORT"),
)
_COMMAND = [sys.executable, "-c", "from services.cli.app import main; main()"]


class OperatedInstallation:
    """An `afterimage up` on a data directory, with free ports."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.data = directory / "data"
        self.log = directory / "log"
        ports = {f"AFTERIMAGE_{name}": str(free_port()) for name in PORTS}
        self.environment = {
            "AFTERIMAGE_DATA_DIR": str(self.data),
            "AFTERIMAGE_AUTH__SECRET": SECRET,
            "AFTERIMAGE_LOG__FORMAT": "json",
            "AFTERIMAGE_INGEST__WORKERS": "1",
            "AFTERIMAGE_REDIS__TIMEOUT_S": "30",
            **ports,
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it; returns when the sidecar is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_COMMAND, "up"], env=os.environ | self.environment, stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: self.get("/readyz")[0] == 200, self._process, self.log)

    def stop(self) -> None:
        """Ends it as systemd does, and fails if it does not end in order."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(PATIENCE_S) == 0, self.log.read_text()
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    def run(self, *words: object) -> str:
        """Runs a command of `afterimage`; returns its standard output."""
        return run_command(self.environment, *words)

    def process(self, *words: object) -> subprocess.CompletedProcess[str]:
        """Runs a command of `afterimage` as a process of its own."""
        return subprocess.run(
            [*_COMMAND, *map(str, words)],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S * 2,
        )

    def shell(self, script: str) -> str:
        """Runs shell commands in which `afterimage` is the command of this installation; returns their output."""
        return shell(f'afterimage() {{ {shlex.join(_COMMAND)} "$@"; }}\n{script}', self.environment)

    def address(self, name: str) -> str:
        """Returns the address of a port, such as AUDIT__PORT."""
        return f"127.0.0.1:{self.environment[f'AFTERIMAGE_{name}']}"

    def get(self, path: str, port: str = "SIDECAR__PORT", **headers: str) -> tuple[int, str]:
        """Returns the answer to an HTTP request: status (0: no connection) and body."""
        request = urllib.request.Request(f"http://{self.address(port)}{path}", headers=headers)
        return fetch(request)

    def call(self, method: str, message: dict[str, object], token: str) -> tuple[int, dict[str, object]]:
        """Calls a unary method through the sidecar, in JSON; without a token where it is ""."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        url = f"http://{self.address('SIDECAR__PORT')}/{method}"
        request = urllib.request.Request(url, json.dumps(message).encode(), headers)
        status, body = fetch(request)
        return status, json.loads(body)


def run_command(environment: dict[str, str], *words: object) -> str:
    """Runs a command of `afterimage` in this process; returns its standard output."""
    found = CliRunner().invoke(make_app(), [str(word) for word in words], env=environment)
    assert found.exit_code == 0, found.output
    return found.stdout


def fetch(request: urllib.request.Request) -> tuple[int, str]:
    """Returns the answer to an HTTP request: status (0: no connection) and body."""
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def until(condition, process: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when the condition holds; fails when the process ends before, or after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def session_ids(listing: str) -> list[str]:
    """Returns the ids in the output of `afterimage sessions --json`."""
    return [json.loads(line)["sessionId"] for line in listing.splitlines()]


def commands(page: str, heading: str) -> list[str]:
    """The blocks of shell commands below a heading of a page of docs/, up to the next heading of its level or above."""
    level = len(heading.split(maxsplit=1)[0])
    blocks: list[str] = []
    is_below = is_found = False
    fence = ""
    for line in (DOCS / page).read_text().splitlines():
        text = line.strip()
        if fence:
            if text == "```":
                fence = ""
            elif is_below and fence == "```sh":
                blocks[-1] += line.removeprefix("   ") + "\n"
        elif text.startswith("```"):
            fence = text
            if is_below and fence == "```sh":
                blocks.append("")
        elif line.startswith("#") and (line == heading or len(line.split(maxsplit=1)[0]) <= level):
            is_below = line == heading
            is_found |= is_below
    assert is_found, f"{page} has no heading {heading!r}"
    return blocks


def shell(script: str, environment: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """Runs shell commands up to the first that fails; returns their output."""
    found = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=os.environ | (environment or {}),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout
