"""The files themselves: rrweb JSON, HAR, CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import arro3.io
import pytest
from afterimage.audit.v1 import audit_service_pb2 as audit_pb
from afterimage.recording.v1 import chunk_pb2, enums_pb2
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT6
from support.export import CSV, FAILED, HAR, INTERACTIONS, PARQUET, SESSIONS
from support.share import bearer, seconds

from services.export.formats.columns import COLUMNS, Kind
from services.export.formats.csv_table import harmless
from services.export.model import ExportTable
from services.runtime.uuid7 import uuid7

DOCS = Path(__file__).parents[2] / "docs" / "exports.md"


async def record(audit, windows, *, tags=None, project="demo", actor_id="", is_ended=True):
    """Records a session with the events of each window, in chunks; returns its id and those of its windows."""
    first_ms = min(event["timestamp"] for chunks in windows for events in chunks for event in events)
    session = str(uuid7(first_ms))
    ids = []
    for chunks in windows:
        window = str(uuid7(first_ms))

        async def requests(window=window, chunks=chunks):
            start = {"session_id": session, "window_id": window, "tags": tags or {}, "actor_id": actor_id}
            yield audit_pb.RecordSessionRequest(start=start)
            for seq, events in enumerate(chunks, 1):
                chunk = chunk_pb2.Chunk(
                    seq=seq, encoding=enums_pb2.CHUNK_ENCODING_IDENTITY, payload=json.dumps(events).encode()
                )
                yield audit_pb.RecordSessionRequest(chunk=chunk)
            if is_ended:
                yield audit_pb.RecordSessionRequest(end={})

        call = audit.stub.RecordSession(requests(), metadata=bearer(audit.mint("record", project=project)))
        answers = [answer async for answer in call]
        assert answers[-1].ack.through_seq == len(chunks), answers
        ids.append(window)
    return session, ids


def page(at, href="https://shop.example/"):
    return {"type": 4, "timestamp": at, "data": {"href": href, "width": 800, "height": 600}}


def snapshot(at):
    return {
        "type": 2,
        "timestamp": at,
        "data": {"node": {"type": 0, "childNodes": [], "id": 1}, "initialOffset": {"left": 0, "top": 0}},
    }


def tick(at, number):
    return {"type": 5, "timestamp": at, "data": {"tag": "tick", "payload": number}}


def click(at):
    return {"type": 3, "timestamp": at, "data": {"source": 2, "type": 2, "id": 1, "x": 10, "y": 20}}


def error(at, text):
    payload = {"level": "error", "trace": [], "payload": [json.dumps(text)]}
    return {"type": 6, "timestamp": at, "data": {"plugin": "rrweb/console@1", "payload": payload}}


def network(at, *requests):
    return {"type": 6, "timestamp": at, "data": {"plugin": "rrweb/network@1", "payload": {"requests": list(requests)}}}


def ago(seconds_ago):
    return (int(time.time()) - seconds_ago) * 1000


class TestJson:
    async def test_windows_are_kept_apart_and_can_be_chosen(self, exports, audit):
        start = ago(60)
        windows = [
            [[page(start), snapshot(start), tick(start + 10, 1)], [tick(start + 20, 2)]],
            [[page(start + 15), snapshot(start + 15), tick(start + 30, 3)]],
        ]
        session, ids = await record(audit, windows)
        whole = json.loads(await exports.file(await exports.of_session(session)))
        assert whole == {
            "session_id": session,
            "events": {i: list(chain(*w)) for i, w in zip(ids, windows, strict=True)},
        }
        one = await exports.of_session(session, window_id=ids[1])
        assert json.loads(await exports.file(one)) == windows[1][0]
        assert (await exports.get(one.export_id)).file.name == f"session-{session}-{ids[1]}.json"
        missing = await exports.ended((await exports.of_session(session, window_id=str(uuid7(start)))).export_id)
        assert (missing.state, missing.failure.reason) == (FAILED, "WINDOW_NOT_FOUND")
        assert missing.attempt_count == 1

    async def test_a_range_begins_at_a_snapshot_and_ends_before_its_end(self, exports, audit):
        start = ago(60)
        chunks = [
            [page(start), snapshot(start), *(tick(start + ms, ms) for ms in range(100, 1000, 100))],
            [tick(start + 1000, 1000), page(start + 1400), snapshot(start + 1400), tick(start + 1500, 1500)],
            [tick(start + 2000, 2000), tick(start + 2500, 2500)],
            [tick(start + 3000, 3000)],
        ]
        session, _ = await record(audit, [chunks])

        async def exported(**content):
            data = json.loads(await exports.file(await exports.of_session(session, **content)))
            return [
                event["data"]["payload"] if event["type"] == 5 else "page" if event["type"] == 4 else "snapshot"
                for event in data
            ]

        assert await exported(start_offset=seconds(1.45), end_offset=seconds(2.5)) == ["page", "snapshot", 1500, 2000]
        assert await exported(start_offset=seconds(2.9)) == ["page", "snapshot", 1500, 2000, 2500, 3000]
        assert await exported(end_offset=seconds(0.3)) == ["page", "snapshot", 100, 200]
        assert await exported(start_offset=seconds(1.3), end_offset=seconds(1.4)) == [
            *("page", "snapshot"),
            *range(100, 1001, 100),
        ]

    async def test_text_is_kept_to_the_letter(self, exports, audit):
        start = ago(60)
        events = [page(start), snapshot(start), tick(start + 1, 'ü 😀 \ud83d half \u0000 \\ " </script> 1e400')]
        session, _ = await record(audit, [[events]])
        assert json.loads(await exports.file(await exports.of_session(session))) == events


SCHEMAS = json.loads((Path(__file__).parents[1] / "support" / "har_schemas.json").read_text())["schemas"]


def check_har(data):
    """Checks an archive against the schemas of har-schema, which are not ours."""
    resources = [
        (name, Resource.from_contents(schema, default_specification=DRAFT6)) for name, schema in SCHEMAS.items()
    ]
    registry = Registry().with_resources(resources)
    problems = list(Draft7Validator(SCHEMAS["har.json"], registry=registry).iter_errors(data))
    assert problems == []
    return data["log"]


class TestHar:
    async def test_requests_are_those_of_the_recording(self, exports, audit):
        start = ago(60)
        full = {
            "name": "https://shop.example/api/cart?id=1&b=%20x&b=", "method": "post", "status": 201,
            "initiatorType": "fetch",
            "startTime": 500, "endTime": 620.5, "duration": 120.5, "timestamp": start + 500,
            "requestHeaders": {"content-type": "application/json", "x-a": "1"},
            "responseHeaders": [{"name": "Content-Type", "value": "text/plain"}],
            "requestBody": '{"n": 1}', "responseBody": "added", "decodedBodySize": 5, "encodedBodySize": 3,
            "fetchStart": 500, "domainLookupStart": 501, "domainLookupEnd": 503, "connectStart": 503, "connectEnd": 510,
            "requestStart": 510, "responseStart": 600, "responseEnd": 620.5, "nextHopProtocol": "h2",
        }  # fmt: skip
        bare = {"url": "/relative", "responseStatus": 0, "startTime": 10, "endTime": 40}
        odd = {"name": 7, "status": "x", "duration": -3, "requestHeaders": 5, "method": None}
        events = [page(start), snapshot(start), network(start + 700, full, "text", bare), network(start + 2000, odd)]
        events += [
            page(start + 2100, "https://shop.example/next"),
            network(start + 3000, {"name": "https://shop.example/late", "status": 404}),
        ]
        other = [
            page(start + 100, "https://shop.example/other"),
            network(start + 400, {"name": "https://shop.example/x", "status": 200}),
        ]
        session, _ = await record(audit, [[events[:4], events[4:]], [other]])
        export = await exports.of_session(session, HAR)
        log = check_har(json.loads(await exports.file(export)))
        assert (await exports.get(export.export_id)).file.name == f"session-{session}.har"
        assert [one["title"] for one in log["pages"]] == [
            "https://shop.example/", "https://shop.example/other", "https://shop.example/next"
        ]  # fmt: skip
        first, second, third, late, foreign = log["entries"]
        assert datetime.fromisoformat(first["startedDateTime"]).timestamp() * 1000 == start + 500
        assert first["time"] == 120.5
        # As masked at ingest: by default, values of queries and bodies.
        masked = "https://shop.example/api/cart?id=***&b=***&b="
        assert (first["request"]["method"], first["request"]["url"]) == ("POST", masked)
        assert first["request"]["queryString"] == [
            {"name": "id", "value": "***"}, {"name": "b", "value": "***"}, {"name": "b", "value": ""}
        ]  # fmt: skip
        assert first["request"]["postData"] == {"mimeType": "application/json", "params": [], "text": '{"n":"***"}'}
        assert first["response"]["status"] == 201
        assert first["response"]["content"] == {"size": 5, "mimeType": "text/plain", "text": "added"}
        assert first["response"]["bodySize"] == 3
        assert first["timings"] == {"send": 0, "wait": 90, "receive": 20.5, "blocked": 1, "dns": 2, "connect": 7}
        assert (second["request"]["url"], second["response"]["status"], second["time"]) == ("/relative", 0, 30)
        assert (third["request"]["url"], third["time"], third["request"]["headers"]) == ("", 0, [])
        assert (late["pageref"], late["response"]["status"]) == ("page_3", 404)
        assert foreign["pageref"] == "page_2"
        assert {first["pageref"], second["pageref"]} == {"page_1"}

    async def test_a_range_and_a_window_limit_it(self, exports, audit):
        start = ago(60)
        requests = [
            network(start + ms, {"name": f"https://shop.example/{ms}", "status": 200}) for ms in (500, 1500, 2500)
        ]
        session, ids = await record(
            audit, [[[page(start), snapshot(start), *requests]], [[page(start), snapshot(start)]]]
        )
        ranged = await exports.of_session(session, HAR, start_offset=seconds(1), end_offset=seconds(2))
        log = check_har(json.loads(await exports.file(ranged)))
        assert [entry["request"]["url"] for entry in log["entries"]] == ["https://shop.example/1500"]
        empty = await exports.of_session(session, HAR, window_id=ids[1])
        assert check_har(json.loads(await exports.file(empty)))["entries"] == []


def rows_of(data):
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def parquet_of(data):
    """Returns the columns of a Parquet file."""
    table = arro3.io.read_parquet(io.BytesIO(data)).read_all()
    return {
        name: table.column(name).to_pylist()
        if hasattr(table.column(name), "to_pylist")
        else [one.as_py() for chunk in table.column(name).chunks for one in chunk]
        for name in table.schema.names
    }


class TestTables:
    async def test_sessions_under_a_filter(self, exports, audit):
        start = ago(3600)
        tag = {"run": str(start), "plan": "=1+1"}
        made = []
        for number in range(3):
            at = start + number * 1000
            events = [page(at, "https://shop.example/ü"), snapshot(at), click(at + 100), error(at + 1500, "it broke")]
            made.append(await record(audit, [[events]], tags=tag, actor_id='@evil,"q"\n2'))
        await record(audit, [[[page(start), snapshot(start), tick(start + 5, 1)]]])
        wanted = {"tags": {"run": str(start)}}
        rows = rows_of(await exports.file(await exports.of_table(SESSIONS, CSV, filter=wanted)))
        assert [row["session_id"] for row in rows] == [session for session, _ in reversed(made)]
        row = rows[-1]
        assert list(row) == [column.name for column in COLUMNS[ExportTable.SESSIONS]]
        assert row["start_time"] == datetime.fromtimestamp(start / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        assert (row["duration_s"], row["click_count"], row["error_count"], row["event_count"]) == ("1.5", "1", "1", "4")
        assert row["actor_id"] == '\'@evil,"q"\n2'
        assert (row["actor_type"], row["status"]) == ("user", "ended")
        assert json.loads(row["tags"]) == tag
        assert row["first_url"] == "https://shop.example/ü"

        columns = parquet_of(await exports.file(await exports.of_table(SESSIONS, PARQUET, filter=wanted)))
        assert list(columns) == list(row)
        assert columns["session_id"] == [one["session_id"] for one in rows]
        assert columns["actor_id"] == ['@evil,"q"\n2'] * 3  # no spreadsheet calculates it
        assert columns["duration_s"] == [1.5] * 3
        assert columns["start_time"][-1] == datetime.fromtimestamp(start / 1000, UTC)
        assert columns["language"] == [None] * 3

    async def test_interactions_under_a_filter(self, exports, audit):
        start = ago(3600)
        tag = {"run": f"i{start}"}
        made = []
        for number in range(2):
            at = start + number * 1000
            events = [page(at), snapshot(at), click(at + 100), click(at + 3100), error(at + 9500, "broken")]
            made.append((await record(audit, [[events]], tags=tag))[0])
        wanted = {"tags": tag}
        for fmt in (CSV, PARQUET):
            export = await exports.of_table(INTERACTIONS, fmt, filter=wanted)
            data = await exports.file(export)
            progress = (await exports.get(export.export_id)).progress
            assert (progress.done_count, progress.planned_count) == (2, 2)
            if fmt == CSV:
                rows = rows_of(data)
                assert [row["session_id"] for row in rows if row["kind"] == "click"] == [made[1]] * 2 + [made[0]] * 2
                errors = [row for row in rows if row["kind"] == "error"]
                assert [row["detail"] for row in errors] == ['"broken"'] * 2
                assert [row["offset_s"] for row in errors] == ["9.5"] * 2
            else:
                columns = parquet_of(data)
                assert list(columns) == [column.name for column in COLUMNS[ExportTable.INTERACTIONS]]
                assert columns["kind"] == [row["kind"] for row in rows]
                assert columns["x_percent"] == pytest.approx([float(row["x_percent"]) for row in rows])
        clicks = rows_of(await exports.file(await exports.of_table(INTERACTIONS, CSV, filter=wanted, kinds=[1])))
        assert {row["kind"] for row in clicks} == {"click"}

    async def test_an_empty_table_has_its_columns(self, exports):
        wanted = {"tags": {"run": "none"}}
        data = await exports.file(await exports.of_table(SESSIONS, CSV, filter=wanted))
        assert data.decode() == ",".join(column.name for column in COLUMNS[ExportTable.SESSIONS]) + "\r\n"
        columns = parquet_of(await exports.file(await exports.of_table(INTERACTIONS, PARQUET, filter=wanted)))
        assert columns == {column.name: [] for column in COLUMNS[ExportTable.INTERACTIONS]}


@given(st.text(alphabet=st.sampled_from("=+-@\t\r\n \u3000\uff1d\uff0b\uff0d\uff20ab'\"1"), max_size=6))
def test_no_cell_begins_like_a_formula(text):
    safe = harmless(text)
    assert safe.removeprefix("'") in {text, text.removeprefix("'")}
    assert not re.match("\\s*[=+\\-@\uff1d\uff0b\uff0d\uff20]", safe)
    assert not safe.startswith(("\t", "\r", "\n"))


def test_the_documentation_has_every_column():
    found = re.findall(r"^\| `(\w+)` \| (\w+) \|", DOCS.read_text(), re.MULTILINE)
    assert found == [(column.name, column.kind.value) for table in ExportTable for column in COLUMNS[table]]
    assert {column.kind for table in ExportTable for column in COLUMNS[table]} == set(Kind)
