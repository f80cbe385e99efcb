"""An invalid policy prevents start-up and is rejected at SIGHUP. A valid one applies from then on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from support.audit_server import SECRET, AuditServer, full_snapshot, new_session, now_ms
from support.ports import free_port, until_open
from support.wait import PATIENCE_S

from services.runtime.settings.loader import load_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HEAD = """\
[auth]
secret = "{secret}"

[[projects]]
id = "demo"

[privacy]
"""


class ReloadedAudit:
    """A settings file and the process that goes by it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.file = directory / "afterimage.toml"
        self.log = directory / "log"
        self.port = free_port()

    def write(self, privacy: str) -> None:
        self.file.write_text(HEAD.format(secret=SECRET) + privacy)

    async def start(self) -> asyncio.subprocess.Process:
        with self.log.open("wb") as log:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.audit"),
                env={
                    **os.environ,
                    "AFTERIMAGE_CONFIG": str(self.file),
                    "AFTERIMAGE_DATA_DIR": str(self.directory / "data"),
                    "AFTERIMAGE_AUDIT__PORT": str(self.port),
                    "AFTERIMAGE_AUDIT__METRICS_PORT": "-1",
                    "AFTERIMAGE_INGEST__WORKERS": "1",
                },
                stdout=log,
                stderr=log,
            )

    async def said(self, words: str, times: int = 1) -> str:
        """Waits until the process has printed `words` `times` times."""
        async with asyncio.timeout(PATIENCE_S):
            while (log := self.log.read_text()).count(words) < times:  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.05)
        return log

    @asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[AuditServer, asyncio.subprocess.Process]]:
        process = await self.start()
        try:
            await until_open(self.port, process, self.log)
            address = f"127.0.0.1:{self.port}"
            async with grpc.aio.insecure_channel(address) as channel:
                yield AuditServer(load_settings(self.file), address, channel), process
        finally:
            process.terminate()
            await process.wait()


@pytest.fixture
def installation(tmp_path) -> ReloadedAudit:
    return ReloadedAudit(tmp_path)


@pytest.mark.parametrize(
    ("privacy", "line", "key", "reason"),
    [
        ('[privacy.rules]\nemial = "mask"', 9, "[privacy.rules] emial", "is an unknown rule"),
        ('[privacy.rules]\nphone = "keep"\nemail = "shred"', 10, "[privacy.rules] email", "'shred' is unknown"),
        ("[privacy.custom.twice]\npattern = '(a)\\1'", 9, "[privacy.custom.twice] pattern", "RE2 rejects it"),
        ('[privacy.selectors]\nblock = [\n  "div > p",\n]', 9, "[privacy.selectors] block", "is not supported here"),
        (
            '[privacy.selectors]\nblock = [".a"]\nunmask = [".a"]',
            10,
            "[privacy.selectors] unmask",
            "'.a' is also in block",
        ),
    ],
)
async def test_a_process_does_not_start_with_a_bad_policy(installation, privacy, line, key, reason):
    installation.write(privacy)
    process = await installation.start()
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 2
    said = installation.log.read_text()
    assert said.startswith(f"{installation.file}:{line}: "), said
    assert key in said
    assert reason in said
    assert said.count("\n") == 1


async def test_problems_of_a_project_name_the_project_and_its_line(installation):
    installation.write('[[projects]]\nid = "shop"\n[projects.privacy.rules]\nemail = "shred"')
    process = await installation.start()
    async with asyncio.timeout(PATIENCE_S):
        assert await process.wait() == 2
    said = installation.log.read_text()
    assert said.startswith(f"{installation.file}:11: projects.shop: [projects.privacy.rules] email: 'shred' is unknown")


def says(words: str) -> dict:
    texts = [{"id": 5, "value": words}]
    data = {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}
    return {"type": 3, "data": data, "timestamp": now_ms()}


@pytest.mark.timeout(180)
async def test_a_bad_policy_is_not_taken_at_sighup_and_a_good_one_holds_from_the_next_chunk_on(installation):
    installation.write("")
    words = "mail dana@example.com, order ORD-1234"
    async with installation.running() as (audit, process):
        session = new_session()

        async def version() -> str:
            answer = await audit.stub.GetPrivacyPolicy(pb.GetPrivacyPolicyRequest(), metadata=audit.auth("view"))
            return answer.privacy_policy.version

        first = await version()
        async with audit.recorder(session) as recorder:
            assert recorder.ready.privacy_policy.version == first
            await recorder.send(1, [full_snapshot(now_ms()), says(words)])
            await recorder.ack(1)

            installation.write('[privacy.rules]\nemail = "shred"')
            process.send_signal(signal.SIGHUP)
            log = await installation.said("were not reloaded, the old ones stay in force")
            assert f"{installation.file}:9: [privacy.rules] email: " in log
            assert await version() == first
            await recorder.send(2, [says(words)])
            await recorder.ack(2)

            installation.write("[projects.nonsense")
            process.send_signal(signal.SIGHUP)
            await installation.said("were not reloaded, the old ones stay in force", 2)
            assert await version() == first

            installation.write("[privacy.custom.order]\npattern = 'ORD-\\d{4}'\nmethod = \"block\"")
            process.send_signal(signal.SIGHUP)
            await installation.said("the privacy policies were reloaded")
            assert await version() != first
            await recorder.send(3, [says(words)])
            await recorder.ack(3)
            assert await recorder.end(3) is None
        events = (await audit.replay(session)).events
    shown = [event["data"]["texts"][0]["value"] for event in events if event["type"] == 3]
    before, after = "mail ***, order ORD-1234", "mail ***, order [order]"
    assert shown == [before, before, after]
    assert process.returncode == 0
