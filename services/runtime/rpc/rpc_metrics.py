"""Prometheus metrics of every RPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

# From a lookup in memory to a recorder's stream that lasts a working day.
_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0, 3600.0)


class RpcMetrics:
    """Counts RPCs by method and outcome, and measures their duration and the number of open ones."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._total = Counter("afterimage_rpc", "Finished RPCs.", ["method", "code"], registry=registry)
        self._seconds = Histogram(
            "afterimage_rpc_seconds", "Duration of RPCs.", ["method"], registry=registry, buckets=_BUCKETS_S
        )
        self._open = Gauge("afterimage_rpc_in_flight", "Open RPCs.", ["method"], registry=registry)

    def began(self, method: str) -> None:
        """Counts the start of an RPC."""
        self._open.labels(method).inc()

    def ended(self, method: str, code: str, took_s: float) -> None:
        """Counts the end of an RPC."""
        self._open.labels(method).dec()
        self._total.labels(method, code).inc()
        self._seconds.labels(method).observe(took_s)
