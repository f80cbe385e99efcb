"""The HTML file of a session: its parts, as the player in it reads them, and the failures."""

from __future__ import annotations

import gzip
import json
from itertools import chain

import pytest
from export.test_formats import ago, click, error, page, record, snapshot, tick
from support import web
from support.export import FAILED, HTML
from support.html_file import HtmlFile
from support.share import seconds

from services.export.built_console import built_console
from services.export.formats import html
from services.runtime.uuid7 import uuid7

MAX_PLAYER_BYTES = 400 * 1000


@pytest.fixture(autouse=True, scope="module")
def _built():
    web.built()


def events_of(file, window):
    """Returns the events of each chunk of a window; checks the times of the chunks."""
    found = []
    for attributes, payload in file.chunks(window):
        events = json.loads(gzip.decompress(payload))
        times = [event["timestamp"] for event in events]
        assert (int(attributes["data-first"]), int(attributes["data-last"])) == (min(times), max(times))
        assert ("data-snapshot" in attributes) == any(event["type"] == 2 for event in events)
        found.append(events)
    return found


async def test_every_window_is_there_to_the_letter(exports, audit):
    start = ago(60)
    words = '</script><script>alert(1)</script> <!-- ü 😀 \ud83d half " & 1e400'
    windows = [
        [[page(start), snapshot(start), tick(start + 10, words)], [tick(start + 20, 2)]],
        [[page(start + 15, "https://shop.example/b"), snapshot(start + 15), tick(start + 30, 3)]],
    ]
    session, ids = await record(audit, windows)
    export = await exports.of_session(session, HTML)
    data = await exports.file(export)
    file = HtmlFile(data)
    described = (await exports.get(export.export_id)).file
    assert (described.name, described.content_type) == (f"session-{session}.html", "text/html")
    assert [events_of(file, window) for window in ids] == windows
    assert file.session["sessionId"] == session
    assert (file.session["startMs"], file.session["durationMs"]) == (start, 30)
    assert file.session["windows"] == [
        {"windowId": ids[0], "startMs": start},
        {"windowId": ids[1], "startMs": start + 15},
    ]
    assert [page["openMs"] - start for page in file.session["pages"]] == [0, 15]
    assert file.session["range"] == {"startMs": None, "endMs": None}
    assert file.title.startswith("Recording of https://shop.example/, 20")
    # The only script of the file that runs is the player's.
    assert file.scripts == 1
    assert data.count(b"<script") == data.count(b"</script>") == len(file.parts) + 1
    assert b"alert(1)" not in data


async def test_a_title_is_text(exports, audit):
    start = ago(60)
    url = "https://shop.example/</title><script>alert(1)</script>%recording%"
    session, _ = await record(audit, [[[page(start, url), snapshot(start)]]])
    file = HtmlFile(await exports.file(await exports.of_session(session, HTML)))
    assert file.title.startswith(f"Recording of {file.session['pages'][0]['url']}, 20")
    assert "</title><script>" in file.title
    assert file.scripts == 1


async def test_a_window_and_a_range_are_those_of_json(exports, audit):
    start = ago(60)
    first = [
        [page(start, "https://shop.example/before"), snapshot(start), tick(start + 100, 1), click(start + 200)],
        [tick(start + 1000, 2), page(start + 1400, "https://shop.example/at"), snapshot(start + 1400)],
        [
            tick(start + 2000, 3),
            click(start + 2100),
            page(start + 2200, "https://shop.example/in"),
            tick(start + 2400, 4),
        ],
        [tick(start + 3000, 5), click(start + 3100), page(start + 3200, "https://shop.example/after")],
    ]
    session, ids = await record(audit, [first, [[page(start), snapshot(start)]]])
    content = {"window_id": ids[0], "start_offset": seconds(1.5), "end_offset": seconds(2.3)}
    export = await exports.of_session(session, HTML, **content)
    file = HtmlFile(await exports.file(export))
    assert (await exports.get(export.export_id)).file.name == f"session-{session}-{ids[0]}.html"
    as_json = json.loads(await exports.file(await exports.of_session(session, **content)))
    assert list(chain(*events_of(file, ids[0]))) == as_json == [*first[1][1:], *first[2][:3]]
    assert file.session["range"] == {"startMs": 1500, "endMs": 2300}
    assert file.session["windows"] == [{"windowId": ids[0], "startMs": start + 1400}]
    assert [found["url"][-3:] for found in file.session["pages"]] == ["/at", "/in"]
    (table,) = file.of("interactions")
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    assert {row["time"] - start for row in rows if row["kind"] == "click"} == {2100}
    assert all(1500 <= row["time"] - start < 2300 for row in rows)


async def test_a_range_after_the_clock_was_set_back_has_its_play_times(exports, audit):
    """The recorded clock was set back by an hour: events keep their timestamps, chunks have the times of the player."""
    start = ago(7200)
    back = start - 3_600_000
    chunk = [page(start), snapshot(start), tick(start + 500, 1), tick(back + 600, 2), snapshot(back + 1000)]
    session, ids = await record(audit, [[chunk, [tick(back + 2000, 3)]]])
    content = {"start_offset": seconds(1.2)}
    file = HtmlFile(await exports.file(await exports.of_session(session, HTML, **content)))
    (attributes, first), (after, _) = file.chunks(ids[0])
    assert json.loads(gzip.decompress(first)) == [chunk[-1]]
    # The shift is a whole number of seconds, and the event after the step follows within one.
    assert int(attributes["data-first"]) == start + 1000
    assert int(after["data-first"]) == start + 2000
    assert json.loads(await exports.file(await exports.of_session(session, **content))) == [
        chunk[-1],
        tick(back + 2000, 3),
    ]


async def test_findings_are_those_of_the_session(exports, audit):
    start = ago(60)
    events = [
        page(start),
        snapshot(start),
        *(click(start + 1000 + 50 * n) for n in range(10)),
        error(start + 9500, "it"),
    ]
    session, ids = await record(audit, [[events, [tick(start + 15_000, 1)]]])
    file = HtmlFile(await exports.file(await exports.of_session(session, HTML)))
    (table,) = file.of("interactions")
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]
    kinds = [row["kind"] for row in rows]
    assert (kinds.count("click"), kinds.count("rage_click"), kinds.count("error")) == (10, 1, 1)
    assert {row["window_id"] for row in rows} == set(ids)
    assert {(row["x_percent"], row["y_percent"]) for row in rows if row["kind"] == "click"} != {(0, 0)}


async def test_nothing_else_of_the_session_is_in_it(exports, audit):
    start = ago(60)
    events = [page(start), snapshot(start), tick(start + 10, 1)]
    session, _ = await record(audit, [[events]], tags={"plan": "secret-plan"}, actor_id="actor-of-the-site")
    data = await exports.file(await exports.of_session(session, HTML))
    everything = data + b"".join(gzip.decompress(payload) for _, _, payload in HtmlFile(data).parts)
    assert b"secret-plan" not in everything
    assert b"actor-of-the-site" not in everything


async def test_a_session_of_one_event_has_a_file(exports, audit):
    start = ago(60)
    session, ids = await record(audit, [[[tick(start, 1)]]])
    file = HtmlFile(await exports.file(await exports.of_session(session, HTML)))
    assert events_of(file, ids[0]) == [[tick(start, 1)]]
    assert file.session["pages"] == []
    assert file.title.startswith("Recording, 20")


async def test_a_range_without_events_has_a_file_without_windows(exports, audit):
    start = ago(60)
    session, _ = await record(audit, [[[page(start + 1000), snapshot(start + 1000)]], [[tick(start, 1)]]])
    file = HtmlFile(await exports.file(await exports.of_session(session, HTML, end_offset=seconds(0.5))))
    assert [len(window) for window in (file.session["windows"], file.session["pages"])] == [1, 0]


async def test_a_file_that_browsers_would_not_open_is_one_failure(exports, audit, monkeypatch):
    start = ago(60)
    session, _ = await record(audit, [[[page(start), snapshot(start), tick(start + 10, "word " * 9_999)]]])
    size = len(await exports.file(await exports.of_session(session, HTML)))
    monkeypatch.setattr(html, "MAX_BYTES", size - 1_000)  # it has the time of the export
    ended = await exports.ended((await exports.of_session(session, HTML)).export_id)
    assert (ended.state, ended.failure.reason, ended.attempt_count) == (FAILED, "SIZE_LIMIT", 1)
    assert "export a part of the session" in ended.failure.message


async def test_without_the_built_console_the_failure_names_it(exports, audit, monkeypatch, tmp_path):
    start = ago(60)
    session, _ = await record(audit, [[[page(start), snapshot(start)]]])
    (tmp_path / html.TEMPLATE).write_text("<!doctype html>")  # of another version
    for folder in (tmp_path / "nothing", tmp_path):
        monkeypatch.setattr(html, "built_console", lambda folder=folder: folder)
        ended = await exports.ended((await exports.of_session(session, HTML)).export_id)
        assert (ended.state, ended.failure.reason, ended.attempt_count) == (FAILED, "UNAVAILABLE", 1)
        assert "make web" in ended.failure.message


async def test_a_missing_window_and_a_deleted_session_are_named(exports, audit):
    start = ago(60)
    session, _ = await record(audit, [[[page(start), snapshot(start)]]])
    missing = await exports.ended((await exports.of_session(session, HTML, window_id=str(uuid7(start)))).export_id)
    assert (missing.state, missing.failure.reason) == (FAILED, "WINDOW_NOT_FOUND")


def test_the_player_is_small():
    assert (built_console() / html.TEMPLATE).stat().st_size < MAX_PLAYER_BYTES
