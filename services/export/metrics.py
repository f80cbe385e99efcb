"""Prometheus metrics of ExportService and of its workers."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.export.model import ExportFormat, ExportState

_BUCKETS_S = (0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)


class ExportMetrics:
    """Metrics of ExportService: the exports by state, of all projects."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._exports = Gauge("afterimage_exports", "Exports, by state.", ["state"], registry=registry)

    def count(self, by_state: Mapping[ExportState, int]) -> None:
        """Sets the numbers of exports."""
        for state in ExportState:
            if state is not ExportState.DELETED:
                self._exports.labels(state.name.lower()).set(by_state.get(state, 0))


class WorkerMetrics:
    """Metrics of a worker."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "afterimage_export_attempts", "Ended attempts to make a file.", ["format", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "afterimage_export_seconds", "Duration of attempts.", ["format"], registry=registry, buckets=_BUCKETS_S
        )
        self._bytes = Counter("afterimage_export_bytes", "Size of the made files.", ["format"], registry=registry)
        self.running = Gauge("afterimage_export_running", "Attempts that are being made.", registry=registry)

    def ended(self, made: ExportFormat, outcome: str, took_s: float, size_bytes: int = 0) -> None:
        """Counts the end of an attempt."""
        name = made.name.lower()
        self._attempts.labels(name, outcome).inc()
        self._seconds.labels(name).observe(took_s)
        self._bytes.labels(name).inc(size_bytes)
