"""What a recorder may send, and when a session is over."""

from __future__ import annotations

from pydantic import (
    Field,
)

from services.runtime.settings.values import Bytes, Group, Seconds


class IngestSettings(Group):
    """Bounds of what recorders send, and how it is gathered into inserts."""

    max_chunk_bytes: Bytes = Field(default=4 * 1024**2, description="Bytes of one chunk as sent.")
    max_inflated_bytes: Bytes = Field(default=64 * 1024**2, description="Bytes of one chunk when inflated.")
    max_unacked_bytes: Bytes = Field(
        default=8 * 1024**2,
        description="Bytes of one stream that wait for storage; when reached, the stream is not read.",
    )
    max_batch_bytes: Bytes = Field(default=16 * 1024**2, description="Bytes of one insert.")
    max_batch_rows: int = Field(default=2000, ge=1, description="Chunks of one insert.")
    max_nesting: int = Field(
        default=3000,
        ge=500,
        le=10_000,
        description="Levels of JSON inside an event; a document of 1,400 nested elements has some 2,900. Python 3.12 "
        "and later have a bound of their own below which this cannot be raised.",
    )
    flush_interval_s: Seconds = Field(
        default=2.0, description="Seconds that a recorder gathers events before it sends."
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Processes in which chunks are inflated, masked and searched for interactions, some 200 MB each. "
        "Not set: one a core, at most 4, and none on a single core. 0: the process that speaks gRPC does it itself.",
    )
    detectors: bool = Field(
        default=True,
        description="Whether interactions are looked for: clicks, moves, rage and dead clicks, attention, what "
        "heatmaps and ListInteractions show. Without them a server takes in more (docs/benchmarks.md).",
    )
    watched_flush_interval_s: Seconds = Field(
        default=0.25, description="The same while somebody watches the session live."
    )
    max_future_s: float = Field(
        default=86400.0,
        ge=0,
        description="Seconds that a session's start may lie ahead of the server's clock. 0: none.",
    )


class SessionSettings(Group):
    """When a session counts as over."""

    idle_timeout_s: Seconds = Field(
        default=1800.0, description="Seconds without data after which a session that nobody ended is TIMED_OUT."
    )
