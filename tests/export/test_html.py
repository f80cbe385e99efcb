"""The HTML file of a session: its parts, as the player in it reads them, and the failures."""

from __future__ import annotations

import base64
import gzip
import json
from html.parser import HTMLParser
from itertools import chain

import pytest
from export.test_formats import ago, click, error, page, record, snapshot, tick
from support import web
from support.export import FAILED, HTML
from support.share import seconds

from services.export.built_console import built_console
from services.export.formats import html
from services.runtime.uuid7 import uuid7

MAX_PLAYER_BYTES = 400 * 1000


@pytest.fixture(autouse=True, scope="module")
def _built():
    web.built()


class Parts(HTMLParser):
    """The parts of a file.

    Attributes:
        title: The document's title.
        parts: Kind, attributes and inflated content of each part.
        scripts: Number of scripts that a browser would run.
    """

    def __init__(self, data):
        super().__init__()
        self.title = ""
        self.parts = []
        self.scripts = 0
        self._open = ""
        self._attributes = {}
        self._text = ""
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag, attrs):
        self._open, self._attributes, self._text = tag, dict(attrs), ""
        self.scripts += tag == "script" and "type" not in self._attributes

    def handle_data(self, data):
        self._text += data

    def handle_endtag(self, tag):
        if tag == "title":
            self.title = self._text
        if tag == "script" and (kind := self._attributes.get("data-part")):
            self.parts.append((kind, self._attributes, gzip.decompress(base64.b64decode(self._text))))
        self._open = ""

    def of(self, kind):
        return [json.loads(content) for found, _, content in self.parts if found == kind]

    @property
    def session(self):
        (session,) = self.of("session")
        return session

    def events(self, window):
        """The events of a window, with the chunks' own times checked."""
        found = []
        for kind, attributes, content in self.parts:
            if kind != "chunk" or attributes["data-window"] != window:
                continue
            events = json.loads(content)
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
    parts = Parts(data)
    described = (await exports.get(export.export_id)).file
    assert (described.name, described.content_type) == (f"session-{session}.html", "text/html")
    assert [parts.events(window) for window in ids] == windows
    assert parts.session["sessionId"] == session
    assert (parts.session["startMs"], parts.session["durationMs"]) == (start, 30)
    assert parts.session["windows"] == [
        {"windowId": ids[0], "startMs": start},
        {"windowId": ids[1], "startMs": start + 15},
    ]
    assert [page["openMs"] - start for page in parts.session["pages"]] == [0, 15]
    assert parts.session["range"] == {"startMs": None, "endMs": None}
    assert parts.title.startswith("Recording of https://shop.example/, 20")
    # The only script of the file that runs is the player's.
    assert parts.scripts == 1
    assert data.count(b"<script") == data.count(b"</script>") == len(parts.parts) + 1
    assert b"alert(1)" not in data


async def test_a_title_is_text(exports, audit):
    start = ago(60)
    url = "https://shop.example/</title><script>alert(1)</script>%recording%"
    session, _ = await record(audit, [[[page(start, url), snapshot(start)]]])
    parts = Parts(await exports.file(await exports.of_session(session, HTML)))
    assert parts.title.startswith(f"Recording of {parts.session['pages'][0]['url']}, 20")
    assert "</title><script>" in parts.title
    assert parts.scripts == 1


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
    parts = Parts(await exports.file(export))
    assert (await exports.get(export.export_id)).file.name == f"session-{session}-{ids[0]}.html"
    as_json = json.loads(await exports.file(await exports.of_session(session, **content)))
    assert list(chain(*parts.events(ids[0]))) == as_json == [*first[1][1:], *first[2][:3]]
    assert parts.session["range"] == {"startMs": 1500, "endMs": 2300}
    assert parts.session["windows"] == [{"windowId": ids[0], "startMs": start + 1400}]
    assert [found["url"][-3:] for found in parts.session["pages"]] == ["/at", "/in"]
    (table,) = parts.of("interactions")
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
    parts = Parts(await exports.file(await exports.of_session(session, HTML, **content)))
    (_, attributes, first), (_, after, _) = [part for part in parts.parts if part[0] == "chunk"]
    assert json.loads(first) == [chunk[-1]]
    # The shift is a whole number of seconds, and the event after the step follows within one.
    assert int(attributes["data-first"]) == start + 1000
    assert int(after["data-first"]) == start + 2000
    assert json.loads(await exports.file(await exports.of_session(session, **content))) == [
        chunk[-1],
        tick(back + 2000, 3),
    ]
    assert ids


async def test_findings_are_those_of_the_session(exports, audit):
    start = ago(60)
    events = [
        page(start),
        snapshot(start),
        *(click(start + 1000 + 50 * n) for n in range(10)),
        error(start + 9500, "it"),
    ]
    session, ids = await record(audit, [[events, [tick(start + 15_000, 1)]]])
    parts = Parts(await exports.file(await exports.of_session(session, HTML)))
    (table,) = parts.of("interactions")
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
    everything = data + b"".join(content for _, _, content in Parts(data).parts)
    assert b"secret-plan" not in everything
    assert b"actor-of-the-site" not in everything


async def test_a_session_of_one_event_has_a_file(exports, audit):
    start = ago(60)
    session, ids = await record(audit, [[[tick(start, 1)]]])
    parts = Parts(await exports.file(await exports.of_session(session, HTML)))
    assert parts.events(ids[0]) == [[tick(start, 1)]]
    assert parts.session["pages"] == []
    assert parts.title.startswith("Recording, 20")


async def test_a_range_without_events_has_a_file_without_windows(exports, audit):
    start = ago(60)
    session, _ = await record(audit, [[[page(start + 1000), snapshot(start + 1000)]], [[tick(start, 1)]]])
    parts = Parts(await exports.file(await exports.of_session(session, HTML, end_offset=seconds(0.5))))
    assert [len(window) for window in (parts.session["windows"], parts.session["pages"])] == [1, 0]


async def test_a_file_that_browsers_would_not_open_is_one_failure(exports, audit, monkeypatch):
    start = ago(60)
    session, _ = await record(audit, [[[page(start), snapshot(start), tick(start + 10, "word " * 9_999)]]])
    size = len(await exports.file(await exports.of_session(session, HTML)))
    monkeypatch.setattr(html, "MAX_BYTES", size - 1)
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
