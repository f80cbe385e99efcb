"""Errors of the command line: one sentence, an exit status, never a traceback."""

from __future__ import annotations

import subprocess
import tomllib

import pytest
from google.rpc import error_details_pb2
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from services.cli.client import sentence_of
from services.cli.command import CommandError, duration_s, spoken_duration, spoken_size
from services.runtime.settings.loader import load_settings

from .commands import COMMAND, SECRET, run

ALONE = {"AFTERIMAGE_AUTH__SECRET": SECRET, "AFTERIMAGE_AUDIT__PORT": "1"}
UNKNOWN = "01a2038f-6296-73ad-9327-c26fc24d1861"


def complaint(*words, status=1, **environment):
    answer = run(*words, **environment)
    assert answer.status == status, (answer.out, answer.err)
    assert answer.out == ""
    assert "Traceback" not in answer.err
    return answer.err.rstrip("\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["sessions"], "cannot reach AuditService at 127.0.0.1:1: connection refused; is `afterimage up` running?"),
        (
            ["export", UNKNOWN],
            "cannot reach AuditService at 127.0.0.1:1: connection refused; is `afterimage up` running?",
        ),
        (["sessions", "--address", "nowhere"], "'nowhere' is not an address: write host:port or unix:path"),
        (
            ["sessions", "--address", "unix:/no/such"],
            "cannot reach AuditService at unix:/no/such: no such file or directory",
        ),
        (
            ["sessions", "--address", "192.0.2.1:50051"],
            "tls.ca_file: 192.0.2.1:50051 is not loopback: set it, or tls.allow_plaintext",
        ),
        (["sessions", "--since", "tomorrow"], "--since: 'tomorrow' is neither a time nor a duration"),
        (["sessions", "--status", "asleep"], "--status: there is no 'asleep', only live, ended, timed_out, left"),
        (["sessions", "--order", "best_first"], "--order: there is no 'best_first', only newest_first, oldest_first"),
        (["sessions", "--tag", "nonsense"], "--tag: 'nonsense' is not NAME=VALUE"),
        (["sessions", "--min-duration", "5 minutes"], "'5 minutes' is not a duration: write 90s, 15m, 1h30m or 7d"),
        (["sessions", "--project", "nobody"], "there is no project 'nobody', only demo"),
        (["token", "--scope", "internal"], "--scope: there is no 'internal', only record, view, share, export, admin"),
        (["token", "--scope", ","], "--scope: name at least one of record, view, share, export, admin"),
        (["token", "--scope", "view", "--ttl", "0s"], "--ttl: must be above 0"),
        (["up", "--port", "65533"], "--port: there are no 8 ports from 65533 on"),
    ],
)
def test_one_sentence(words, sentence):
    assert complaint(*words, **ALONE).startswith(sentence)


def test_settings_that_do_not_hold_are_all_named():
    text = complaint("sessions", status=2, AFTERIMAGE_AUDIT__PORT="x", AFTERIMAGE_ENVIRONMENT="No Spaces")
    assert len(text.splitlines()) == 2


def test_several_projects_want_a_choice():
    projects = '[{"id": "one"}, {"id": "two"}]'
    text = complaint("token", "--scope", "view", AFTERIMAGE_PROJECTS=projects, **ALONE)
    assert text == "name one of the projects with --project: one, two"


def test_without_a_secret_none_is_made_up(tmp_path):
    directory = tmp_path / "elsewhere"
    text = complaint("sessions", AFTERIMAGE_DATA_DIR=str(directory))
    assert text.startswith(f"there is no secret in {directory}/secret: run this where `afterimage up` was started")
    assert not directory.exists()


def test_production_without_a_secret():
    production = {"AFTERIMAGE_ENVIRONMENT": "production", "AFTERIMAGE_PROJECTS": '[{"id": "shop"}]'}
    keys = {"AFTERIMAGE_AUTH__JWKS_URL": "https://id.example/keys", "AFTERIMAGE_AUTH__ISSUER": "https://id.example"}
    assert "AFTERIMAGE_TOKEN" in complaint("sessions", **production, **keys)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "nonsense"], "INVALID_ARGUMENT: session_id: is not a UUID"),
        (["export", UNKNOWN], f"NOT_FOUND: session {UNKNOWN} was not found"),
        (["sessions", "--page", "x" * 300], "INVALID_ARGUMENT: filter.page: "),
    ],
)
def test_what_the_service_refuses(audit, words, sentence):
    assert complaint(*words, **audit.environment).startswith(sentence)


def test_tokens_that_do_not_open(audit):
    assert complaint("sessions", **audit.environment, AFTERIMAGE_TOKEN="x").startswith("UNAUTHENTICATED: ")
    token = audit.run("token", "--scope", "record").out.strip()
    text = complaint("sessions", **audit.environment, AFTERIMAGE_TOKEN=token)
    assert text.startswith("PERMISSION_DENIED: this needs the scope view")


def test_migrating_what_a_service_has_open(audit):
    assert "is open in process" in complaint("migrate", **audit.environment)


def test_fields_are_named_once():
    fields = error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(field="a", description="is required"),
            error_details_pb2.BadRequest.FieldViolation(field="b", description="is too long"),
        ]
    )
    ours = GRPCError(Status.INVALID_ARGUMENT, "a: is required; b: is too long", [fields])
    assert sentence_of(ours, "x:1") == "INVALID_ARGUMENT: a: is required; b: is too long"
    a_proxys = GRPCError(Status.INVALID_ARGUMENT, "bad", [fields])
    assert sentence_of(a_proxys, "x:1") == "INVALID_ARGUMENT: bad; a: is required; b: is too long"
    assert "`afterimage doctor`" in sentence_of(GRPCError(Status.UNAVAILABLE, None), "x:1")
    assert sentence_of(StreamTerminatedError("gone"), "x:1") == "the connection to x:1 was lost: gone"


def test_output_that_nobody_reads_to_the_end(audit):
    environment = {**audit.environment}
    for _ in range(2):
        command = " ".join(f"'{word}'" for word in [*COMMAND, "config"])
        found = subprocess.run(
            ["bash", "-c", f"{command} | head -c 1"],
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            check=False,
        )
        assert found.stderr == b""


def test_the_reference_of_settings_is_an_afterimage_toml(tmp_path):
    answer = run("config")
    assert answer.status == 0
    path = tmp_path / "afterimage.toml"
    path.write_text(answer.out)
    assert load_settings(path).audit.port == 50051
    assert tomllib.loads(answer.out.replace("\n#port = 50051", "\nport = 50051"))["audit"] == {"port": 50051}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1.5h", 5400), ("1h30m", 5400), ("7d", 604_800), ("250ms", 0.25)]
)
def test_durations(text, seconds):
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "1h 30m", "-1h", "1x", "1hh"])
def test_no_durations(text):
    with pytest.raises(CommandError, match="is not a duration"):
        duration_s(text)


def test_for_people():
    assert [spoken_duration(s) for s in (0.44, 42.3, 185, 7_860, 400_000)] == [
        "0.4 s",
        "42 s",
        "3 min 05 s",
        "2 h 11 min",
        "4 d 15 h",
    ]
    assert [spoken_size(n) for n in (0, 999, 1_000, 999_999, 3_100_000, 2_000_000_000)] == [
        "0 B",
        "999 B",
        "1.0 KB",
        "1.0 MB",
        "3.1 MB",
        "2.0 GB",
    ]
