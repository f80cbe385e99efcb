"""`afterimage backup` and `restore` as docs/operating.md has them, while recording goes on, on both engines."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from audit.service import chunk, client, start, uuid7
from support import clickhouse
from support.wait import PATIENCE_S

from .installation import SAMPLES, OperatedInstallation, commands, session_ids

pytestmark = pytest.mark.timeout(1_200)  # two installations are started, one after the other

SETTINGS = {"AFTERIMAGE_INGEST__WORKERS": "0", "AFTERIMAGE_PRIVACY": '{"preset": "keep_all"}'}
AUDIT = "afterimage.audit.v1.AuditService"
SHARE = "afterimage.share.v1.ShareService"
ENGINES = {"chdb": ("chdb", "chdb"), "server": ("server", "server"), "chdb-to-server": ("chdb", "server")}


@dataclass
class Content:
    """The finished sessions of an installation as readers see them."""

    exports: dict[str, bytes]
    sessions: dict[str, object]
    interactions: dict[str, list]
    heatmaps: dict[tuple[str, int], object]
    links: str

    @classmethod
    def of(cls, installation: OperatedInstallation, directory: Path, without: uuid.UUID) -> Content:
        token = installation.run("token", "--scope", "view,admin").strip()

        def call(method, **message):
            status, answer = installation.call(f"{AUDIT}/{method}", message, token)
            assert status == 200, answer
            return answer

        listed = [json.loads(line) for line in installation.run("sessions", "--json").splitlines()]
        sessions = {one["sessionId"]: one for one in listed if one["sessionId"] != str(without)}
        directory.mkdir()
        exports, interactions = {}, {}
        for session in sessions:
            installation.run("export", session, "-o", directory / f"{session}.json")
            exports[session] = b"".join(path.read_bytes() for path in sorted(directory.glob(f"{session}*")))
            interactions[session] = call("ListInteractions", sessionId=session, pageSize=1_000)["interactions"]
        pages = [page["page"] for page in call("ListPages", pageSize=500)["pages"]]
        heatmaps = {(page, kind): call("GetHeatmap", page=page, kind=kind) for page in pages for kind in (1, 2, 3)}
        assert any(heatmap.get("points") for heatmap in heatmaps.values())
        return cls(exports, sessions, interactions, heatmaps, installation.run("share", "list", "--json"))


def trail(installation: OperatedInstallation) -> list[str]:
    """The access trail of everything but this command line's own reads since."""
    token = installation.run("token", "--scope", "admin").strip()
    status, answer = installation.call(f"{AUDIT}/ListAccessEvents", {"pageSize": 1_000}, token)
    assert (status, "nextPageToken" in answer and answer["nextPageToken"] != "") == (200, False)
    return [json.dumps(event, sort_keys=True) for event in answer["accessEvents"]]


class EndlessRecorder:
    """A recorder in a thread that sends a chunk again and again until it is stopped."""

    def __init__(self, address: str, token: str) -> None:
        self.session = uuid7(time.time_ns() // 1_000_000)
        self.sent: list[list[dict]] = []
        self.acked = 0
        self._stop = threading.Event()
        self._where = (address, token)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        self.until_acked(3)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        assert self._failure is None, self._failure

    def until_acked(self, seq: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while self.acked < seq:
            assert self._thread.is_alive(), self._failure
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _run(self) -> None:
        try:
            asyncio.run(self._record())
        except BaseException as error:
            self._failure = error
            raise

    async def _record(self) -> None:
        async with client(*self._where) as opened:
            call = opened.stub.RecordSession(metadata=opened.metadata)
            await call.write(start(self.session, uuid.uuid4()))
            assert (await call.read()).HasField("ready")
            writing = asyncio.create_task(self._write(call))
            while (answer := await call.read()) is not grpc.aio.EOF:
                self.acked = max(self.acked, answer.ack.through_seq)
            await writing
            assert await call.code() is grpc.StatusCode.OK

    async def _write(self, call) -> None:
        while not self._stop.is_set():
            at = time.time_ns() // 1_000_000
            self.sent.append(
                [{"type": 5, "timestamp": at, "data": {"tag": "t", "payload": {"n": len(self.sent), "x": "y" * 500}}}]
            )
            await call.write(chunk(len(self.sent), self.sent[-1]))
            await asyncio.sleep(0.01)
        await call.done_writing()


def replayed(installation: OperatedInstallation, session: uuid.UUID) -> list[dict]:
    """The events of a session, without its end being known."""

    async def read():
        token = installation.run("token", "--scope", "view").strip()
        async with client(installation.address("AUDIT__PORT"), token) as opened:
            return await opened.events(session)

    return asyncio.run(read())


def redeem(installation: OperatedInstallation, token: str) -> int:
    """Opens a share link as a visitor does; returns the HTTP status."""
    return installation.call(f"{SHARE}/RedeemShareLink", {"token": token}, "")[0]


def typed(heading: str, number: int, backups: Path) -> str:
    """A block of docs/operating.md for the directories and the user of a test; starting and stopping is the test's."""
    lines = [
        line for line in commands("operating.md", heading)[number].splitlines() if not line.startswith("systemctl")
    ]
    return "\n".join(lines).replace("/var/backups", str(backups)).replace("-o afterimage -g afterimage ", "")


def engine_settings(engine: str, stack: ExitStack) -> dict[str, str]:
    if engine == "chdb":
        return {}
    url = stack.enter_context(clickhouse.server())
    return {"AFTERIMAGE_CLICKHOUSE__ENGINE": "server", "AFTERIMAGE_CLICKHOUSE__URL": url}


@pytest.mark.clickhouse
@pytest.mark.catalogue("chdb-to-server")
@pytest.mark.parametrize("engines", list(ENGINES))
def test_everything_comes_back_from_a_backup_made_while_recording_goes_on(tmp_path, engines):
    of_first, of_second = ENGINES[engines]
    with ExitStack() as stack:
        long = tmp_path / "a path that is longer than the address of a unix socket may be" / ("x" * 40)
        long.mkdir(parents=True)
        first = OperatedInstallation(long, **SETTINGS, **engine_settings(of_first, stack))
        second = OperatedInstallation(tmp_path / "second", **SETTINGS, **engine_settings(of_second, stack))
        second.data.parent.mkdir()
        with first:
            first.run("import", *SAMPLES)
            ids = session_ids(first.run("sessions", "--json"))
            deleted, kept = min(ids), max(ids)
            links = [json.loads(first.run("share", "create", kept, "--ttl", "1d", "--json")) for _ in range(2)]
            first.run("share", "revoke", links[1]["shareLink"]["shareLinkId"])
            token = first.run("token", "--scope", "admin").strip()
            assert first.call(f"{AUDIT}/DeleteSessions", {"sessionIds": [deleted]}, token)[0] == 200
            record = first.run("token", "--scope", "record").strip()
            with EndlessRecorder(first.address("AUDIT__PORT"), record) as recorder:
                acked = recorder.acked
                before = trail(first)
                first.shell(typed("### Back up", 0, tmp_path))
                recorder.until_acked(recorder.acked + 3)
            expected = Content.of(first, tmp_path / "before", recorder.session)

        second.shell(typed("### Restore", 0, tmp_path))
        with second:
            assert set(before) <= set(trail(second))
            assert Content.of(second, tmp_path / "after", recorder.session) == expected
            assert deleted not in expected.sessions
            events = replayed(second, recorder.session)
            assert acked <= len(events) <= len(recorder.sent)
            assert events == [event for events in recorder.sent[: len(events)] for event in events]
            assert [redeem(second, link["token"]) for link in links] == [200, 404]


def test_a_newer_backup_names_what_was_deleted_since(tmp_path):
    first = OperatedInstallation(tmp_path, **SETTINGS)
    with first:
        first.run("import", *SAMPLES[:2])
        ids = session_ids(first.run("sessions", "--json"))
        first.shell(typed("### Back up", 0, tmp_path))
        token = first.run("token", "--scope", "admin").strip()
        assert first.call(f"{AUDIT}/DeleteSessions", {"sessionIds": ids[:1]}, token)[0] == 200
        first.shell(typed("### Back up", 0, tmp_path).replace("monday", "tuesday"))
    second = OperatedInstallation(tmp_path / "second", **SETTINGS)
    second.data.parent.mkdir()

    second.shell(typed("### Restore", 1, tmp_path))

    with second:
        assert sorted(session_ids(second.run("sessions", "--json"))) == sorted(ids[1:])
        assert (tmp_path / "afterimage/monday/SHA256SUMS").stat().st_mode & 0o077 == 0


def test_a_secret_is_in_the_backup_only_if_asked_for(tmp_path):
    first = OperatedInstallation(tmp_path, **SETTINGS)
    del first.environment["AFTERIMAGE_AUTH__SECRET"]  # made by `afterimage up`, in development
    with first:
        assert first.process("backup", tmp_path / "without").returncode == 0
        assert first.process("backup", tmp_path / "with", "--with-secret").returncode == 0
    secret = (first.data / "secret").read_bytes().strip()
    files = {path: path.read_bytes() for path in (tmp_path / "without").rglob("*") if path.is_file()}
    assert [path for path, data in files.items() if secret in data or base64.b64encode(secret) in data] == []
    second = OperatedInstallation(tmp_path / "second", **SETTINGS)
    second.data.parent.mkdir()
    del second.environment["AFTERIMAGE_AUTH__SECRET"]

    assert second.process("restore", tmp_path / "with").returncode == 0

    assert (second.data / "secret").read_bytes().strip() == secret
    assert (second.data / "secret").stat().st_mode & 0o777 == 0o600
