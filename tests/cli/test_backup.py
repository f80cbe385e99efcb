"""`afterimage backup` and `restore`: refusals, and the state after a kill or on a full disk."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from audit.storage import NOW_MS, chunk, head, window_key
from support import clickhouse
from support.small_disk import small_disk
from support.wait import PATIENCE_S

from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import MIGRATIONS, migrate

from .commands import COMMAND, SECRET, run

SESSIONS = 16


def fill(data: Path, sessions: int = SESSIONS, payload_bytes: int = 100_000) -> None:
    async def write():
        engine = await ChdbEngine.open(data / "chdb", 2)
        dialect = Dialect(engine.version)
        await migrate(engine, dialect)
        store = RecordingStore(engine, dialect, Retention({}, lambda: NOW_MS), lambda: NOW_MS)
        for number in range(sessions):
            key = window_key(NOW_MS - 86_400_000 * number)  # a file per day
            await store.insert([head(key)], [chunk(key, 1, text=os.urandom(payload_bytes).hex().encode())])
        await engine.close()

    asyncio.run(write())


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The data directory of a stopped installation."""
    data = tmp_path_factory.mktemp("filled") / "data"
    fill(data)
    return data


@pytest.fixture(scope="module")
def whole(filled, tmp_path_factory):
    """A backup of it."""
    directory = tmp_path_factory.mktemp("copies") / "whole"
    assert process("backup", directory, data=filled).returncode == 0
    return directory


def environment(data: Path) -> dict[str, str]:
    return {
        "AFTERIMAGE_DATA_DIR": str(data),
        "AFTERIMAGE_AUTH__SECRET": SECRET,
        "AFTERIMAGE_PROJECTS": '[{"id": "demo", "retention_days": 0}]',  # the recordings are old
    }


def process(*words, data: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, words)],
        env=os.environ | environment(data) | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def is_refused(answer, *parts: str) -> None:
    """Checks the exit status and the one sentence of a refusal."""
    status, error = (answer.returncode, answer.stderr) if hasattr(answer, "returncode") else (answer.status, answer.err)
    assert status == 1, error
    sentence = error.splitlines()[-1]
    assert "Traceback" not in error
    for part in parts:
        assert part in sentence


def content(copy: Path) -> dict[str, int]:
    """The number of chunks by day. Of windows there may be an earlier row too, until they are merged."""
    files = json.loads((copy / "manifest.json").read_text())["files"]
    return {file["path"]: file["rows"] for file in files if file["path"].startswith("chunks/")}


def test_a_backup_is_private_and_verifiable(whole):
    assert {path.stat().st_mode & 0o077 for path in [whole, *whole.rglob("*")]} == {0}
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=whole, check=True)
    assert list(content(whole).values()) == [1] * SESSIONS
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in whole.rglob("*") if path.is_file())


def test_a_backup_refuses_what_it_would_overwrite_or_cannot_find(tmp_path, filled):
    (tmp_path / "there").mkdir()
    (tmp_path / "there/mine").write_text("kept")
    is_refused(run("backup", tmp_path / "there", **environment(filled)), "there exists already")
    (tmp_path / "file").write_text("kept")
    is_refused(run("backup", tmp_path / "file", **environment(filled)), "file exists already")
    is_refused(run("backup", tmp_path / "a/b", **environment(filled)), "create it first")
    is_refused(run("backup", tmp_path / "new", **environment(tmp_path / "none")), "nothing to back up")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]
    assert not (tmp_path / "none").exists()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x20
    path.write_bytes(bytes(data))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def make_newer(copy: Path, **values: object) -> None:
    """A backup of a later version, with checksums that are right."""
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text()) | values
    path.write_text(json.dumps(manifest))
    lines = (copy / "SHA256SUMS").read_text().splitlines()
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    kept = [line for line in lines if not line.endswith("manifest.json")]
    (copy / "SHA256SUMS").write_text("\n".join([*kept, f"{checksum}  manifest.json"]) + "\n")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda copy: flip(next(copy.glob("chunks/*"))), "is damaged"),
        (lambda copy: cut_off(next(copy.glob("windows/*"))), "is damaged"),
        (lambda copy: flip(copy / "manifest.json"), "is damaged"),
        (lambda copy: next(copy.glob("chunks/*")).unlink(), "is missing"),
        (lambda copy: (copy / "SHA256SUMS").unlink(), "not a complete backup"),
        (lambda copy: (copy / "SHA256SUMS").write_text(""), "is damaged"),
        (lambda copy: (copy / "SHA256SUMS").write_bytes(b"\xff"), "cannot be read"),
        (lambda copy: (copy / "SHA256SUMS").write_text("0  ../../etc/passwd\n"), "is damaged"),
        (lambda copy: make_newer(copy, format=2, version="9.9"), "the newer version 9.9"),
        (lambda copy: make_newer(copy, schema=MIGRATIONS[-1].number + 1, version="9.9"), "the newer version 9.9"),
        (lambda copy: make_newer(copy, tables=[]), "is not a manifest"),
        (lambda copy: make_newer(copy, files=[{"path": "x", "table": "chunks", "rows": 1}]), "is not complete"),
        (shutil.rmtree, "is not a directory"),
    ],
)
def test_a_restore_refuses_a_backup_that_is_damaged_incomplete_or_newer(tmp_path, whole, damage, says):
    copy = tmp_path / "copy"
    shutil.copytree(whole, copy)
    damage(copy)
    is_refused(run("restore", copy, **environment(tmp_path / "data")), says)
    assert not (tmp_path / "data").exists()


def test_a_restore_refuses_an_installation_that_is_not_empty(filled, whole):
    before = sorted(path.name for path in filled.iterdir())
    is_refused(process("restore", whole, data=filled), "has recordings already")
    assert sorted(path.name for path in filled.iterdir() if path.name != "up.json") == before


def test_a_restore_fills_an_installation_that_was_started_once(tmp_path, whole):
    fill(tmp_path / "data", sessions=0)
    answer = process("restore", whole, data=tmp_path / "data")
    assert answer.returncode == 0, answer.stderr
    assert f"restored {SESSIONS} windows, {SESSIONS} chunks" in answer.stdout
    assert process("backup", tmp_path / "again", data=tmp_path / "data").returncode == 0
    assert content(tmp_path / "again") == content(whole)


def killed_at(condition, *words, data: Path, **settings: str) -> None:
    """Runs a command, and kills it when the condition holds."""
    with subprocess.Popen(
        [*COMMAND, *map(str, words)],
        env=os.environ | environment(data) | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert running.poll() is None, running.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.kill()
        assert running.wait() == -signal.SIGKILL


def test_a_killed_backup_leaves_nothing_of_its_name_and_is_cleared_by_the_next(tmp_path, filled, whole):
    def half():
        return len(list(tmp_path.glob(".copy.incomplete-*/chunks/*"))) > SESSIONS // 4

    killed_at(half, "backup", tmp_path / "copy", data=filled)
    assert not (tmp_path / "copy").exists()
    assert len(list(tmp_path.glob(".copy.incomplete-*"))) == 1

    assert process("backup", tmp_path / "copy", data=filled).returncode == 0

    assert [path.name for path in tmp_path.iterdir()] == ["copy"]
    assert content(tmp_path / "copy") == content(whole)


def test_a_killed_restore_leaves_an_empty_installation_that_can_be_restored(tmp_path, whole):
    data = tmp_path / "data"

    def half():
        return len(list(data.glob("chdb.restoring/store/*/*/20*_*"))) > SESSIONS

    killed_at(half, "restore", whole, data=data)
    assert not (data / "chdb").exists()

    answer = process("restore", whole, data=data)

    assert answer.returncode == 0, answer.stderr
    assert not (data / "chdb.restoring").exists()
    assert process("backup", tmp_path / "again", data=data).returncode == 0
    assert content(tmp_path / "again") == content(whole)


@pytest.mark.catalogue(like="test_a_killed_restore_leaves_an_empty_installation_that_can_be_restored")
@pytest.mark.clickhouse
def test_a_killed_restore_into_a_server_is_noticed_and_can_be_restored(tmp_path, whole):
    with clickhouse.server() as url:
        of_server = {"AFTERIMAGE_CLICKHOUSE__ENGINE": "server", "AFTERIMAGE_CLICKHOUSE__URL": url}

        def half():
            return asyncio.run(count_chunks(url)) > SESSIONS // 4

        killed_at(half, "restore", whole, data=tmp_path / "data", **of_server)
        audit = subprocess.run(
            [sys.executable, "-m", "services.audit"],
            env=os.environ | environment(tmp_path / "data") | of_server | {"AFTERIMAGE_AUDIT__PORT": "0"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert audit.returncode == 1
        assert "a restore into this database was interrupted" in audit.stderr

        answer = process("restore", whole, data=tmp_path / "data", **of_server)

        assert answer.returncode == 0, answer.stderr
        is_refused(process("restore", whole, data=tmp_path / "data", **of_server), "has recordings already")
        assert process("backup", tmp_path / "again", data=tmp_path / "data", **of_server).returncode == 0
        assert content(tmp_path / "again").keys() == content(whole).keys()
        assert asyncio.run(count_chunks(url)) == SESSIONS


async def count_chunks(url: str) -> int:
    engine = await ClickHouseEngine.open(url, 1, timeout_s=PATIENCE_S)
    try:
        if not await engine.query("SELECT 1 FROM system.tables WHERE database = 'afterimage' AND name = 'chunks'"):
            return 0
        [(count,)] = await engine.query("SELECT uniqExact(session) FROM chunks")
        return count
    finally:
        await engine.close()


def test_two_backups_at_once_both_appear_or_one_is_refused(tmp_path, filled, whole):
    data = tmp_path / "data"
    shutil.copytree(filled, data, symlinks=True)
    with subprocess.Popen(
        [sys.executable, "-m", "services.audit"],
        env=os.environ
        | environment(data)
        | {
            "AFTERIMAGE_AUDIT__PORT": "0",
            "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
            "AFTERIMAGE_INGEST__WORKERS": "0",
        },
    ) as audit:
        deadline = time.monotonic() + PATIENCE_S
        while not (data / "chdb/backup.sock").exists():
            assert audit.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running = [
            subprocess.Popen(
                [*COMMAND, "backup", str(tmp_path / name)],
                env=os.environ | environment(data),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in ("one", "two", "two")
        ]
        errors = [one.communicate()[1] for one in running]
        statuses = [one.returncode for one in running]
        audit.terminate()
    assert (statuses[0], sorted(statuses[1:])) == (0, [0, 1]), errors
    assert sum("two exists already" in error for error in errors) == 1
    assert content(tmp_path / "one") == content(tmp_path / "two") == content(whole)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "one", "two"]


def test_a_backup_onto_a_disk_that_is_too_small_is_refused_before_it_begins(tmp_path, filled):
    with small_disk(tmp_path / "disk", 17 << 20) as disk:  # less than the rows and SPARE_BYTES
        is_refused(process("backup", disk.path / "copy", data=filled), "free, and the backup needs")
        assert list(disk.path.iterdir()) == []


def test_a_backup_whose_disk_fills_up_leaves_nothing(tmp_path, filled):
    with small_disk(tmp_path / "disk", 64 << 20) as disk:
        with subprocess.Popen(
            [*COMMAND, "backup", str(disk.path / "copy")],
            env=os.environ | environment(filled),
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            deadline = time.monotonic() + PATIENCE_S
            while not list(disk.path.glob(".copy.incomplete-*/chunks/*")):
                assert running.poll() is None, running.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            disk.fill(0)
            error = running.communicate()[1]
        assert running.returncode == 1, error
        assert "No space left on device" in error.splitlines()[-1]
        assert {path.name for path in disk.path.iterdir()} <= {"ballast"}  # the copy may have filled the disk itself


def test_a_restore_onto_a_disk_that_is_too_small_is_refused_before_it_begins(tmp_path, whole):
    with small_disk(tmp_path / "disk", 3 << 20) as disk:  # less than GROWTH times the rows
        is_refused(process("restore", whole, data=disk.path / "data"), "free, and the restore needs")
        assert not (disk.path / "data/chdb").exists()
