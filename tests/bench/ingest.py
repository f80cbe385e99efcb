"""Ingest: durable chunks a second beside the bare echo of the same messages, and ack latency at half load.

Once with neither masking nor detectors (the foundation), then with each of the two, and with both (the default).
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
from bench import hostile, load, processes

from services.audit.ingest.fold import fold
from services.audit.model import ChunkRow, WindowKey
from services.audit.payload import Bounds, decode, inflate
from services.audit.storage.engine.chdb import ChdbEngine
from services.audit.storage.recording_store import RecordingStore
from services.audit.storage.retention import Retention, day_of
from services.audit.storage.schema.dialect import Dialect
from services.audit.storage.schema.migrations import migrate
from services.audit.window_state import WindowState, dump_state
from services.runtime.client_streams import status_kept

RECORDERS = 20
KEEP_ALL = json.dumps({"preset": "keep_all"})


async def rows(*, quick: bool = False) -> list[tuple[str, float, str]]:
    each = 300 if quick else 1_500
    chunks = load.make_chunks()
    raw = sum(chunk.raw_bytes for chunk in chunks) / len(chunks)
    sent = sum(len(chunk.payload) for chunk in chunks) / len(chunks)
    async with processes.echo() as address, status_kept(grpc.aio.insecure_channel(address)) as channel:
        await load.echo(channel, chunks, recorders=RECORDERS, each=50)
        bare = await load.echo(channel, chunks, recorders=RECORDERS, each=each)
    bare_settings = {"AFTERIMAGE_PRIVACY": KEEP_ALL, "AFTERIMAGE_INGEST__DETECTORS": "false"}
    foundation = await _measure(chunks, each, **bare_settings)
    detected = await _measure(chunks, each, AFTERIMAGE_PRIVACY=KEEP_ALL)
    masked = await _measure(chunks, each, AFTERIMAGE_INGEST__DETECTORS="false")
    unnamed = await _measure(chunks, each, AFTERIMAGE_INGEST__PAGE_MEMORY_BYTES="0")
    both = await _measure(chunks, each)
    alone = await _measure(chunks, each, AFTERIMAGE_INGEST__WORKERS="0")
    bare_insert = await _bare_insert(chunks, 5_000 if quick else 20_000)
    beside = await _beside_an_attack(chunks, 5.0 if quick else 60.0)
    full, half = foundation.full, foundation.half
    return [
        ("chunk, JSON", raw, "bytes"),
        ("chunk, gzip", sent, "bytes"),
        ("bare echo of the same messages", bare.per_second, "messages/s"),
        ("bare insert of the same rows into chDB, 500 at a time", bare_insert, "rows/s"),
        ("durable ingest", full.per_second, "chunks/s"),
        ("durable ingest", full.per_second * load.EVENTS_PER_CHUNK, "events/s"),
        ("durable ingest, JSON", full.per_second * raw / 1e6, "MB/s"),
        ("durable ingest / bare echo", full.per_second / bare.per_second * 100, "%"),
        ("durable ingest / bare insert", full.per_second / bare_insert * 100, "%"),
        ("ack p50 at half load", half.percentile(0.50), "ms"),
        ("ack p99 at half load", half.percentile(0.99), "ms"),
        ("processor time of the server and its workers", foundation.cpu_us, "us/chunk"),
        ("audit process, peak resident", foundation.peak_mb, "MB"),
        ("durable ingest with detectors", detected.full.per_second, "chunks/s"),
        ("with detectors / without", detected.full.per_second / full.per_second * 100, "%"),
        ("processor time, with detectors", detected.cpu_us, "us/chunk"),
        ("durable ingest with the default privacy policy", masked.full.per_second, "chunks/s"),
        ("with the policy / without", masked.full.per_second / full.per_second * 100, "%"),
        ("processor time, with the policy", masked.cpu_us, "us/chunk"),
        ("durable ingest with both (the default)", both.full.per_second, "chunks/s"),
        ("processor time, with both", both.cpu_us, "us/chunk"),
        ("durable ingest with both, without names of elements", unnamed.full.per_second, "chunks/s"),
        ("processor time, with both, without names of elements", unnamed.cpu_us, "us/chunk"),
        ("ack p50 at half load, with both", both.half.percentile(0.50), "ms"),
        ("ack p99 at half load, with both", both.half.percentile(0.99), "ms"),
        ("audit process, peak resident, with both", both.peak_mb, "MB"),
        ("a worker, peak resident, with both", both.worker_peak_mb, "MB"),
        ("durable ingest with both, without workers", alone.full.per_second, "chunks/s"),
        ("ack p99 of ordinary recorders", beside.without.percentile(0.99), "ms"),
        ("the same, while one address sends the worst chunks", beside.beside.percentile(0.99), "ms"),
        ("of its value without (the line: 3)", beside.ratio, "times"),
        ("hostile chunks stored", beside.stored, "chunks"),
        ("hostile chunks rejected", beside.rejected, "chunks"),
        ("hostile streams refused", beside.refused, "streams"),
        ("audit process, peak resident, under attack", beside.peak_mb, "MB"),
        ("a worker, peak resident, under attack", beside.worker_peak_mb, "MB"),
    ]


ORDINARY_PER_SECOND = 20.0
"""Chunks per second of RECORDERS, together: 40 visitors that are active at the same time."""


@dataclass(frozen=True)
class _Beside:
    """Ordinary recorders alone, and beside an attack; resources after it."""

    without: load.Result
    beside: load.Result
    stored: int
    rejected: int
    refused: int
    peak_mb: float
    worker_peak_mb: float

    @property
    def ratio(self) -> float:
        return self.beside.percentile(0.99) / self.without.percentile(0.99)


async def _beside_an_attack(chunks: list[load.Chunk], seconds: float) -> _Beside:
    """Measures with the default quotas, masking and detectors."""
    each = round(seconds * ORDINARY_PER_SECOND / RECORDERS)
    async with (
        processes.audit(quotas=True) as audit,
        status_kept(grpc.aio.insecure_channel(audit.address)) as channel,
        status_kept(
            grpc.aio.insecure_channel(audit.address, [("grpc.use_local_subchannel_pool", 1)])
        ) as hostile_channel,
    ):
        token = processes.token("record")

        async def record() -> load.Result:
            return await load.record(
                channel, token, chunks, recorders=RECORDERS, each=each, per_second=ORDINARY_PER_SECOND
            )

        await load.record(channel, token, chunks, recorders=RECORDERS, each=50)
        without = await record()
        async with hostile.attacking(hostile_channel) as found:
            beside = await record()
        return _Beside(
            without, beside, found.stored, found.rejected, found.refused, audit.peak_mb, audit.worker_peak_mb
        )


@dataclass(frozen=True)
class _Measured:
    """One way to run the server: results at full load and at half of it, and the resources used."""

    full: load.Result
    half: load.Result
    cpu_us: float
    peak_mb: float
    worker_peak_mb: float


async def _measure(chunks: list[load.Chunk], each: int, **environment: str) -> _Measured:
    async with (
        processes.audit(**environment) as audit,
        status_kept(grpc.aio.insecure_channel(audit.address)) as channel,
    ):
        token = processes.token("record")
        await load.record(channel, token, chunks, recorders=RECORDERS, each=50)
        before_s = audit.cpu_s
        full = await load.record(channel, token, chunks, recorders=RECORDERS, each=each)
        cpu_us = (audit.cpu_s - before_s) / full.chunks * 1e6
        pace = full.per_second / 2
        half = await load.record(channel, token, chunks, recorders=RECORDERS, each=each // 2, per_second=pace)
        return _Measured(full, half, cpu_us, audit.peak_mb, audit.worker_peak_mb)


async def _bare_insert(chunks: list[load.Chunk], count: int) -> float:
    """The limit of the storage alone: rows that were made before, inserted 500 at a time."""
    now = round(time.time() * 1000)
    keys = [WindowKey("demo", load.uuid7(now), load.uuid7(now)) for _ in range(RECORDERS)]
    made: list[ChunkRow] = []
    states = dict.fromkeys(keys, WindowState())
    bounds = Bounds(2**22, 2**26)
    for number in range(count):
        key, chunk = keys[number % RECORDERS], chunks[number % len(chunks)]
        text = inflate(chunk.payload, bounds)
        state, facts = fold(states[key], decode(text), raw_bytes=len(text), stored_bytes=len(chunk.payload))
        states[key] = state
        made.append(
            ChunkRow(
                key, state.seq, day_of(now), state.order_ms, facts.first_ms, facts.last_ms, 50, facts.snapshot_ms,
                facts.snapshot_seq, facts.marks, state.totals, dump_state(state), chunk.payload,
            )
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        engine = await ChdbEngine.open(Path(directory), 1)
        try:
            dialect = Dialect(engine.version)
            await migrate(engine, dialect)
            store = RecordingStore(engine, dialect, Retention({}, lambda: now), lambda: now)
            begun = time.perf_counter()
            for begin in range(0, count, 500):
                await store.insert([], made[begin : begin + 500])
            return count / (time.perf_counter() - begun)
        finally:
            await engine.close()
