"""GetHeatmap, ListPages and ListInteractions: from a recorder's stream to the answer, on both engines."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import grpc
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import heatmap_pb2
from afterimage.recording.v1 import enums_pb2
from audit.behaviour_events import (
    click,
    document,
    element,
    error,
    measure,
    meta,
    move,
    requests,
    scroll,
    snapshot,
    still,
)
from support.audit_server import AuditServer, audit_settings, new_session, now_ms, problem, running, start_of
from support.wait import PATIENCE_S

from services.audit.behaviour.heatmap import HeatmapKind, heatmap_query
from services.audit.model import InteractionKind, SessionKey
from services.audit.replay.visibility import EVERYTHING
from services.audit.storage.engine.clickhouse import ClickHouseEngine
from services.audit.storage.heatmap_queries import HeatmapQueries
from services.audit.storage.interaction_queries import InteractionQueries, PagesWanted
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate

T0 = 1_700_000_000_000  # of behaviour_events
PAGE = "https://shop.example/cart"


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def audit(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[AuditServer]:
    house = {}
    if request.param == "clickhouse":
        url = request.getfixturevalue("clickhouse_url")
        house = {"engine": "server", "url": url, "database": f"t{uuid4().hex[:12]}", "timeout_s": PATIENCE_S}
    async with running(audit_settings(tmp_path, clickhouse=house)) as opened:
        yield opened


def story(session: str) -> list[list[dict]]:
    """A page of 1000 x 2000 in a viewport of 1000 x 500; every place of it is known."""
    events = [
        meta(0),
        snapshot(10),
        measure(20),
        click(1_000, 250, 100),
        click(2_400, 250, 100),  # too late for a run
        scroll(4_000, 500),
        click(5_000, 250, 100),  # document y 600 of 2000: 30 %
        *(click(10_000 + 100 * number, 505, 255) for number in range(4)),  # a rage: (50.5, 37.75)
        move(13_000, (0, 700, 50)),  # (70, 27.5)
        error(13_100),
        still(20_000),
    ]
    base = start_of(session)
    moved = [{**event, "timestamp": event["timestamp"] - T0 + base} for event in events]
    return [moved[:5], moved[5:8], moved[8:]]


async def heatmap(audit: AuditServer, kind: int, **more) -> pb.GetHeatmapResponse:
    more = {"page": PAGE, "smoothing": 0.0, **more}
    return await audit.stub.GetHeatmap(pb.GetHeatmapRequest(kind=kind, **more), metadata=audit.auth("view"))


async def interactions(audit: AuditServer, session: str, *kinds: int, **more) -> pb.ListInteractionsResponse:
    request = pb.ListInteractionsRequest(session_id=session, kinds=kinds, **more)
    return await audit.stub.ListInteractions(request, metadata=audit.auth("view"))


async def test_what_was_recorded_is_in_the_heatmap_at_exactly_those_percents(audit):
    session = new_session(now_ms() - 60_000)
    await audit.record(session, story(session), device_type=enums_pb2.DEVICE_TYPE_MOBILE)

    clicks = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)
    assert {(p.x_percent, p.y_percent, p.count) for p in clicks.points} == {
        (25.5, 5.5, 2),
        (25.5, 30.5, 1),
        (50.5, 37.5, 4),
    }
    assert (clicks.sample_count, clicks.session_count) == (7, 1)
    assert (clicks.page_size.width, clicks.page_size.height) == (1000, 2000)
    assert (clicks.viewport.width, clicks.viewport.height) == (1000, 500)
    assert (clicks.estimated_count, clicks.clamped_count, clicks.resolution) == (0, 0, 100)

    rage = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_RAGE)
    assert [(p.x_percent, p.y_percent, p.count) for p in rage.points] == [(50.5, 37.5, 1)]
    moves = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_MOVE)
    assert [(p.x_percent, p.y_percent, p.count) for p in moves.points] == [(70.5, 27.5, 1)]

    attention = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_ATTENTION)
    seen = {point.y_percent: point.count for point in attention.points}
    assert attention.sample_count == 20_000
    assert seen[10.5] == 4_000  # the first quarter, until it was scrolled
    assert seen[30.5] == 16_000
    assert 60.5 not in seen
    scrolled = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_SCROLL)
    assert {point.y_percent: point.count for point in scrolled.points} == {row + 0.5: 1 for row in range(50)}
    assert scrolled.sample_count == 1

    found = await interactions(audit, session, enums_pb2.INTERACTION_KIND_CLICK)
    places = [(one.x_percent, one.y_percent, one.offset.ToMilliseconds()) for one in found.interactions]
    assert places[:3] == [(25.0, 5.0, 1_000), (25.0, 5.0, 2_400), (25.0, 30.0, 5_000)]
    assert set(places[3:]) == {(50.5, 37.75, 10_000 + 100 * number) for number in range(4)}

    totals = (await audit.session(session)).session.totals
    assert (totals.rage_click_count, totals.error_click_count) == (1, 1)
    markers = [one.kind for one in (await audit.session(session)).markers]
    assert enums_pb2.INTERACTION_KIND_RAGE_CLICK in markers

    await _filters(audit, session)
    pages = await audit.stub.ListPages(pb.ListPagesRequest(), metadata=audit.auth("view"))
    [page] = pages.pages
    assert (page.page, page.click_count, page.session_count) == (PAGE, 7, 1)
    deleted = await audit.delete(session)
    assert deleted.interaction_count == page.interaction_count
    assert not (await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)).points
    assert not (await audit.stub.ListPages(pb.ListPagesRequest(), metadata=audit.auth("view"))).pages


async def _filters(audit: AuditServer, session: str) -> None:
    async def samples(**more) -> int:
        return (await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK, **more)).sample_count

    assert await samples(device_types=[enums_pb2.DEVICE_TYPE_MOBILE]) == 7
    assert await samples(device_types=[enums_pb2.DEVICE_TYPE_DESKTOP]) == 0
    assert await samples(actor_types=[enums_pb2.ACTOR_TYPE_ANONYMOUS]) == 7
    assert await samples(actor_types=[enums_pb2.ACTOR_TYPE_BOT]) == 0
    assert await samples(min_viewport_width=1000, max_viewport_width=1000) == 7
    assert await samples(min_viewport_width=1001) == 0
    assert await samples(max_viewport_width=999) == 0
    base = start_of(session)
    until = pb.GetHeatmapRequest().end_time
    until.FromMilliseconds(base + 2_400)
    assert await samples(end_time=until) == 1
    assert await samples(start_time=until) == 6
    assert await samples(page=PAGE + "/other") == 0


SAVE = element(10, "button", {"type": 3, "textContent": "Save", "id": 11}, **{"data-testid": "save"})
CARD = element(20, "button", {"type": 3, "textContent": "Card 4111 1111 1111 1111", "id": 21}, id="card")
CANCEL = element(30, "button", {"type": 3, "textContent": "Cancel", "id": 31})


def visit_of_buttons(session: str) -> list[dict]:
    events = [
        meta(0),
        snapshot(10, document(SAVE, CARD, CANCEL)),
        measure(20),
        *(click(1_000 + 2_000 * number, 100, 100, 10) for number in range(3)),
        *(click(10_000 + 100 * number, 500, 300, 20) for number in range(5)),  # a rage click
        click(15_000, 700, 100, 30),
        click(17_000, 700, 100, 99),  # a node that the recording does not have
        still(30_000),
    ]
    base = start_of(session)
    return [{**event, "timestamp": event["timestamp"] - T0 + base} for event in events]


async def test_elements_that_were_clicked_most_have_names(audit):
    session, short = new_session(now_ms() - 60_000), new_session(now_ms() - 60_000)
    await audit.record(session, [visit_of_buttons(session)])
    await audit.record(short, [visit_of_buttons(short)[:4]])

    clicks = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)
    assert [(one.target.name, one.target.role, one.target.tag, one.target.selector) for one in clicks.targets] == [
        ("Card 4111 1111 1111 1111", "button", "button", "#card"),
        ("Save", "button", "button", '[data-testid="save"]'),
        ("Cancel", "button", "button", "button:nth-of-type(3)"),
    ]
    assert [(one.count, one.session_count) for one in clicks.targets] == [(5, 1), (4, 2), (1, 1)]
    assert (clicks.sample_count, clicks.targets_truncated, clicks.target_sample_fraction) == (11, False, 1.0)
    counted: Counter[tuple[int, str]] = Counter()
    for one in (session, short):
        for found in (await interactions(audit, one)).interactions:
            counted[found.kind, found.target.selector] += 1
    kinds = ("CLICK", "RAGE_CLICK", "DEAD_CLICK")
    for one in clicks.targets:
        listed = tuple(counted[getattr(enums_pb2, f"INTERACTION_KIND_{kind}"), one.target.selector] for kind in kinds)
        assert (one.count, one.rage_click_count, one.dead_click_count) == listed
    assert [one.rage_click_count for one in clicks.targets] == [1, 0, 0]
    assert any(one.dead_click_count for one in clicks.targets)

    rage = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_RAGE)
    assert [(one.target.selector, one.count, one.rage_click_count) for one in rage.targets] == [("#card", 1, 0)]
    some = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK, max_targets=2)
    assert list(some.targets) == list(clicks.targets)[:2]
    assert some.targets_truncated
    for kind, most in ((heatmap_pb2.HEATMAP_KIND_CLICK, 0), (heatmap_pb2.HEATMAP_KIND_ATTENTION, 50)):
        none = await heatmap(audit, kind, max_targets=most)
        assert none.points
        assert (list(none.targets), none.targets_truncated, none.target_sample_fraction) == ([], False, 0.0)
    assert not (await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK, page=PAGE + "/other")).targets


async def test_names_of_elements_are_masked(tmp_path):
    async with running(audit_settings(tmp_path, privacy={"preset": "default"})) as audit:
        session = new_session(now_ms() - 60_000)
        await audit.record(session, [visit_of_buttons(session)])
        clicks = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)
    assert [one.target.selector for one in clicks.targets][:2] == ["#card", '[data-testid="save"]']
    assert "4111" not in str(clicks)


def visit_of_requests(session: str) -> list[list[dict]]:
    lost = {"name": "https://shop.example/api/cart?user=7", "method": "GET", "status": 500, "initiatorType": "fetch"}
    picture = {"name": "https://pictures.example/a.png", "status": 0, "initiatorType": "img"}
    card = {"name": "https://shop.example/cards/4111111111111111", "status": 404, "initiatorType": "xmlhttprequest"}
    chunks = [
        [meta(0), snapshot(10), measure(20), requests(500, {**lost, "status": 200}, picture)],
        [requests(1_000, lost, lost, card), requests(2_000, {**lost, "method": "POST", "status": 0})],
        [meta(3_000, PAGE + "/orders"), error(3_100), requests(3_200, lost)],
    ]
    base = start_of(session)
    return [[{**event, "timestamp": event["timestamp"] - T0 + base} for event in chunk] for chunk in chunks]


FAILED = enums_pb2.INTERACTION_KIND_FAILED_REQUEST


async def test_failed_requests_are_listed_one_by_one(audit):
    session = new_session(now_ms() - 60_000)
    await audit.record(session, visit_of_requests(session))
    everything = (await interactions(audit, session)).interactions
    found = [one for one in everything if one.kind == FAILED]
    assert [(one.offset.ToMilliseconds(), one.seq, one.page, one.detail) for one in found] == [
        (1_000, 2, PAGE, "GET shop.example/api/cart 500"),
        (1_000, 2, PAGE, "GET shop.example/api/cart 500"),
        (1_000, 2, PAGE, "shop.example/cards/4111111111111111 404"),
        (2_000, 2, PAGE, "POST shop.example/api/cart 0"),
        (3_200, 3, PAGE + "/orders", "GET shop.example/api/cart 500"),
    ]
    assert len({(one.window_id, one.number) for one in everything}) == len(everything)
    assert list((await interactions(audit, session, FAILED)).interactions) == found
    pages, token = [], ""
    while not pages or token:
        answer = await interactions(audit, session, FAILED, page_size=2, page_token=token)
        pages.append(list(answer.interactions))
        token = answer.next_page_token
    assert pages == [found[:2], found[2:4], found[4:]]

    details = await audit.session(session)
    markers = [(one.offset.ToMilliseconds(), one.detail) for one in details.markers if one.kind == FAILED]
    assert markers == [(one.offset.ToMilliseconds(), one.detail) for one in found]
    assert details.session.totals.failed_request_count == len(found)
    assert details.session.totals.error_count == 1


async def test_addresses_of_failed_requests_are_masked(tmp_path):
    async with running(audit_settings(tmp_path, privacy={"preset": "default"})) as audit:
        session = new_session(now_ms() - 60_000)
        await audit.record(session, visit_of_requests(session))
        found = (await interactions(audit, session, FAILED)).interactions
        details = await audit.session(session)
    assert found[0].detail == "GET shop.example/api/cart 500"
    assert [one.detail.split()[-1] for one in found] == ["500", "500", "404", "0", "500"]
    assert found[2].detail.startswith("shop.example/cards/")
    assert "4111" not in str(found) + str(details)


async def test_a_window_that_is_resumed_and_ended_twice_counts_nothing_twice(audit):
    whole, parted = new_session(now_ms() - 60_000), new_session(now_ms() - 60_000)
    await audit.record(whole, story(whole))
    window = await audit.record(parted, story(parted)[:2], end=False)
    async with audit.recorder(parted, window) as recorder:
        assert recorder.ready.next_seq == 3
        await recorder.send(3, story(parted)[2])
        assert await recorder.end(3) is None
    async with audit.recorder(parted, window) as recorder:
        assert await recorder.end(3) is None
    for kind in (enums_pb2.INTERACTION_KIND_ATTENTION, enums_pb2.INTERACTION_KIND_CLICK):
        first, second = [(await interactions(audit, one, kind)).interactions for one in (whole, parted)]
        assert len(first) <= len(second) <= len(first) + 1  # attention is cut at the end
    attention = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_ATTENTION)
    assert attention.sample_count <= 40_000


async def test_bad_questions_are_refused_by_field_and_empty_answers_are_no_errors(audit):
    cases = [
        ({"page": ""}, "page"),
        ({"kind": 0}, "kind"),
        ({"kind": 99}, "kind"),
        ({"resolution": 9}, "resolution"),
        ({"resolution": 401}, "resolution"),
        ({"smoothing": float("nan")}, "smoothing"),
        ({"normalise_percentile": 0.0}, "normalise_percentile"),
        ({"max_points": -1}, "max_points"),
        ({"max_targets": -1}, "max_targets"),
        ({"device_types": [77]}, "device_types"),
        ({"actor_types": [77]}, "actor_types"),
        ({"min_viewport_width": 5, "max_viewport_width": 4}, "max_viewport_width"),
    ]
    for fields, name in cases:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await audit.stub.GetHeatmap(
                pb.GetHeatmapRequest(**({"page": PAGE, "kind": 1} | fields)), metadata=audit.auth("view")
            )
        refused = problem(caught.value)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert name in refused.fields
    reversed_range = pb.GetHeatmapRequest(page=PAGE, kind=1)
    reversed_range.start_time.FromMilliseconds(2_000)
    reversed_range.end_time.FromMilliseconds(1_000)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await audit.stub.GetHeatmap(reversed_range, metadata=audit.auth("view"))
    assert "end_time" in problem(caught.value).fields
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await interactions(audit, new_session())
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await interactions(audit, new_session(), 99)
    assert "kinds" in problem(caught.value).fields
    for kind in HeatmapKind:
        empty = await heatmap(audit, kind)
        assert (list(empty.points), empty.sample_count, empty.session_count) == ([], 0, 0)


async def test_odd_recordings_neither_crash_nor_leave_the_page(audit):
    session = new_session(now_ms() - 60_000)
    base = start_of(session)
    odd = [
        meta(0, width=0, height=0),  # no area
        click(100, 10, 10),
        meta(200),
        measure(210),  # no full snapshot at all
        click(300, None, None),
        click(400, -50, 9_999),  # outside
        scroll(500, -300),  # overscroll
        click(600, 10, 10),
        scroll(-3_000_000, 5),  # the clock is set back, by less than ingest.max_before_start_s
        click(700, 1e300, 10),
    ]
    moved = [{**event, "timestamp": max(event["timestamp"] - T0 + base, 1)} for event in odd]
    await audit.record(session, [moved, []])
    clicks = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)
    assert clicks.clamped_count == 3
    assert all(0 <= point.x_percent <= 100 and 0 <= point.y_percent <= 100 for point in clicks.points)


async def test_pages_of_interactions_give_each_once(audit):
    session = new_session(now_ms() - 60_000)
    await audit.record(session, story(session))
    everything = (await interactions(audit, session)).interactions
    found, token = [], ""
    while True:
        page = await interactions(audit, session, page_size=3, page_token=token)
        found += page.interactions
        token = page.next_page_token
        if not token:
            break
    assert found == list(everything)
    assert len(found) > 9


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def stores(
    request: pytest.FixtureRequest, tmp_path
) -> AsyncIterator[tuple[RecordingStore, InteractionQueries, HeatmapQueries]]:
    database = f"t{uuid4().hex[:12]}"
    if request.param == "chdb":
        from services.audit.storage.engine.chdb import ChdbEngine

        engine = await ChdbEngine.open(tmp_path / "chdb", 2, database=database)
    else:
        engine = await ClickHouseEngine.open(
            request.getfixturevalue("clickhouse_url"), 2, database=database, timeout_s=PATIENCE_S
        )
    dialect = Dialect(engine.version)
    await migrate(engine, dialect)
    retention = Retention({}, now_ms)
    store = RecordingStore(engine, dialect, retention, now_ms)
    yield store, InteractionQueries(engine, retention), HeatmapQueries(engine, retention)
    await engine.close()


async def test_rows_delivered_three_times_count_once(stores) -> None:
    from audit.storage import chunk, head, window_key

    from services.audit.behaviour.definitions import Interaction

    store, behaviour, heatmaps = stores
    key = window_key(now_ms() - 60_000)
    rng = random.Random(3)
    rows = []
    for seq in range(1, 21):
        found = tuple(
            Interaction(
                InteractionKind.CLICK,
                key.session_key.start_ms + seq,
                "p",
                rng.uniform(0, 100),
                rng.uniform(0, 100),
                (800, 600),
                (9, 9),
            )
            for _ in range(5)
        )
        rows.append(chunk(key, seq, found=found, first_number=5 * (seq - 1), device_type=1, actor_type=1))
    await store.insert([head(key)], rows)
    query = heatmap_query(page="p", kind=1)
    once = await heatmaps.cells("demo", query)
    deliveries = rows * 2
    rng.shuffle(deliveries)
    for begin in range(0, len(deliveries), 7):
        await store.insert([], deliveries[begin : begin + 7])
    again = await heatmaps.cells("demo", query)
    assert sorted(again.cells.tolist()) == sorted(once.cells.tolist())
    assert again.counts == once.counts
    assert (again.counts.samples, again.counts.sessions) == (100, 1)
    [page] = await behaviour.pages("demo", PagesWanted(), 10)
    assert page.interactions == 100
    listed = await behaviour.interactions(
        SessionKey("demo", key.session), [InteractionKind.CLICK], EVERYTHING.within(key.session_key.start_ms), 1_000
    )
    assert [one.number for one in listed] == list(range(100))
    assert await store.count_interactions("demo", [key.session]) == 100


async def test_an_answer_is_kept_for_a_short_time(tmp_path, redis_url) -> None:
    async with running(
        audit_settings(
            tmp_path,
            redis={"url": redis_url, "timeout_s": PATIENCE_S},
            audit={"port": 0, "metrics_port": -1, "heatmap_cache_s": 3_600.0},
        )
    ) as audit:
        first, second = new_session(now_ms() - 60_000), new_session(now_ms() - 60_000)
        await audit.record(first, story(first))
        asked = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK)
        await audit.record(second, story(second))
        assert await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK) == asked
        other = await heatmap(audit, heatmap_pb2.HEATMAP_KIND_CLICK, resolution=50)
        assert (other.sample_count, other.session_count) == (14, 2)
