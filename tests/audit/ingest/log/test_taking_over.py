"""A log of a killed AuditService, taken over with another setting, by a backup, or not at all."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import uuid

import pytest
from audit.service import client, uuid7
from operating.installation import run_command
from support.audit_process import KillableAuditProcess
from support.ports import free_port
from support.wait import PATIENCE_S
from typer.testing import CliRunner

from services.audit.ingest.log.segment import numbers
from services.cli.app import make_app

CHUNKS = [[{"type": 5, "timestamp": 0, "data": {"tag": "t", "payload": {"n": number}}}] for number in range(3)]


@pytest.fixture
async def killed(settings, mint) -> uuid.UUID:
    """A session of which all chunks were acknowledged right before the service was killed."""
    begin = time.time_ns() // 1_000_000 - 60_000
    for number, events in enumerate(CHUNKS):
        events[0]["timestamp"] = begin + number
    session = uuid7(begin)
    server = KillableAuditProcess(settings, free_port())
    await server.start()
    async with client(server.address, mint("record")) as opened:
        assert await opened.record(session, uuid.uuid4(), CHUNKS) == len(CHUNKS)
    await server.kill()
    assert numbers(settings.data_dir / "log")
    return session


def environment_of(settings) -> dict[str, str]:
    return {
        "AFTERIMAGE_DATA_DIR": str(settings.data_dir),
        "AFTERIMAGE_AUTH__SECRET": settings.auth.secret.get_secret_value(),
        "AFTERIMAGE_LOG__FORMAT": "json",
    }


async def test_a_log_is_emptied_where_nothing_is_logged_any_more(killed, settings, mint):
    server = KillableAuditProcess(settings, free_port(), AFTERIMAGE_INGEST__DURABILITY="database")
    await server.start()
    assert numbers(settings.data_dir / "log") == []
    async with client(server.address, mint("view", "record")) as opened:
        assert await opened.events(killed) == [event for events in CHUNKS for event in events]
        another = uuid7(time.time_ns() // 1_000_000)
        assert await opened.record(another, uuid.uuid4(), CHUNKS) == len(CHUNKS)
    assert numbers(settings.data_dir / "log") == []
    await server.kill()


async def test_a_backup_has_what_is_only_in_the_log(killed, settings, tmp_path):
    copy = tmp_path / "copy"
    await asyncio.to_thread(run_command, environment_of(settings), "backup", copy, "--without-links")
    [manifest] = copy.glob("manifest*")
    rows = json.loads(manifest.read_bytes())["tables"]["chunks"]["rows"]
    assert rows in {len(CHUNKS), 2 * len(CHUNKS)}  # a busy process had stored them before it was killed


async def test_a_log_that_cannot_be_used_is_named_in_one_sentence(killed, settings, tmp_path):
    [number] = numbers(settings.data_dir / "log")
    path = settings.data_dir / "log" / f"{number:012}.log"
    path.unlink()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.audit"],
        env=environment_of(settings) | {"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert f"{path} is missing: acknowledged chunks may be lost" in done.stderr
    assert "Traceback" not in done.stderr
    words = ["backup", str(tmp_path / "copy"), "--without-links"]
    found = await asyncio.to_thread(CliRunner().invoke, make_app(), words, env=environment_of(settings))
    assert found.exit_code != 0
    assert f"{path} is missing" in found.output.replace("\n", "")
