"""`afterimage doctor`: its findings in a healthy installation, and with one fault at a time."""

from __future__ import annotations

import json
import os
import re
import stat
import time
import uuid

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import audit_service_pb2_grpc
from audit.storage import chunk, window_key
from export.rendering.sessions import tools
from support.ports import free_port

from services.audit.ingest.set_aside import FOLDER, SetAside
from services.audit.storage.engine.engine import StorageError
from services.cli.command import CommandError
from services.cli.doctor.checks_audit import check_recorder
from services.cli.doctor.checks_export import check_rendering
from services.cli.doctor.checks_settings import check_identity_provider
from services.cli.doctor.checks_storage import check_disk, check_set_aside
from services.cli.doctor.doctor import CHECKS, findings_of
from services.cli.doctor.examination import Examination, State
from services.runtime.settings.loader import load_settings
from services.runtime.uuid7 import uuid7

from .commands import SECRET, audit_process, run
from .crafted import event


def states(answer):
    """Returns the state of each check, by name."""
    return {line[9:25].strip(): line[:8].strip() for line in answer.lines}


def line_of(answer, name):
    return next(line for line in answer.lines if line[9:].startswith(name))


def record_into(audit, session, **start):
    """Records a chunk into a session; ends well, or with PERMISSION_DENIED."""
    text = b'[{"type":5,"timestamp":%d,"data":{}}]' % round(time.time() * 1000)
    messages = [
        pb.RecordSessionRequest(start={"session_id": session, "window_id": str(uuid.uuid4()), **start}),
        pb.RecordSessionRequest(chunk={"seq": 1, "encoding": 1, "payload": text}),
    ]
    token = audit.run("token", "--scope", "record").out.strip()
    with grpc.insecure_channel(f"127.0.0.1:{audit.environment['AFTERIMAGE_AUDIT__PORT']}") as channel:
        stub = audit_service_pb2_grpc.AuditServiceStub(channel)
        try:
            list(stub.RecordSession(iter(messages), metadata=[("authorization", f"Bearer {token}")]))
        except grpc.RpcError as error:
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED  # noqa: PT017 - or none at all


def examination(audit, monkeypatch, **changes):
    for name, value in audit.environment.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    address = f"127.0.0.1:{settings.audit.port}"
    return Examination(settings=settings, running=None, address=address, metrics_url="", **changes)


def test_an_installation_that_is_well(audit):
    answer = audit.run("doctor")
    assert answer.status == 0, answer.out
    # Another test may have been refused before.
    # An empty AuditService alone: no other services to check, and no page with interactions yet.
    doors = {"sidecar": "skipped", "share links": "skipped", "heatmaps": "note"}
    tools()
    found = {name: state for name, state in states(answer).items() if name != "streams refused"}
    assert {name: found.pop(name) for name in doors} == doors
    assert set(found.values()) == {"ok"}
    assert set(states(answer)) >= {
        "settings",
        "key",
        "origin",
        "token",
        "audit",
        "recorder",
        "clock",
        "storage",
        "disk",
        "set aside",
    }
    assert audit.run("sessions", "--json").out == "", "the recorder that knocked left nothing behind"


@pytest.mark.parametrize(
    ("words", "name", "text", "advice"),
    [
        (["--key", "pk_no"], "key", "pk_no belongs to no project", "keys in [[projects]]"),
        (
            ["--origin", "https://a.example"],
            "origin",
            "https://a.example may not record into demo",
            "add it to origins",
        ),
        (["--origin", "https://a.example/x"], "origin", "https://a.example/x is not an origin", "https://shop.example"),
        (["--token", "nonsense"], "token", "the token is not valid", "afterimage token"),
        (["--address", "127.0.0.1:1"], "audit", "127.0.0.1:1 does not answer", "afterimage up"),
        (["--metrics", "http://127.0.0.1:1/"], "refusals", "http://127.0.0.1:1/ cannot be read", "audit.metrics_port"),
    ],
)
def test_one_thing_that_is_wrong(audit, words, name, text, advice):
    answer = audit.run("doctor", *words)
    assert answer.status == 1
    line = line_of(answer, name)
    assert line.startswith("problem")
    assert text in line
    assert advice in line.partition(" -> ")[2]


def test_a_key_and_an_origin_that_are_right(audit):
    answer = audit.run("doctor", "--key", "pk_demo", "--origin", "http://localhost:3000")
    assert answer.status == 0
    assert "pk_demo records into project demo" in answer.out
    assert "pages of http://localhost:3000 may record into demo" in answer.out


def test_a_token_that_cannot_record(audit):
    token = audit.run("token", "--scope", "view").out.strip()
    answer = audit.run("doctor", AFTERIMAGE_TOKEN=token)
    assert answer.status == 1
    assert "allows view, for 1 h 00 min: it cannot record -> recorders need the scope record" in answer.out
    assert "PERMISSION_DENIED" in line_of(answer, "recorder")


def test_settings_that_do_not_hold():
    answer = run("doctor", AFTERIMAGE_AUDIT__PORT="x", AFTERIMAGE_NONSENSE="1")
    assert answer.status == 1
    assert len(answer.lines) == 2
    assert all(line.startswith("problem  settings") for line in answer.lines)


def test_nothing_runs_and_nothing_was_ever_started(tmp_path):
    answer = run("doctor", AFTERIMAGE_DATA_DIR=str(tmp_path / "none"), AFTERIMAGE_AUDIT__PORT=str(free_port()))
    assert answer.status == 1
    assert "there is no secret in" in line_of(answer, "token")
    assert states(answer)["storage"] == "skipped"
    assert not (tmp_path / "none").exists()


async def test_clocks_that_differ(audit, monkeypatch):
    behind = examination(audit, monkeypatch, now=lambda: time.time() - 60)
    began = time.monotonic()
    _, clock = await check_recorder(behind)
    took_s = time.monotonic() - began
    assert clock.state is State.PROBLEM
    (said_s,) = re.findall(r"clock is (\d+\.\d) s ahead of this machine's", clock.text)
    assert abs(float(said_s) - 60) <= took_s / 2 + 0.1  # known to half of the time that the answer takes
    assert "NTP" in clock.advice


async def test_a_disk_that_is_full(audit, monkeypatch):
    monkeypatch.setattr("services.cli.doctor.checks_storage.MIN_FREE_BYTES", 10**18)
    (disk,) = await check_disk(examination(audit, monkeypatch))
    assert disk.state is State.PROBLEM
    assert "make room" in disk.advice


@pytest.mark.parametrize("error", [CommandError("no way"), RuntimeError("a defect")])
async def test_a_check_that_fails_is_a_finding(audit, monkeypatch, error):
    async def check_something(_about, /):
        raise error

    (finding,) = await findings_of(check_something, examination(audit, monkeypatch))
    assert finding.what == "something"
    assert finding.state is State.PROBLEM
    assert str(error) in finding.text


def test_every_check_says_what_it_looks_at():
    assert all(check.__name__.startswith("check_") and check.__doc__ for check in CHECKS)


def test_what_was_refused_and_an_engine_at_rest(tmp_path):
    import base64
    import random

    visit = [event(0, noise=base64.b64encode(random.Random(1).randbytes(30_000)).decode())]
    path = tmp_path / "noisy.json"
    path.write_text(json.dumps(visit))
    with audit_process(tmp_path, AFTERIMAGE_INGEST__MAX_CHUNK_BYTES="16384") as own:
        # Bypasses the client, which keeps to the server's limit.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("services.cli.transfer.sending._Sender._fitting", lambda _, outgoing: outgoing)
            assert own.run("import", path).status == 1
        token = run("token", "--scope", "record", AFTERIMAGE_AUTH__SECRET="x" * 32).out.strip()
        own.run("doctor", AFTERIMAGE_TOKEN=token)
        assert line_of(own.run("doctor"), "secrets").split()[0] == "ok"
        session = str(uuid7(round(time.time() * 1000)))
        record_into(own, session)
        record_into(own, session, session_secret="captured-0123456789abcdef")
        answer = own.run("doctor")
        assert answer.status == 0
        assert "1 streams recorded without a session secret" in line_of(answer, "secrets")
        assert "ingest.require_session_secret" in line_of(answer, "secrets")
        assert "none by the settings (ingest.workers)" in line_of(answer, "workers")
        assert "session_secret_wrong 1 since the start -> " in line_of(answer, "sessions refused")
        assert "too_large 1 since the start -> too_large: raise ingest.max_chunk_bytes" in line_of(
            answer, "chunks refused"
        )
        assert "UNAUTHENTICATED 1, PERMISSION_DENIED 1 since the start -> " in line_of(answer, "streams refused")
    # AuditService has ended: doctor opens the engine itself.
    answer = own.run("doctor")
    assert states(answer) | {"storage": "ok", "migrations": "ok", "writable": "ok", "audit": "problem"} == states(
        answer
    )
    assert own.run("migrate").out.startswith("chDB ")


@pytest.mark.clickhouse
def test_a_clickhouse_server(tmp_path):
    from support import clickhouse

    with clickhouse.server() as url:
        house = {
            "AFTERIMAGE_AUTH__SECRET": SECRET,
            "AFTERIMAGE_AUDIT__PORT": str(free_port()),
            "AFTERIMAGE_DATA_DIR": str(tmp_path),
            "AFTERIMAGE_CLICKHOUSE__ENGINE": "server",
            "AFTERIMAGE_CLICKHOUSE__URL": url,
        }
        assert "steps 1, 2" in line_of(run("doctor", **house), "migrations")
        first, second = run("migrate", **house), run("migrate", **house)
        assert (first.status, second.status) == (0, 0)
        assert first.lines[0] == "1 recordings: done"
        assert second.lines == first.lines[-1:]
        answer = run("doctor", **house)
        assert [states(answer)[name] for name in ("storage", "migrations", "writable")] == ["ok", "ok", "ok"]
    answer = run("doctor", **house)
    assert "does not answer" in line_of(answer, "storage")
    assert run("migrate", **house).err.startswith("clickhouse: ")


def open_to_others(directory):
    """Returns the files and directories that other users than their owner may use."""
    found = []
    for path in [directory, *directory.rglob("*")]:
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # the engine has merged it away
            continue
        if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) & 0o077:
            found.append((path, oct(mode)))
    return found


def test_files_of_a_service_are_for_its_own_user_only(tmp_path):
    before = os.umask(0)  # a service manager's, or a shell's, at its worst
    try:
        with audit_process(tmp_path) as own:
            session = tmp_path / "visit.json"
            session.write_text(json.dumps([event(0)]))
            assert own.run("import", session).status == 0
            data = tmp_path / "data"
            assert len(list(data.rglob("*"))) > 10
            assert open_to_others(data) == []
            data.chmod(0o755)
            answer = own.run("doctor")
            assert f"data_dir: {data} has mode 755" in line_of(answer, "risk")
            assert f"-> chmod 700 {data}" in line_of(answer, "risk")
            assert answer.status == 1
    finally:
        os.umask(before)


def test_dangerous_settings_are_listed(tmp_path):
    own = {"AFTERIMAGE_DATA_DIR": str(tmp_path / "none"), "AFTERIMAGE_AUDIT__PORT": str(free_port())}
    development = run("doctor", **own, AFTERIMAGE_AUDIT__METRICS_HOST="0.0.0.0")
    assert line_of(development, "risk").startswith("note")
    production = own | {
        "AFTERIMAGE_ENVIRONMENT": "production",
        "AFTERIMAGE_AUTH__SECRET": SECRET,
        "AFTERIMAGE_PROJECTS": '[{"id": "shop"}]',
        "AFTERIMAGE_REDIS__URL": "redis://redis.example",
    }
    (refused,) = run("doctor", **production).lines
    assert refused.startswith("problem  settings")
    assert 'accepted_risks = ["plain-redis"]' in refused


async def test_the_identity_provider_is_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("AFTERIMAGE_AUTH__JWKS_URL", "http://127.0.0.1:1/keys")
    about = Examination(settings=load_settings(), running=None, address="", metrics_url="")
    (finding,) = await check_identity_provider(about)
    assert finding.state is State.PROBLEM
    assert "http://127.0.0.1:1/keys: ClientConnectorError" in finding.text


async def test_chunks_that_the_database_refused_are_named(tmp_path):
    settings = load_settings(data_dir=tmp_path, auth={"secret": SECRET})
    about = Examination(settings, None, "127.0.0.1:1", "")
    [found] = await findings_of(check_set_aside, about)
    assert found.state is State.OK
    set_aside = SetAside(tmp_path / FOLDER, 10_000)
    key = window_key()
    for seq in (3, 4):
        assert await set_aside.keep(chunk(key, seq), StorageError("a value\ndoes not fit"), 1_000_000) == "kept"
    [found] = await findings_of(check_set_aside, about)
    assert found.state is State.PROBLEM
    for part in ("2 chunks of 1 sessions", str(tmp_path / FOLDER), "chunk 4", str(key.session), "a value does not fit"):
        assert part in found.text
    (tmp_path / FOLDER / "demo" / "broken.json.gz").write_bytes(b"x")
    [found] = await findings_of(check_set_aside, about)
    assert "3 chunks" in found.text


async def test_programs_of_exports(audit, monkeypatch):
    tools()
    (found,) = await check_rendering(examination(audit, monkeypatch))
    assert (found.what, found.state) == ("rendering", State.OK)
    assert "draws videos, pictures and reports" in found.text
    for name, advice in (("BROWSER", "install the package chromium-headless-shell"), ("FFMPEG", "install")):
        with monkeypatch.context() as patched:
            patched.setenv(f"AFTERIMAGE_EXPORT__{name}", "no-such-program")
            (found,) = await check_rendering(examination(audit, monkeypatch))
            assert (found.state, advice in found.advice) == (State.NOTE, True)
    monkeypatch.setenv("AFTERIMAGE_EXPORT__BROWSER", "/bin/false")
    (found,) = await check_rendering(examination(audit, monkeypatch))
    assert found.state is State.NOTE
    assert "/bin/false does not start here" in found.text
