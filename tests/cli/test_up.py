"""`afterimage up` as real processes: starts, serves, restarts, ends, and leaves nothing behind."""

from __future__ import annotations

import fcntl
import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from unittest.mock import ANY
from uuid import uuid4

import psutil
import pytest
import redis
from support.wait import PATIENCE_S

from services.audit.ingest.workers.pool import default_count
from services.cli.up.hints import way_in
from services.cli.up.programs import Installation
from services.cli.up.redis_process import MAX_SOCKET_PATH_BYTES, redis_socket
from services.runtime.settings.loader import load_settings

from .commands import SESSION_ID, Up, are_gone, run, until, up_environment

NO_WORKERS = {"AFTERIMAGE_INGEST__WORKERS": "0"}
"""For installations that take nothing in: they start half a second sooner."""


def test_from_start_to_ctrl_c(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where `run` finds the installation, as commands do
    with Up(tmp_path, "--samples", environment=up_environment()) as up:
        said = up.said("Ctrl-C ends it")
        running = up.running
        assert all(address in said for address in (running["audit"], running["redis"], running["audit_metrics"]))
        assert "Sample recordings: 3 sessions, 703 events" in said
        assert len(set(SESSION_ID.findall(said))) == 3
        assert redis.Redis.from_url(running["redis"]).config_get("appendonly") == {"appendonly": "yes"}
        assert (tmp_path / ".data").stat().st_mode & 0o077 == 0
        _has_only_what_it_needs(up)

        # Other commands find it, independent of its ports.
        listed = run("sessions", "--since", "1d", "--json")
        assert listed.status == 0, listed.err
        assert {json.loads(line)["tags"]["source_file"] for line in listed.lines} == {
            "shop-checkout.json.gz",
            "shop-errors.json.gz",
            "shop-mobile.json.gz",
        }

        # The printed address exists, and its token signs in.
        ids = {json.loads(line)["sessionId"] for line in listed.lines}
        address, token = re.search(r"^  (http://\S+)/signin#token=(\S+)$", said, re.MULTILINE).groups()
        assert address == running["sidecar"]
        assert f"  {address}/demo/\n" in said
        for method in ("audit.v1.AuditService/ListSessions", "share.v1.ShareService/ListShareLinks"):
            request = urllib.request.Request(f"{address}/afterimage.{method}", data=b"{}")
            request.add_header("Content-Type", "application/json")
            request.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(request) as answer:
                assert json.load(answer) is not None

        if default_count():
            expected = r"^ok +workers +(\d+ ready|none runs; they start with the next recording), none has died"
            assert re.search(expected, run("doctor").out, re.MULTILINE)

        again = up.run("up", "--port", "0")
        assert again.status == 1
        assert again.err == (
            f"the data directory {tmp_path}/.data is open already: `afterimage up` runs in process {up.process.pid}; "
            "stop it, or set another AFTERIMAGE_DATA_DIR here\n"
        )

        audit = up.child("services.audit")
        audit.kill()
        assert "audit was ended by SIGKILL; starting it again in 0.5 s" in up.said("audit serves again")
        assert up.child("services.audit").pid != audit.pid
        assert len(run("sessions", "--json").lines) == 3

        children = up.descendants()
        assert up.interrupt() == 0
        until(lambda: are_gone(children), "the children are gone")  # the last are helpers of multiprocessing
        assert "stopping" in up.everything
        assert (tmp_path / ".data/up.json").read_text() == ""

    # Once more on the same directory, ended as a service manager ends it: everything is still there, and once.
    with Up(tmp_path, "--port", "0", "--samples", environment=NO_WORKERS) as up:
        assert "3 already here, 0 problems" in up.said("Ctrl-C ends it")
        assert set(run("sessions", "--ids").lines) == ids
        assert up.interrupt(signal.SIGTERM) == 0


def _has_only_what_it_needs(up):
    """The processes, and libraries that they would hold for as long as they run."""
    packages = ["services.audit", "services.together", "services.export.worker", "sidecar"]
    found = {package: _libraries(up.child(package)) for package in packages}
    others = [one for one in up.descendants() if not set(packages) & set(one.cmdline())]
    workers = [one for one in others if "services.audit.ingest.workers.process" in one.cmdline()]
    assert len(others) - len(workers) == 1  # Redis
    if sys.platform != "linux":
        return
    assert _libraries(psutil.Process(up.process.pid)) == set()
    # Chunks were processed by workers, which load the compiler.
    assert found["services.audit"] == {"cygrpc", "pydantic_core", "multiarray", "chdb"}
    for package in packages[1:]:
        assert found[package] == {"cygrpc", "pydantic_core"}, package


def _libraries(process):
    """Returns which large libraries are mapped into a process."""
    mapped = " ".join(Path(each.path).name for each in process.memory_maps()) if sys.platform == "linux" else ""
    names = {"cygrpc", "pydantic_core", "multiarray", "llvmlite", "arrow", "chdb"}
    return {name for name in names if name in mapped}


def test_each_line_to_type_works_as_it_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # `export` writes there
    with Up(tmp_path, "--port", "0", "--samples", environment=NO_WORKERS) as up:
        said = up.said("Ctrl-C ends it")
        lines = said.split("How to look:")[1].split("Open in a browser:")[0]
        typed = "\n".join(line.strip() for line in lines.splitlines() if line.startswith("  "))
        assert [line.split()[:2] for line in typed.splitlines()] == [
            *(["afterimage", "sessions"], ["afterimage", "export"], ["afterimage", "doctor"]),
            *(["export", ANY], ["curl", "-sS"]),
        ]
        shown, exported, examined = (up.run(*shlex.split(line)[1:]) for line in typed.splitlines()[:3])
        assert len(set(SESSION_ID.findall(shown.out))) == 3
        assert exported.status == 0
        assert len(json.loads(Path("session.json").read_text())) > 100
        assert examined.status == 0, examined.out
        called = subprocess.run(["sh", "-ec", "\n".join(typed.splitlines()[3:])], capture_output=True, check=False)
        assert called.returncode == 0, called.stderr
        assert len(json.loads(called.stdout)["sessions"]) == 3


def test_no_child_outlives_one_that_is_killed(tmp_path):
    with Up(tmp_path, "--port", "0", environment=NO_WORKERS) as up:
        up.said("Ctrl-C ends it")
        children = up.descendants()
        assert len(children) >= 2
        up.process.kill()
        until(lambda: are_gone(children), "the children are gone")


@pytest.mark.catalogue(like="test_no_child_outlives_one_that_is_killed")
def test_it_ends_with_whoever_started_it(tmp_path):
    # A shell that waits for it: the second command keeps bash from becoming the program itself.
    with Up(tmp_path, "--port", "0", prefix=["bash", "-c", '"$@"; true', "bash"], environment=NO_WORKERS) as up:
        up.said("Ctrl-C ends it")
        processes = up.descendants()
        up.process.kill()
        until(lambda: are_gone(processes), "all processes are gone")
        assert "the parent process has ended" in up.everything


def test_a_directory_that_an_audit_service_has_open_is_one_sentence(tmp_path):
    directory = tmp_path / ".data/chdb"
    directory.mkdir(parents=True)
    with (directory / "afterimage.lock").open("w") as lock:
        lock.write("4711\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        with Up(tmp_path, "--port", "0", environment=NO_WORKERS) as up:
            assert up.process.wait(PATIENCE_S) == 1
            assert up.everything == (
                f"the data directory {directory} is open already in process 4711: stop it, "
                "or set another AFTERIMAGE_DATA_DIR here\n"
            )


def test_ports_that_are_taken_are_named_before_anything_starts(tmp_path):
    with socket.socket() as one, socket.socket() as two:
        for taken in (one, two):
            taken.bind(("127.0.0.1", 0))
            taken.listen()
        ports = {
            "AFTERIMAGE_AUDIT__PORT": str(one.getsockname()[1]),
            "AFTERIMAGE_SHARE__METRICS_PORT": str(two.getsockname()[1]),
            "AFTERIMAGE_AUDIT__METRICS_PORT": "0",
            "AFTERIMAGE_SHARE__PORT": "0",
            "AFTERIMAGE_SIDECAR__PORT": "0",
            "AFTERIMAGE_EXPORT__PORT": "0",
            "AFTERIMAGE_EXPORT__METRICS_PORT": "0",
            "AFTERIMAGE_EXPORT__WORKER_METRICS_PORT": "0",
        }
        with Up(tmp_path, environment=ports) as up:
            assert up.process.wait(PATIENCE_S) == 1
            audit, share, advice = up.everything.splitlines()
    assert audit == f"audit.port: cannot listen on 127.0.0.1:{ports['AFTERIMAGE_AUDIT__PORT']}: address already in use"
    assert share.startswith("share.metrics_port: cannot listen on 127.0.0.1:")
    assert "--port 0" in advice
    assert [path.name for path in (tmp_path / ".data").iterdir()] == ["up.json"]


def test_a_service_that_cannot_start_ends_everything(tmp_path):
    with Up(tmp_path, "--port", "0", environment={"AFTERIMAGE_PRIVACY": '{"preset": "nonsense"}'}) as up:
        assert up.process.wait(PATIENCE_S) == 1
        assert re.search(r"^audit ended with status \d before it was ready$", up.everything, re.MULTILINE)
        assert "preset" in up.everything
    assert not [one for one in psutil.process_iter() if str(tmp_path) in " ".join(_words(one))]


def test_samples_that_cannot_be_imported_end_everything(tmp_path):
    with Up(tmp_path, "--port", "0", "--samples", environment={**NO_WORKERS, "AFTERIMAGE_TOKEN": "none"}) as up:
        assert up.process.wait(PATIENCE_S) == 1
        *_, why, last = [line for line in up.err.read_text().splitlines() if not line.startswith("{")]
        assert "token" in why
        assert last == "afterimage: stopping"
        assert "Traceback" not in up.everything
    assert (tmp_path / ".data/up.json").read_text() == ""


def _words(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_socket_whose_path_would_be_too_long_lies_elsewhere(tmp_path):
    with redis_socket(tmp_path) as near:
        assert near == tmp_path / "redis.sock"
    with redis_socket(tmp_path / ("long" * 30)) as far:
        assert len(bytes(far)) <= MAX_SOCKET_PATH_BYTES
        assert far.parent.stat().st_mode & 0o077 == 0
        far.touch()
    assert not far.parent.exists()


@pytest.mark.parametrize(
    ("port", "expected"),
    [
        (None, (8080, 50051, 50052, 9151, -1, 50054, 9154, 9164)),
        (7000, (7000, 7001, 7002, 7003, -1, 7005, 7006, 7007)),
    ],
)
def test_ports(monkeypatch, port, expected):
    monkeypatch.setenv("AFTERIMAGE_SHARE__METRICS_PORT", "-1")
    made = Installation.of(load_settings(), None, port)
    settings = made.settings
    ports = (
        settings.sidecar.port,
        settings.audit.port,
        settings.share.port,
        settings.audit.metrics_port,
        settings.share.metrics_port,
        settings.export.port,
        settings.export.metrics_port,
        settings.export.worker_metrics_port,
    )
    assert ports == expected
    assert made.environment["AFTERIMAGE_AUDIT__PORT"] == str(expected[1])


def test_outside_development_people_bring_their_own_token():
    projects = [{"id": "shop", "keys": ["pk_shop"], "origins": ["https://shop.example"]}]
    settings = load_settings(environment="production", auth={"secret": uuid4().hex * 2}, projects=projects)
    said = way_in(settings, "https://replay.example")
    assert "https://replay.example/\n" in said
    assert "identity provider" in said
    assert "token=" not in said
    assert "/demo/" not in said


def test_free_ports_are_eight_different_ones():
    settings = Installation.of(load_settings(), None, 0).settings
    services = (settings.audit, settings.share, settings.export)
    ports = {settings.sidecar.port, *(one.port for one in services), *(one.metrics_port for one in services)}
    ports.add(settings.export.worker_metrics_port)
    assert len(ports) == 8
    assert min(ports) > 0


def test_a_service_is_started_from_what_is_installed(tmp_path):
    """Not from a folder of that name in the current directory."""
    (tmp_path / "services").mkdir()
    (tmp_path / "services/__init__.py").write_text("raise SystemExit('the wrong one')")
    program = Installation.of(load_settings(), None, 0).programs()[0]
    called = subprocess.run(
        [*program.command[:2], "-c", "import services; print('the right one')"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (called.returncode, called.stdout.strip()) == (0, "the right one"), called.stderr
    assert program.command[0] == sys.executable
