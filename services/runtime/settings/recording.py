"""Limits of recorders, and the end of a session."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from services.runtime.settings.values import Bytes, Group, Seconds


class IngestSettings(Group):
    """Limits of recorder data, and how it is batched into inserts."""

    max_chunk_bytes: Bytes = Field(
        default=4 * 1024**2 - 64 * 1024,
        description="Maximum size of a chunk as sent, in bytes. Messages may have 64 KiB more: 4 MiB by default, the "
        "largest that gRPC clients accept without an option of theirs (max_receive_message_length).",
    )
    max_inflated_bytes: Bytes = Field(default=64 * 1024**2, description="Maximum size of an inflated chunk, in bytes.")
    max_unacked_bytes: Bytes = Field(
        default=8 * 1024**2,
        description="Maximum bytes of one stream that wait for storage; at this limit the stream is not read.",
    )
    max_batch_bytes: Bytes = Field(default=16 * 1024**2, description="Maximum size of an insert, in bytes.")
    max_batch_rows: int = Field(default=2000, ge=1, description="Maximum number of chunks per insert.")
    durability: Literal["log", "database"] | None = Field(
        default=None,
        description='Where an acknowledged chunk is: "log", in a file of data_dir/log that was synced, from which the '
        'database is filled, or "database". Not set: "log" with the embedded engine, else "database". With several '
        'AuditServices "database" is required.',
    )
    max_log_bytes: Bytes = Field(
        default=1024**3,
        description="Size of data_dir/log at which recorders wait until the database has taken something.",
    )
    max_nesting: int = Field(
        default=3000,
        ge=500,
        le=10_000,
        description="Maximum JSON nesting depth of an event; a document of 1,400 nested elements has about 2,900 "
        "levels. Python 3.12 and later have their own limit, which this setting cannot raise.",
    )
    flush_interval_s: Seconds = Field(
        default=2.0, description="Seconds that a recorder buffers events before it sends them."
    )
    workers: int | None = Field(
        default=None,
        ge=0,
        le=64,
        description="Number of worker processes that inflate, mask and search chunks for interactions, about 200 MB "
        "each. Not set: one per core, at most 4, and none on a single core. 0: the gRPC process does this itself.",
    )
    worker_idle_s: float = Field(
        default=120.0,
        ge=0,
        allow_inf_nan=False,
        description="Seconds without chunks after which the worker processes end. They start with the next recording, "
        "or with the next chunk of an open one, which waits a second or two then. 0: they stay.",
    )
    chunk_cpu_s: float = Field(
        default=30.0,
        ge=0,
        description="Maximum processor time of a worker for one chunk, in seconds, after which the worker is replaced "
        "and the chunk rejected. Chunks within the other limits take about 3 s at most. 0: no limit.",
    )
    worker_memory_bytes: int = Field(
        default=2 * 1024**3,
        ge=0,
        description="Maximum private memory of a worker process, in bytes; a chunk that needs more is rejected. Linux "
        "enforces it, macOS does not. 0: no limit.",
    )
    detectors: bool = Field(
        default=True,
        description="Enables interaction detection: clicks, moves, rage and dead clicks, attention, as shown by "
        "heatmaps and ListInteractions. A server handles more recordings without it (docs/benchmarks.md).",
    )
    page_memory_bytes: int = Field(
        default=128 * 1024**2,
        ge=0,
        description="Maximum memory of the mirrors of open pages, in bytes per worker process: clicked elements get "
        "their names from them. The least recently used ones are dropped, and made again from stored chunks when a "
        "click needs them. A page takes 0.2 to 2 MB, up to 10 MB after many changes. 0: interactions have no names.",
    )
    page_history_bytes: int = Field(
        default=8 * 1024**2,
        ge=0,
        description="Maximum size of the stored chunks since a window's last full snapshot from which a mirror is made "
        "again, in bytes. Interactions that would need more have no names until the next full snapshot. 0: none is "
        "made again.",
    )
    watched_flush_interval_s: Seconds = Field(default=0.25, description="The same while the session is watched live.")
    max_future_s: float = Field(
        default=86400.0,
        ge=0,
        description="Maximum seconds by which a session's start may be ahead of the server's clock. 0: none.",
    )
    max_before_start_s: float = Field(
        default=3600.0,
        ge=0,
        allow_inf_nan=False,
        description="Maximum seconds by which an event may be older than its session's start, as when a device's clock "
        "is set back during the session. Earlier events are rejected; imports are exempt. 0: none.",
    )
    require_session_secret: bool = Field(
        default=False,
        description="Refuses recorders that send no session secret (older ones, or other programs). A "
        "session without one is open to every stream that knows its id and sends none (docs/adr/0013). Imports need "
        "none.",
    )


class SessionSettings(Group):
    """Timeouts of sessions."""

    idle_timeout_s: Seconds = Field(
        default=1800.0, description="Seconds without data after which a session without an end is TIMED_OUT."
    )
    left_after_s: Seconds = Field(
        default=6.0,
        description="Seconds without a recorder (after a closed tab or browser) after which a window is LEFT, and its "
        "rage clicks and other open findings are judged, unless the next page of the tab or a reconnection continues "
        "it. A window that is continued later is live again.",
    )
    max_length_s: Seconds = Field(
        default=604800.0,
        description="Maximum seconds from a session's start, the time in its id, to its last event: later events are "
        "rejected; imports are exempt. Recorders end a session after 24 hours, and a device may sleep meanwhile.",
    )
