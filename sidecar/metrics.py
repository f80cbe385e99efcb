"""Prometheus metrics of the sidecar. Every label has a small, fixed set of values.

Counters per frame are plain integers that a scrape reads: the event loop is one thread, so they need no lock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import CollectorRegistry, Metric

_ACK_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)


class Traffic:
    """Frames and bytes of one route, from browsers (`in`) and to them (`out`)."""

    __slots__ = ("bytes_in", "bytes_out", "frames_in", "frames_out")

    def __init__(self) -> None:
        self.frames_in = 0
        self.frames_out = 0
        self.bytes_in = 0
        self.bytes_out = 0


class SidecarMetrics:
    """The sidecar's metrics.

    Args:
        registry: The registry to add them to.
        streams: Paths of the WebSocket routes.
    """

    def __init__(self, registry: CollectorRegistry, streams: Sequence[str]) -> None:
        self.traffic = {path: Traffic() for path in streams}
        self.open = Gauge("afterimage_sidecar_connections", "Number of open sockets.", ["route"], registry=registry)
        self.opened = Counter("afterimage_sidecar_opened", "Number of opened sockets.", ["route"], registry=registry)
        self.closed = Counter(
            "afterimage_sidecar_closed",
            'Number of closed sockets, by close code; 1005, 1006: closed without a code; "other": a code of the peer.',
            ["route", "code"],
            registry=registry,
        )
        self.refused = Counter(
            "afterimage_sidecar_refused",
            "Number of refused requests and upgrades, by reason.",
            ["route", "reason"],
            registry=registry,
        )
        self.excess = Counter(
            "afterimage_sidecar_excess",
            "Number of sockets closed because of unfinished messages: their fragments, their time, their bytes in all.",
            ["reason"],
            registry=registry,
        )
        self.held_bytes = Gauge(
            "afterimage_sidecar_held_bytes",
            "Bytes of messages and bodies that are incomplete, or not passed on yet.",
            registry=registry,
        )
        self.requests = Counter(
            "afterimage_sidecar_requests", "Number of completed HTTP requests.", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "afterimage_sidecar_request_seconds",
            "Duration of HTTP requests.",
            ["route"],
            registry=registry,
            buckets=_REQUEST_BUCKETS_S,
        )
        self.ack_lag = Histogram(
            "afterimage_sidecar_ack_lag_seconds",
            "Time from a chunk's frame to the ack that covers it.",
            registry=registry,
            buckets=_ACK_BUCKETS_S,
        )
        self.redis_up = Gauge(
            "afterimage_sidecar_limits_shared",
            "1: attempts are counted in Redis; 0: in this process, because Redis is not configured or unavailable.",
            registry=registry,
        )
        for path in streams:
            self.open.labels(path)
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yields the traffic of every route."""
        frames = CounterMetricFamily("afterimage_sidecar_messages", "Number of frames.", labels=["route", "direction"])
        size = CounterMetricFamily(
            "afterimage_sidecar_bytes", "Size of frames in bytes.", labels=["route", "direction"]
        )
        for path, traffic in self.traffic.items():
            frames.add_metric([path, "in"], traffic.frames_in)
            frames.add_metric([path, "out"], traffic.frames_out)
            size.add_metric([path, "in"], traffic.bytes_in)
            size.add_metric([path, "out"], traffic.bytes_out)
        yield frames
        yield size
