"""Canaries recorded through a running AuditService: none is stored, shown, published, logged or exported."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import re
import sys
import urllib.request
import uuid
from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import redis.asyncio
from audit.canaries import RULES, Canary, Needles, has_page, plant
from support import recordings
from support.audit_server import SECRET, AuditServer, audit_settings, new_session, now_ms, running, unpacked
from support.campaign import is_campaign
from support.ports import free_port
from support.wait import PATIENCE_S

from services.audit.app import open_engine
from services.audit.window_state import load_state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.runtime.settings import Settings

EVENTS_PER_CHUNK = 60


@cache
def planted() -> list[tuple[str, list[dict[str, Any]], list[Canary]]]:
    """Returns the recordings that have a page to plant in, with canaries, as if they had just been recorded."""
    found = []
    for path in recordings.paths() if is_campaign() else recordings.SHIPPED:
        recorded = recordings.events(path)
        if not has_page(recorded):
            continue
        events, canaries = plant(recorded)
        last = max(event["timestamp"] for event in events)
        for event in events:  # no further back than a project keeps
            event["timestamp"] = now_ms() - 1_000 - min(last - event["timestamp"], 86_400_000)
        found.append((path.name, events, canaries))
    return found


class Search(Needles):
    """Searches for canaries, and counts the searched bytes."""

    def __init__(self, canaries: list[Canary]) -> None:
        super().__init__(list({canary.value: canary for canary in canaries}.values()))
        self.looked_at = 0

    def check(self, what: str, data: bytes) -> None:
        """Fails with rule and field of each canary in the data."""
        self.looked_at += len(data)
        found = self.found_in(data)
        assert not found, f"{what}: {sorted({(each.rule, each.field) for each in found})}"


async def stored(settings: Settings) -> AsyncIterator[tuple[str, bytes]]:
    """Yields every value of every column of every table, inflated and decoded."""
    engine = await open_engine(settings)
    try:
        columns: dict[str, list[tuple[str, str]]] = {}
        for table, name, kind in await engine.query(
            "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() "
            "AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase())"
        ):
            columns.setdefault(_text(table), []).append((_text(name), _text(kind)))
        assert {"chunks", "windows", "sessions"} <= columns.keys()
        for table, its in columns.items():
            for name, kind in its:
                value = f"finalizeAggregation(`{name}`)" if kind.startswith("AggregateFunction") else f"`{name}`"
                for (cell,) in await engine.query(f"SELECT hex(toString({value})) FROM `{table}`"):
                    raw = bytes.fromhex(_text(cell))
                    yield f"{table}.{name}", raw
                    if raw.startswith(b"\x1f\x8b"):
                        yield f"{table}.{name} inflated", gzip.decompress(raw)
                    elif name == "state" and table.startswith("chunks"):
                        yield f"{table}.{name} decoded", repr(load_state(raw)).encode()
    finally:
        await engine.close()


def _text(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, bytes | bytearray) else str(value)


@asynccontextmanager
async def published(url: str) -> AsyncIterator[list[bytes]]:
    """Yields the messages published on any channel of a Redis while the block runs."""
    heard: list[bytes] = []
    async with redis.asyncio.Redis.from_url(url) as client, client.pubsub() as channels:
        await channels.psubscribe("*")

        async def listen() -> None:
            async for message in channels.listen():
                heard.append(repr(message).encode())  # noqa: PERF401 - each as it comes

        listening = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            listening.cancel()


async def dumped(url: str) -> bytes:
    """Returns the whole content of a Redis."""
    parts = []
    async with redis.asyncio.Redis.from_url(url) as client:
        async for key in client.scan_iter("*"):
            match await client.type(key):
                case b"hash":
                    value = await client.hgetall(key)
                case b"string":
                    value = await client.get(key)
                case b"set":
                    value = await client.smembers(key)
                case b"zset":
                    value = await client.zrange(key, 0, -1)
                case b"list":
                    value = await client.lrange(key, 0, -1)
                case _:
                    value = await client.xrange(key)
            parts += (key, repr(value).encode())
    return b"\n".join(parts)


async def exported(audit: AuditServer, session: str) -> bytes:
    """Returns what `afterimage export` writes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from services.cli.app import main; main()"),
        *("export", session, "--address", audit.address, "--project", "demo"),
        env={**os.environ, "AFTERIMAGE_AUTH__SECRET": SECRET, "AFTERIMAGE_TOKEN": audit.token("view")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problems = await process.communicate()
    assert process.returncode == 0, problems.decode()
    return out


def start_with(canaries: list[Canary]) -> dict[str, Any]:
    """Returns a recorder's start, with canaries in every text."""
    email, card, jwt, phone = (
        next(each.value for each in canaries if each.rule == rule) for rule in ("email", "payment_card", "jwt", "phone")
    )
    secret = next(each.value for each in canaries if each.rule == "field")
    return {
        "first_url": f"https://user0:pw0canary@host.example/{'a' * 2_100}/{card}?token=canaryquery10",
        "actor_id": email,
        "user_agent": f"Mozilla/5.0 ({email}) {'x' * 1_000} {card}",
        "language": email[:35],
        "recorder_name": f"by {phone}",
        "recorder_version": phone,
        "tags": {
            "token": secret,
            "who": email,
            "card": f"c {card}",
            phone: "x",
            "json": json.dumps({"a": jwt, "pin": secret}),
        },
    }


async def record_and_watch(audit: AuditServer, events: list[dict[str, Any]], needles: Search, name: str) -> str:
    """Records the events while a viewer follows; checks each frame. Returns the session."""
    session = new_session(round(min(event["timestamp"] for event in events)))
    chunks = [events[begin : begin + EVENTS_PER_CHUNK] for begin in range(0, len(events), EVENTS_PER_CHUNK)]
    assert needles.is_any_in(b"".join(json.dumps(chunk).encode() for chunk in chunks)), "nothing was planted"
    async with audit.recorder(session, **start_with(needles.canaries)) as recorder:
        await recorder.send(1, chunks[0])
        await recorder.ack(1)
        async with audit.view(session, follow=True) as viewer:
            await viewer.until("live_edge")
            for seq, chunk in enumerate(chunks[1:], 2):
                await recorder.send(seq, chunk)
            await recorder.ack(len(chunks))
            assert await recorder.end(len(chunks)) is None
            assert await viewer.ended() is None
    live = [message.chunk for message in viewer.seen if message.WhichOneof("message") == "chunk"]
    assert [chunk.seq for chunk in live] == list(range(1, len(chunks) + 1))
    for chunk in live:
        needles.check(f"{name}: live frame", chunk.SerializeToString())
        needles.check(f"{name}: live payload", gzip.decompress(chunk.payload))
    assert not recorder.rejections
    return session


@pytest.fixture(params=["chdb", pytest.param("clickhouse", marks=pytest.mark.clickhouse)])
def privacy_settings(request, tmp_path, redis_url) -> Settings:
    """Settings with the default policy, a Redis and metrics."""
    house = {}
    if request.param == "clickhouse":
        url = request.getfixturevalue("clickhouse_url")
        house = {"engine": "server", "url": url, "database": f"t{uuid.uuid4().hex[:12]}", "timeout_s": PATIENCE_S}
    return audit_settings(
        tmp_path,
        privacy={},
        clickhouse=house,
        redis={"url": redis_url, "timeout_s": PATIENCE_S},
        audit={"port": 0, "metrics_port": free_port()},
    )


@pytest.mark.campaign
@pytest.mark.catalogue("chdb")
@pytest.mark.timeout(600)
async def test_no_canary_gets_anywhere(privacy_settings, redis_url, capfd, caplog):
    """Each kind of canary in each field, in the samples; with --campaign in all recordings."""
    caplog.set_level(logging.DEBUG)
    samples = planted()
    assert len(samples) >= 3
    needles = Search([canary for _, _, canaries in samples for canary in canaries])
    sessions: list[str] = []
    async with published(redis_url) as heard, running(privacy_settings) as audit:
        for name, events, _ in samples:
            sessions.append(await record_and_watch(audit, events, needles, name))
        for session, (name, events, _) in zip(sessions, samples, strict=True):
            replay = await audit.replay(session)
            after = [event for chunk in replay.chunks for event in unpacked(chunk)]
            assert [(e["type"], e["timestamp"]) for e in after] == [(e["type"], e["timestamp"]) for e in events]
            needles.check(f"{name}: replay", json.dumps(after, ensure_ascii=False).encode())
            details = await audit.session(session)
            needles.check(f"{name}: GetSession", str(details).encode() + details.SerializeToString())
            counts = {(each.rule, each.field_class): each.count for each in details.masked_counts}
            assert {rule for rule, _ in counts} >= {*RULES, "input", "header", "body", "body_word", "selector"}
            assert all(re.fullmatch("[a-z_]+", word) for pair in counts for word in pair)
            assert sum(counts.values()) == details.session.totals.masked_count > 100
        listed = await audit.sessions(page_size=500)
        assert {each.session_id for each in listed} >= set(sessions)
        needles.check("ListSessions", b"".join(str(each).encode() for each in listed))
        needles.check("export", await exported(audit, sessions[0]))
        port = privacy_settings.audit.metrics_port
        metrics = await asyncio.to_thread(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read())
        assert b'afterimage_values_masked_total{field_class="text",rule="email"}' in metrics
        needles.check("metrics", metrics)
        needles.check("Redis", await dumped(redis_url))
        needles.check("Redis, published", b"\n".join(heard))
    seen: set[str] = set()
    async for where, value in stored(privacy_settings):
        seen.add(where)
        needles.check(where, value)
    assert {"chunks.payload inflated", "chunks.state decoded", "chunks.urls", "windows.first_url"} <= seen
    needles.check("standard output and error", "".join(capfd.readouterr()).encode())
    needles.check("logs", caplog.text.encode())
    assert needles.looked_at > 1_000_000


@pytest.mark.catalogue("clickhouse")
async def test_what_is_looked_through_is_what_holds_the_recording(privacy_settings, redis_url):
    """The same search finds the canaries under keep_all, so it would find one that got through."""
    open_settings = privacy_settings.model_copy(update={"privacy": {"preset": "keep_all"}})
    name, events, canaries = planted()[0]
    needles = Needles(canaries)
    session = new_session(round(min(event["timestamp"] for event in events)))
    async with running(open_settings) as audit:
        await audit.record(session, [events])
        unmasked = b"".join(gzip.decompress(chunk.payload) for chunk in (await audit.replay(session)).chunks)
        assert len(needles.found_in(unmasked)) == len(canaries), name
        assert len(needles.found_in(await exported(audit, session))) == len(canaries)
    found = {where for where, value in [each async for each in stored(open_settings)] if needles.found_in(value)}
    assert found >= {"chunks.payload inflated", "chunks.urls", "sessions.urls"}
