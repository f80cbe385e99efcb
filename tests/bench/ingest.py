"""Ingest: durable chunks a second beside the bare echo of the same messages, and ack latency at half load."""

from __future__ import annotations

import grpc

from bench import load, processes

RECORDERS = 20


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    each = 300 if quick else 1_500
    chunks = load.make_chunks()
    raw = sum(chunk.raw_bytes for chunk in chunks) / len(chunks)
    sent = sum(len(chunk.payload) for chunk in chunks) / len(chunks)
    async with processes.echo() as address, grpc.aio.insecure_channel(address) as channel:
        await load.echo(channel, chunks, recorders=RECORDERS, each=50)
        bare = await load.echo(channel, chunks, recorders=RECORDERS, each=each)
    async with processes.audit() as audit, grpc.aio.insecure_channel(audit.address) as channel:
        token = processes.token("record")
        await load.record(channel, token, chunks, recorders=RECORDERS, each=50)
        full = await load.record(channel, token, chunks, recorders=RECORDERS, each=each)
        half = await load.record(
            channel, token, chunks, recorders=RECORDERS, each=each // 2, per_second=full.per_second / 2
        )
        peak_mb = audit.peak_mb
    return [
        ("chunk, JSON", raw, "bytes"),
        ("chunk, gzip", sent, "bytes"),
        ("bare echo", bare.per_second, "messages/s"),
        ("durable ingest", full.per_second, "chunks/s"),
        ("durable ingest", full.per_second * load.EVENTS_PER_CHUNK, "events/s"),
        ("durable ingest, JSON", full.per_second * raw / 1e6, "MB/s"),
        ("durable ingest / bare echo", full.per_second / bare.per_second * 100, "%"),
        ("ack p50 at half load", half.percentile(0.50), "ms"),
        ("ack p99 at half load", half.percentile(0.99), "ms"),
        ("audit process, peak resident", peak_mb, "MB"),
    ]
