"""Recordings in through `import` and out through `export`, with a real AuditService on chDB."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import random
import re
import sys

import pytest
from afterimage_client.audit.v1 import ListInteractionsRequest, RecordingStart
from afterimage_client.recording.v1 import InteractionKind
from support import recordings

from services.cli.client import connect
from services.cli.transfer.formats import read_recordings, session_id_for, to_chunks, window_id_for
from services.cli.transfer.sending import DROPPED_TAG, send_window
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import load_settings

from .commands import LoneAudit, run
from .crafted import event, events


def write(path, value):
    path.write_text(json.dumps(value))
    return path


def sessions(audit: LoneAudit, **tags):
    words = [word for name, value in tags.items() for word in ("--tag", f"{name}={value}")]
    return [json.loads(line) for line in audit.run("sessions", "--json", "--limit", "500", *words).lines]


def exported(audit, session_id, path, *words):
    answer = audit.run("export", session_id, "-o", path, *words)
    assert answer.status == 0, answer.err
    return json.loads(path.read_bytes())


@pytest.mark.catalogue
def test_every_recording_comes_out_as_it_went_in_and_only_once(audit, tmp_path, catalogue_sample):
    paths = catalogue_sample(recordings.paths(), recordings.sample())
    assert len(paths) >= 3
    for known in (0, len(paths)):
        answer = audit.run("import", *paths)
        assert answer.status == 0, answer.err
        assert answer.out.startswith(f"{len(paths)} sessions, ")
        assert f"{known} already here, 0 problems" in answer.out
    stored = {session["tags"]["source_file"]: session for session in sessions(audit)}
    assert len(stored) == len(paths)
    for path in paths:
        session = stored[path.name]
        (recording,) = read_recordings(path)
        assert session["sessionId"] == str(session_id_for(recording.foreign_id, recording.first_ms))
        assert session["tags"]["foreign_id"] == recording.foreign_id
        assert exported(audit, session["sessionId"], tmp_path / "out.json") == recordings.events(path), path.name


def visit_on(width, height, **click):
    """A page in a viewport, with one click or touch."""
    pressed = {"source": 2, "id": 2, "x": 9, "y": 9, **click}
    page = {"href": "https://shop.example/", "width": width, "height": height}
    return [event(0, 4, **page), event(100, **pressed), event(5_000, **{**pressed, "type": 5})]


@pytest.mark.parametrize(
    ("viewport", "click", "device"),
    [
        ((390, 844), {"type": 7}, "MOBILE"),
        ((844, 390), {"type": 2, "pointerType": 2}, "MOBILE"),
        ((820, 1180), {"type": 7}, "TABLET"),
        ((1280, 720), {"type": 2, "pointerType": 0}, "DESKTOP"),
        ((390, 844), {"type": 2, "pointerType": 0}, "DESKTOP"),
    ],
)
def test_an_import_has_the_device_that_its_viewport_and_touches_show(audit, tmp_path, viewport, click, device):
    answer = audit.run("import", write(tmp_path / f"{device}-{viewport[0]}.json", visit_on(*viewport, **click)))
    assert answer.status == 0, answer.err
    [session] = sessions(audit, source_file=f"{device}-{viewport[0]}.json")
    assert session["deviceType"] == device


def test_a_heatmap_of_several_kinds_of_device_names_them(audit, tmp_path):
    for name, viewport, click in (("phone", (390, 844), {"type": 7}), ("desk", (1280, 720), {"type": 2})):
        visit = visit_on(*viewport, **click)
        visit.insert(2, event(200, source=2, id=2, x=9, y=9, type=2))
        assert audit.run("import", write(tmp_path / f"{name}.json", visit)).status == 0
    mixed = audit.run("heatmap", "https://shop.example/", "-o", tmp_path / "mixed.png")
    assert mixed.status == 0, mixed.err
    assert "Several kinds of device are mixed (" in mixed.out
    assert "--device selects one" in mixed.out
    alone = audit.run("heatmap", "https://shop.example/", "--device", "mobile", "-o", tmp_path / "alone.png")
    assert alone.status == 0, alone.err
    assert "mixed" not in alone.out


def shop_page(*buttons):
    """A page of buttons: ids, attributes and names."""
    nodes = [
        {"type": 2, "tagName": "button", "id": number, "attributes": attributes, "childNodes": []}
        for number, attributes in buttons
    ]
    body = {"type": 2, "tagName": "body", "id": 3, "attributes": {}, "childNodes": nodes}
    html = {"type": 2, "tagName": "html", "id": 2, "attributes": {}, "childNodes": [body]}
    document = {"type": 0, "id": 1, "childNodes": [html]}
    return event(10, 2, node=document, initialOffset={"top": 0, "left": 0})


def test_a_heatmap_lists_the_elements_that_were_clicked_most(audit, tmp_path):
    href = "https://shop.example/named"
    nasty = "[bold]Pay[/] \x1b[31mnow"
    page = shop_page((10, {"aria-label": "Download", "id": "download"}), (20, {"aria-label": nasty, "class": "pay"}))
    visit = [event(0, 4, href=href, width=1280, height=720), page]
    for number, node in enumerate((10, 20, 20, 20, 20)):
        visit.append(event(1_000 + 3_000 * number, source=2, id=node, x=9, y=9, type=2))
    visit.append(event(30_000, source=2, id=10, x=9, y=9, type=5))
    assert audit.run("import", write(tmp_path / "named.json", visit)).status == 0

    answer = audit.run("heatmap", href, "-o", tmp_path / "named.png")
    assert answer.status == 0, answer.err
    heading, pay, download = answer.lines[-3:]
    assert heading.split() == ["Clicks", "Of", "all", "Sessions", "Dead", "clicks", "Element", "Role", "Selector"]
    assert pay.split() == ["4", "80.0%", "1", "4", "[bold]Pay[/]", "[31mnow", "button", "button.pay"]
    assert download.split() == ["1", "20.0%", "1", "1", "Download", "button", "#download"]
    assert "\x1b" not in answer.out

    one = audit.run("heatmap", href, "--top", "1", "-o", tmp_path / "named.png")
    assert one.lines[-1] == "There are more elements; --top lists up to 500."
    assert "Download" not in one.out
    assert "Element" not in audit.run("heatmap", href, "--top", "0", "-o", tmp_path / "named.png").out
    assert "Element" not in audit.run("heatmap", href, "--kind", "attention", "-o", tmp_path / "named.png").out
    assert audit.run("heatmap", href, "--top", "501", "-o", tmp_path / "named.png").status != 0


def test_an_import_that_was_cut_off_goes_on(audit, tmp_path, monkeypatch):
    visit = write(tmp_path / "visit.json", events(6_000, step_ms=20))
    (recording,) = read_recordings(visit)
    chunks = list(to_chunks(recording.windows[0].events))
    assert len(chunks) > 5
    monkeypatch.setattr("services.cli.transfer.sending.to_chunks", lambda _: iter(chunks[:4]))
    assert "4 chunks" not in audit.run("import", visit).out
    monkeypatch.undo()
    answer = audit.run("import", visit)
    assert answer.status == 0
    assert f"4 of {len(chunks)} chunks were here already" in answer.err
    session_id = session_id_for(recording.foreign_id, recording.first_ms)
    assert exported(audit, session_id, tmp_path / "out.json") == json.loads(visit.read_text())


def noise(size_bytes, seed):
    return base64.b64encode(random.Random(seed).randbytes(size_bytes)).decode()


# AuditService refuses the first, the second exceeds the limit of gRPC itself.
@pytest.mark.parametrize("size_bytes", [420_000, 900_000])
def test_a_chunk_that_is_refused_is_reported_and_visible_and_the_rest_goes_on(audit, tmp_path, size_bytes):
    visit = [event(0), event(11_000, noise=noise(size_bytes, 1)), event(22_000), event(33_000), event(44_000, a=1)]
    path = write(tmp_path / f"noisy-{size_bytes}.json", visit)
    answer = audit.run("import", path)
    assert answer.status == 1
    assert "chunk 2 with 1 events was refused: payload: " in answer.err
    assert "max_chunk_bytes (400,000)" in answer.err
    assert answer.out.startswith("1 session, 5 events, ")
    (stored,) = sessions(audit, source_file=path.name)
    out = exported(audit, stored["sessionId"], tmp_path / "out.json")
    assert [*out[:1], *out[2:]] == [*visit[:1], *visit[2:]]
    notice = out[1]
    assert (notice["type"], notice["timestamp"]) == (5, visit[1]["timestamp"])
    assert notice["data"]["tag"] == DROPPED_TAG
    assert notice["data"]["payload"]["events"] == 1
    assert notice["data"]["payload"]["reason"] == "TOO_LARGE"


def test_a_recording_that_grew_since_is_not_passed_over_in_silence(audit, tmp_path):
    visit = events(5)
    path = write(tmp_path / "grown.json", [{"session_id": "s-grown", "events": visit[:3]}])
    assert audit.run("import", path).status == 0
    write(path, [{"session_id": "s-grown", "events": visit}])
    answer = audit.run("import", path)
    assert answer.status == 1
    assert "3 events of window" in answer.err
    assert "and the file has 5: it is another version" in answer.err


def test_bad_files_are_named_and_the_rest_goes_on(audit, tmp_path):
    good = write(tmp_path / "good.json", events(3, step_ms=7))
    bad = tmp_path / "bad.json"
    bad.write_text('[{"type": 3, "timestamp": 1},]')
    lines = tmp_path / "some.jsonl"
    lines.write_bytes(json.dumps(event(1)).encode() + b"\n{nonsense\n" + json.dumps(event(2)).encode() + b"\n")
    answer = audit.run("import", bad, tmp_path / "missing.json", lines, good)
    assert answer.status == 1
    assert f"problem: {bad}, byte 29: " in answer.err
    assert f"problem: {lines}, line 2, byte " in answer.err
    assert f"problem: {tmp_path / 'missing.json'}: cannot be read: No such file or directory" in answer.err
    assert "; 1 event is taken, 0 damaged parts left out" in answer.err
    assert answer.out.startswith("3 sessions, 6 events, ")
    assert answer.out.rstrip().endswith("3 problems")


def test_a_damaged_file_is_stored_as_far_as_it_is_whole_and_the_exit_status_says_it(audit, tmp_path):
    visit = events(12, step_ms=33)
    text = json.dumps(visit).encode()
    cut, zipped, nan = tmp_path / "cut.json", tmp_path / "cut.json.gz", tmp_path / "nan.json"
    cut.write_bytes(text[:-50])
    zipped.write_bytes(gzip.compress(text)[:-14])
    nan.write_bytes(text.replace(b'"number": 3}', b'"number": NaN}'))
    for path, said in (
        (cut, "events are taken"),
        (zipped, "before it are taken"),
        (nan, "1 number that JSON does not"),
    ):
        answer = audit.run("import", path)
        assert answer.status == 1
        assert answer.out.rstrip().endswith("1 problem")
        assert said in answer.err
        (stored,) = sessions(audit, source_file=path.name)
        out = exported(audit, stored["sessionId"], tmp_path / "out.json")
        expected = visit if path != nan else [*visit[:3], {**visit[3], "data": {"number": None}}, *visit[4:]]
        assert out == expected[: len(out)]
        assert len(out) >= 6


def test_what_is_understood_is_said_and_no_problem(audit, tmp_path):
    visit = events(30, step_ms=210)
    utf16 = tmp_path / "utf16.json"
    utf16.write_bytes(
        json.dumps([{**one, "timestamp": one["timestamp"] / 1_000} for one in [*visit, *visit[:9]]]).encode("utf-16")
    )
    answer = audit.run("import", utf16)
    assert answer.status == 0, answer.err
    assert answer.out.rstrip().endswith("0 problems")
    assert "note: " in answer.err
    assert "the timestamps of 39 in seconds were read as such" in answer.err
    assert "has 9 events twice or more; each is taken once" in answer.err
    (stored,) = sessions(audit, source_file=utf16.name)
    assert stored["startTime"].startswith("2023-11-14")
    assert exported(audit, stored["sessionId"], tmp_path / "out.json") == visit


def node(number, tag, *children, **attributes):
    return {"type": 2, "id": number, "tagName": tag, "attributes": attributes, "childNodes": list(children)}


def snapshot(offset_ms, body):
    page = {"type": 0, "id": 1, "childNodes": [node(2, "html", node(3, "head"), body)]}
    return event(offset_ms, 2, node=page, initialOffset={"top": 0, "left": 0})


async def failed_requests(audit, session_id, monkeypatch):
    for name, value in audit.environment.items():
        monkeypatch.setenv(name, value)
    wanted = ListInteractionsRequest(session_id=session_id, kinds=[InteractionKind.FAILED_REQUEST])
    async with connect(load_settings(), [Scope.VIEW]) as client:
        return [one.detail for one in (await client.audit.list_interactions(wanted)).interactions]


def test_sentrys_breadcrumbs_are_counted_as_errors_requests_and_clicks(audit, tmp_path, monkeypatch):
    start_s = events(1)[0]["timestamp"] / 1_000
    page = node(4, "body", node(14, "button", {"type": 3, "id": 15, "textContent": "Go"}))
    visit = [
        event(0, 4, href="http://shop.test/", width=1_200, height=800),
        snapshot(10, page),
        *events(9, step_ms=500),
    ]
    crumb = {"category": "console", "level": "error", "message": "boom", "data": {"arguments": ["boom"]}}
    click = {"category": "ui.click", "message": "button", "data": {"nodeId": 14}}
    fetch = {"op": "resource.fetch", "description": "http://shop.test/a", "startTimestamp": start_s + 2,
             "endTimestamp": start_s + 2.1, "data": {"method": "GET", "statusCode": 500}}  # fmt: skip
    sentrys = [
        {"type": 5, "timestamp": (start_s + 1) * 1_000, "data": {"tag": "breadcrumb", "payload": crumb}},
        {"type": 5, "timestamp": (start_s + 1.2) * 1_000, "data": {"tag": "breadcrumb", "payload": click}},
        {"type": 5, "timestamp": start_s + 2, "data": {"tag": "performanceSpan", "payload": fetch}},
    ]
    path = write(tmp_path / "sentry.json", [[*visit[:4]], [*visit[4:], *sentrys]])
    answer = audit.run("import", path)
    assert answer.status == 0, answer.err
    (stored,) = sessions(audit, source_file=path.name)
    totals = stored["totals"]
    counts = {name: int(totals[name]) for name in ("errorCount", "failedRequestCount", "clickCount")}
    assert counts == {"errorCount": 1, "failedRequestCount": 1, "clickCount": 1}
    assert float(stored["duration"].rstrip("s")) < 10
    table = audit.run("sessions", "--tag", f"source_file={path.name}", COLUMNS="240").out
    header, row = (
        re.split(r"\s{2,}", line.strip()) for line in table.splitlines() if "failed" in line or "shop.test" in line
    )
    assert {name: row[header.index(name)] for name in ("clicks", "errors", "failed", "rage")} == {
        "clicks": "1",
        "errors": "1",
        "failed": "1",
        "rage": "0",
    }
    found = asyncio.run(failed_requests(audit, stored["sessionId"], monkeypatch))
    assert found == ["GET shop.test/a 500"]


@pytest.mark.parametrize("depth", [500, 1_000, 1_400])
def test_a_deep_page_is_stored_as_over_grpc(audit, tmp_path, depth):
    body = node(9, "b")
    for number in range(depth):
        body = node(10 + number, "div", body)
    text = json.dumps([event(0, 4, href="http://shop.test/", width=1_200, height=800), "SNAPSHOT", *events(3)])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        deep = json.dumps(snapshot(10, node(4, "body", body)))
    finally:
        sys.setrecursionlimit(limit)
    path = tmp_path / f"deep-{depth}.json"
    path.write_text(text.replace('"SNAPSHOT"', deep))
    answer = audit.run("import", path)
    assert answer.status == 0, answer.err
    assert answer.out.startswith("1 session, 5 events, ")


def test_the_device_of_an_import_is_told_by_viewport_and_touch(audit, tmp_path):
    def visit(width, height, *more):
        return [event(0, 4, href="http://shop.test/", width=width, height=height), *more, *events(2)]

    touch, mouse = event(5, source=2, type=7, id=1, x=1, y=1), event(5, source=1, positions=[])
    press = event(5, source=2, type=1, id=1, x=1, y=1)
    for name, value, expected in (
        ("phone", visit(393, 852, touch), "MOBILE"),
        ("landscape", visit(852, 393, touch), "MOBILE"),
        ("narrow", visit(360, 640), "MOBILE"),
        ("tablet", visit(820, 1_180, touch), "TABLET"),
        ("desktop", visit(1_200, 800, mouse), "DESKTOP"),
        ("laptop", visit(1_440, 900, touch, mouse), "DESKTOP"),
        ("window", visit(700, 800, mouse, press), "DESKTOP"),
    ):
        path = write(tmp_path / f"device-{name}.json", value)
        assert audit.run("import", path).status == 0
        (stored,) = sessions(audit, source_file=path.name)
        assert stored["deviceType"] == expected, name
        listed = audit.run("sessions", "--tag", f"source_file={path.name}").out
        assert f"visitor {stored['sessionId'][-4:]}" in listed
        assert expected.lower() in listed


def test_several_windows_and_several_sessions_of_a_file(audit, tmp_path):
    first, second = events(3), events(2, step_ms=1)
    path = tmp_path / "many.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"m-1": {"a": first, "b": second}, "m-2": {"a": second}}).encode()))
    assert audit.run("import", path).out.startswith("2 sessions, 7 events")
    (stored,) = sessions(audit, foreign_id="m-1")
    session_id = stored["sessionId"]
    assert stored["windowCount"] == 2
    refused = audit.run("export", session_id)
    assert refused.status == 1
    assert "has 2 windows" in refused.err
    assert "--window" in refused.err
    answer = audit.run("export", session_id, "-o", tmp_path / "out.json")
    assert answer.status == 0
    written = [json.loads((tmp_path / f"out-{number}.json").read_text()) for number in (1, 2)]
    assert sorted(written, key=len) == [second, first]
    assert not (tmp_path / "out.json").exists()
    window = window_id_for(session_id_for("m-1", first[0]["timestamp"]), "b")
    assert json.loads(audit.run("export", session_id, "--window", window).out) == second
    assert audit.run("export", session_id, "--window", "w").err.startswith("the session has no window w, only ")


def test_an_export_leaves_no_half_a_file(audit, tmp_path):
    path = write(tmp_path / "once.json", events(3, step_ms=3))
    audit.run("import", path)
    (stored,) = sessions(audit, source_file="once.json")
    answer = audit.run("export", stored["sessionId"], "-o", tmp_path / "no/such/folder.json")
    assert (answer.status, answer.err) == (
        1,
        f"{tmp_path}/no/such/folder.json: cannot be written: No such file or directory\n",
    )
    assert list(tmp_path.iterdir()) == [path]


def test_importing_needs_the_scope_admin(audit, tmp_path):
    path = write(tmp_path / "visit.json", events(3, step_ms=2))
    token = audit.run("token", "--scope", "record,view").out.strip()
    answer = audit.run("import", path, AFTERIMAGE_TOKEN=token)
    assert answer.status == 1
    assert "window main is not stored, or not all of it: PERMISSION_DENIED: start.imported: needs" in answer.err
    several = write(tmp_path / "several.json", {"s-several": {"a": events(2), "b": events(2)}})
    answer = audit.run("import", several, AFTERIMAGE_TOKEN=token)
    assert answer.err.count("PERMISSION_DENIED") == 1, "one reason is one sentence"
    assert "windows a, b are not stored, or not all of it: PERMISSION_DENIED" in answer.err
    only = audit.run("token", "--scope", "admin").out.strip()
    assert audit.run("import", path, AFTERIMAGE_TOKEN=only).status == 0


def test_a_service_that_is_away_is_one_complaint(tmp_path):
    path = write(tmp_path / "visit.json", events(3))
    secret = {"AFTERIMAGE_AUTH__SECRET": "s" * 32}
    answer = run("import", path, path, "--address", "127.0.0.1:1", **secret)
    assert answer.status == 1
    assert answer.err == ("cannot reach AuditService at 127.0.0.1:1: connection refused; is `afterimage up` running?\n")


@pytest.mark.parametrize("count", [1, 40])
async def test_progress_counts_every_event_once(audit, tmp_path, monkeypatch, count):
    for name, value in audit.environment.items():
        monkeypatch.setenv(name, value)
    texts = [json.dumps(one).encode() for one in events(count, step_ms=9_000 + count)]
    session = session_id_for(f"progress-{count}", events(1)[0]["timestamp"])
    start = RecordingStart(session_id=str(session), window_id=str(window_id_for(session, "main")), imported=True)
    for sent_now in (True, False):
        told = []
        async with connect(load_settings(), [Scope.ADMIN]) as client:
            result = await send_window(client.audit, start, texts, told.append)
        assert sum(told) == result.events == count
        assert bool(result.chunks) is sent_now
        assert bool(result.known_chunks) is not sent_now
