"""The samples' interactions and heatmaps: the detectors' findings, on both engines, despite repeated chunks."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from uuid import uuid4

import numpy as np
import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from audit.behaviour_events import events, run
from support import recordings
from support.audit_server import AuditServer, audit_settings, new_session, now_ms, running, start_of
from support.wait import PATIENCE_S

from services.audit.behaviour.definitions import Interaction
from services.audit.behaviour.heatmap import KIND_OF, HeatmapKind
from services.audit.model import InteractionKind

POINTS = (HeatmapKind.CLICK, HeatmapKind.MOVE, HeatmapKind.RAGE, HeatmapKind.DEAD)
CHUNKS = 8


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
async def audit(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[AuditServer]:
    house = {}
    if request.param == "clickhouse":
        url = request.getfixturevalue("clickhouse_url")
        house = {"engine": "server", "url": url, "database": f"t{uuid4().hex[:12]}", "timeout_s": PATIENCE_S}
    async with running(audit_settings(tmp_path, clickhouse=house)) as opened:
        yield opened


def sample(name: str, session: str) -> list[list[dict]]:
    """A sample in chunks, as if it had been recorded in this session."""
    found = recordings.events(recordings.SAMPLES / name)
    shift = start_of(session) - found[0]["timestamp"]
    moved = [{**event, "timestamp": event["timestamp"] + shift} for event in found]
    size = -(-len(moved) // CHUNKS)
    return [moved[at : at + size] for at in range(0, len(moved), size)]


async def deliver_three_times(audit: AuditServer, session: str, chunks: list[list[dict]]) -> None:
    """Opens streams that begin anywhere before the wanted seq, until each chunk was sent three times."""
    rng, window = random.Random(6), str(uuid4())
    sent = dict.fromkeys(range(1, len(chunks) + 1), 0)
    while min(sent.values()) < 3:
        async with audit.recorder(session, window, project="other") as recorder:
            begin = rng.randint(1, recorder.ready.next_seq)
            for seq in range(begin, min(begin + rng.randint(1, 8), len(chunks) + 1)):
                await recorder.send(seq, chunks[seq - 1])
                sent[seq] += 1
            assert await recorder.ended() is None
    async with audit.recorder(session, window, project="other") as recorder:
        assert await recorder.end(len(chunks)) is None


async def listed(audit: AuditServer, session: str, project: str) -> list[tuple]:
    request = pb.ListInteractionsRequest(session_id=session, kinds=list(InteractionKind), page_size=10_000)
    answer = await audit.stub.ListInteractions(request, metadata=audit.auth("view", project=project))
    return [
        (
            one.kind,
            one.time.ToMilliseconds(),
            one.page,
            one.node_id,
            one.count,
            one.detail,
            one.x_percent,
            one.y_percent,
        )
        for one in answer.interactions
    ]


async def heatmaps(audit: AuditServer, project: str) -> dict[tuple[str, HeatmapKind], pb.GetHeatmapResponse]:
    auth = audit.auth("view", project=project)
    pages = (await audit.stub.ListPages(pb.ListPagesRequest(), metadata=auth)).pages
    asked = [(page.page, kind) for page in pages for kind in HeatmapKind]
    requests = [pb.GetHeatmapRequest(page=page, kind=kind, smoothing=0.0, max_points=10_000) for page, kind in asked]
    # At once: their entries of the access trail are stored together.
    answers = await asyncio.gather(*(audit.stub.GetHeatmap(request, metadata=auth) for request in requests))
    return dict(zip(asked, answers, strict=True))


def cells(found: list[Interaction], page: str, kind: HeatmapKind) -> Counter[tuple[float, float]]:
    """The heatmap's cells of one percent, counted by hand."""
    return Counter(
        (min(int(np.float32(one.x_percent)), 99) + 0.5, min(int(np.float32(one.y_percent)), 99) + 0.5)
        for one in found
        if one.kind is KIND_OF[kind] and one.page == page and one.x_percent is not None
    )


@pytest.mark.catalogue("chdb-shop-errors*", "clickhouse-shop-mobile*")
@pytest.mark.parametrize("name", ["shop-checkout.json.gz", "shop-errors.json.gz", "shop-mobile.json.gz"])
async def test_a_sample_has_what_the_detectors_find_also_when_it_comes_three_times(audit, name):
    session = new_session(now_ms() - 600_000)
    chunks = sample(name, session)
    expected = run([events([event for chunk in chunks for event in chunk])])
    await audit.record(session, chunks)
    await deliver_three_times(audit, session, chunks)

    once = await listed(audit, session, "demo")
    assert await listed(audit, session, "other") == once
    assert Counter(kind for kind, *_ in once) == Counter(int(one.kind) for one in expected)
    assert sorted(one[:6] for one in once) == sorted(
        (int(one.kind), one.time_ms, one.page, one.node_id, one.count, one.detail) for one in expected
    )

    answers = await heatmaps(audit, "demo")
    assert await heatmaps(audit, "other") == answers
    assert {page for page, _ in answers} == {one.page for one in expected if one.page}
    for (page, kind), answer in answers.items():
        if kind in POINTS:
            counted = Counter({(point.x_percent, point.y_percent): point.count for point in answer.points})
            assert counted == cells(expected, page, kind), (page, kind)
        if kind is HeatmapKind.ATTENTION:
            dwell_ms = sum(
                one.weight_ms for one in expected if one.kind is InteractionKind.ATTENTION and one.page == page
            )
            assert answer.sample_count == dwell_ms
