"""Backup and restore as docs/operating.md has them: its own commands, its own scripts, on both engines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support import clickhouse
from support.require import missing

from .installation import DEPLOY, SAMPLES, OperatedInstallation, commands, run_command, session_ids, shell

pytestmark = pytest.mark.timeout(900)  # several installations are started, one after the other

NO_WORKERS = {"AFTERIMAGE_INGEST__WORKERS": "0"}


def exports(installation: OperatedInstallation, directory: Path) -> dict[str, bytes]:
    """Every session's events, as `afterimage export` writes them."""
    directory.mkdir()
    found = {}
    for session in session_ids(installation.run("sessions", "--json")):
        installation.run("export", session, "-o", directory / f"{session}.json")
        found[session] = b"".join(path.read_bytes() for path in sorted(directory.glob(f"{session}*")))
    return found


def on_this_machine(script: str, installation: OperatedInstallation, backups: Path) -> str:
    """The commands of a page, for the directories and the user of a test; starting and stopping is the test's."""
    lines = [line for line in script.splitlines() if not line.startswith("systemctl")]
    return (
        "\n".join(lines)
        .replace("/var/lib/afterimage", str(installation.data))
        .replace("/var/backups", str(backups))
        .replace("-o afterimage -g afterimage ", "")
    )


def test_embedded_engine_comes_back_from_the_archive(tmp_path):
    backup, restore = commands("operating.md", "### Embedded engine")
    assert backup.splitlines()[0] == restore.splitlines()[0] == "systemctl stop afterimage-up"
    assert backup.splitlines()[-1] == restore.splitlines()[-1] == "systemctl start afterimage-up"
    installation = OperatedInstallation(tmp_path, **NO_WORKERS)
    with installation:
        installation.run("import", *SAMPLES)
        before = exports(installation, tmp_path / "before")
        installation.run("share", "create", next(iter(before)), "--ttl", "1d")
        links = installation.run("share", "list")
    shell(on_this_machine(backup, installation, tmp_path))

    shutil.rmtree(installation.data)
    shell(on_this_machine(restore, installation, tmp_path))

    with installation:
        assert len(before) == len(SAMPLES)
        assert exports(installation, tmp_path / "after") == before
        assert installation.run("share", "list") == links


def server_settings(url: str, redis_url: str) -> dict[str, str]:
    return NO_WORKERS | {
        "AFTERIMAGE_CLICKHOUSE__ENGINE": "server",
        "AFTERIMAGE_CLICKHOUSE__URL": url,
        "AFTERIMAGE_REDIS__URL": redis_url,
    }


@pytest.fixture
def clickhouse_client():
    if shutil.which("clickhouse-client") is None:
        missing("no clickhouse-client here (apt-get install clickhouse-client): backup of servers is NOT tested")


@pytest.mark.catalogue(like="test_embedded_engine_comes_back_from_the_archive")
@pytest.mark.clickhouse
@pytest.mark.usefixtures("clickhouse_client")
def test_clickhouse_server_comes_back_from_the_copy(tmp_path, redis_url):
    _, restore = commands("operating.md", "### ClickHouse server")
    assert restore.splitlines()[0] == "afterimage migrate"
    copy = tmp_path / "copy"
    with clickhouse.server() as url:
        installation = OperatedInstallation(tmp_path, **server_settings(url, redis_url))
        with installation:
            installation.run("import", *SAMPLES)
            before = exports(installation, tmp_path / "before")
            deleted, kept = min(before), sorted(before)[1:]
            shell(backup_command(url, copy))
            token = installation.run("token", "--scope", "admin").strip()
            status, answer = installation.call(
                "afterimage.audit.v1.AuditService/DeleteSessions", {"sessionIds": [deleted]}, token
            )
            assert (status, answer["sessionCount"]) == (200, "1")
            trail = json.dumps(installation.call("afterimage.audit.v1.AuditService/ListAccessEvents", {}, token)[1])
            # Deletions after the backup, as the page requires.
            later = tmp_path / "later"
            shell(backup_command(url, later))
            shutil.copytree(later / "deletions", copy / "deletions", dirs_exist_ok=True)
        assert deleted in trail

    with clickhouse.server() as url:
        installation = OperatedInstallation(tmp_path / "new", **server_settings(url, redis_url))
        installation.data.parent.mkdir()
        run_command(installation.environment, "migrate")
        for _ in range(2):  # restoring twice changes nothing
            shell(f"{DEPLOY}/clickhouse-restore {copy} --host 127.0.0.1 --port {url.rpartition(':')[2]}")
        with installation:
            after = exports(installation, tmp_path / "after")
            assert sorted(after) == kept
            assert after == {session: before[session] for session in kept}
            listed = [json.loads(line) for line in installation.run("sessions", "--json").splitlines()]
            assert all(int(session["totals"]["eventCount"]) > 0 for session in listed)


def backup_command(url: str, directory: Path) -> str:
    return f"{DEPLOY}/clickhouse-backup {directory} --host 127.0.0.1 --port {url.rpartition(':')[2]}"
