"""`afterimage privacy`: dry runs and a policy's own examples."""

from __future__ import annotations

import json
import re

import pytest
from audit.canaries import RULES, forms_of, leaks, plant
from support import recordings

from services.cli.transfer.formats import ImportedRecording, read_recordings

from .commands import audit_process, run
from .crafted import event

DEFAULT = {"AFTERIMAGE_PRIVACY": "{}"}


@pytest.fixture
def planted(tmp_path):
    events, canaries = plant(recordings.events(recordings.SAMPLES / "shop-checkout.json.gz"))
    path = tmp_path / "visit.json"
    path.write_text(json.dumps(events))
    return path, events, canaries


def as_imported(path):
    found = (one for one in read_recordings(path) if isinstance(one, ImportedRecording))
    return [json.loads(text) for recording in found for window in recording.windows for text in window.events]


def value_at(event, path):
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        event = event[int(index)] if index else event[name]
    return event


def test_a_dry_run_says_where_and_by_which_rule_and_never_what(planted):
    path, events, canaries = planted
    answer = run("privacy", "check", path, **DEFAULT)
    assert answer.status == 0, answer.err
    assert leaks((answer.out + answer.err).encode(), canaries) == []
    assert re.search(
        rf"^\d+ places in {len(events):,} events would be masked \(policy [0-9a-f]{{16}}\)$", answer.lines[-1]
    )
    rows = [json.loads(line) for line in run("privacy", "check", path, "--json", **DEFAULT).lines]
    assert leaks(json.dumps(rows).encode(), canaries) == []
    # Every canary is in a listed place, under its own rule. Sentry's events are listed as they are imported.
    events = as_imported(path)
    listed = [
        (forms_of(json.dumps(value_at(events[row["event"]], row["path"])).encode()), row["found"]) for row in rows
    ]
    for canary in canaries:
        its = [found for forms, found in listed if any(canary.value in form for form in forms)]
        rules = {what.split(" ")[0] for found in its for what in found}
        assert rules, canary
        if canary.rule in RULES and canary.field.startswith(("snapshot.", "added.")):
            assert canary.rule in rules, canary
    said = {row["path"]: set(row["found"]) for row in rows}
    assert said["data.payload.password"] == {"body_word custom"}
    assert {"url_query url"} in said.values()
    assert {"input attribute"} in said.values()
    assert {"selector text"} in said.values()


def test_an_ordinary_event_gets_a_row_for_each_place(tmp_path):
    visit = tmp_path / "visit.json"
    texts = [
        {"id": 1, "value": "a@example.com b@example.com"},
        {"id": 2, "value": "Nothing"},
        {"id": 3, "value": "+46701234567"},
    ]
    data = {"source": 0, "texts": texts, "attributes": [], "removes": [], "adds": []}
    page = {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"left": 0, "top": 0}}
    visit.write_text(json.dumps([event(0, 2, **page), event(1, 3, **data), event(2)]))
    lines = run("privacy", "check", visit, **DEFAULT).lines
    assert lines[1:-1] == [
        "  event 1  data.texts[0].value  email x2",
        "  event 1  data.texts[2].value  phone",
        "email in attribute: 2",
        "phone in attribute: 1",
    ]
    assert lines[-1].startswith("2 places in 3 events would be masked")


def test_a_key_that_is_masked_itself_is_not_said(tmp_path):
    visit = tmp_path / "visit.json"
    visit.write_text(json.dumps([event(0, 5, tag="x", payload={"dana@example.com": {"a": "b@example.com"}})]))
    answer = run("privacy", "check", visit, **DEFAULT)
    assert "example.com" not in answer.out
    assert "  event 0  data.payload  email x2" in answer.lines


def test_an_import_is_masked_and_a_stored_session_is_checked_against_another_policy(tmp_path, planted):
    path, events, canaries = planted
    with audit_process(tmp_path, AFTERIMAGE_PRIVACY="{}") as audit:
        assert audit.run("import", path).status == 0
        (listed,) = audit.run("sessions", "--json").lines
        session = json.loads(listed)["sessionId"]
        assert audit.run("export", session, "-o", tmp_path / "out.json").status == 0
        assert leaks((tmp_path / "out.json").read_bytes(), canaries) == []
        masked = audit.run("privacy", "check", session)
        assert masked.lines[-1].startswith(f"0 places in {len(events):,} events"), masked.err
        strict = audit.run("privacy", "check", session, AFTERIMAGE_PRIVACY='{"preset": "strict"}')
        assert "text_mode in text" in strict.out
        unknown = audit.run("privacy", "check", "0190ac3e-0000-7000-8000-000000000000")
        assert unknown.status == 1
        assert "NOT_FOUND" in unknown.err


def test_a_damaged_file_is_said_and_the_rest_is_checked(tmp_path):
    visit = tmp_path / "visit.jsonl"
    visit.write_text(json.dumps([event(0)]) + "\n{nonsense\n")
    answer = run("privacy", "check", visit, **DEFAULT)
    assert answer.status == 1
    assert "visit.jsonl" in answer.err
    assert "0 places in 1 events" in answer.out


@pytest.mark.parametrize("word", ["check", "test"])
def test_a_bad_policy_is_told_with_its_line(tmp_path, word):
    file = tmp_path / "afterimage.toml"
    file.write_text('[privacy.rules]\nemail = "shred"\n')
    answer = run("--config", file, "privacy", word, *([file] if word == "check" else []))
    assert answer.status == 2
    assert answer.err.startswith(f"{file}:2: [privacy.rules] email: 'shred' is unknown")


def test_the_policys_own_examples(tmp_path):
    file = tmp_path / "afterimage.toml"
    file.write_text(
        "[privacy.custom.order]\npattern = 'ORD-\\d{4}'\nmatches = ['ORD-1234']\npasses = ['ORD-1']\n"
        '[[projects]]\nid = "one"\n[[projects]]\nid = "two"\n'
        "[projects.privacy.custom.ticket]\npattern = 'T\\d'\nmatches = ['T1', 'U1']\npasses = ['T2']\n"
    )
    good = run("--config", file, "privacy", "test", "--project", "one")
    assert (good.status, good.lines) == (0, ["one: order: 2 examples tried"])
    bad = run("--config", file, "privacy", "test")
    assert bad.status == 1
    assert "two: ticket: matches, example 2: is not found" in bad.lines
    assert "two: ticket: passes, example 1: is found" in bad.lines
    assert bad.err == "2 examples of the policy failed\n"
