"""Prometheus metrics of AuditService, in addition to the runtime's metrics of every RPC."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.audit.ingest.log.logging_first import Durable
from services.audit.ingest.open_recordings import Recordings
from services.audit.ingest.process_chunk import ChunkProcessor
from services.audit.ingest.quotas import Quotas
from services.audit.ingest.set_aside import SetAside
from services.audit.ingest.workers.pool import WorkerPool
from services.audit.live.hub import LiveHub
from services.audit.storage.free_space import FreeSpace


class AuditMetrics(Collector):
    """Collects the counts at each scrape, which costs the ingest path nothing."""

    def __init__(
        self,
        registry: CollectorRegistry,
        durable: Durable,
        recordings: Recordings,
        hub: LiveHub,
        intake: ChunkProcessor,
        space: FreeSpace,
        quotas: Quotas,
        set_aside: SetAside,
    ) -> None:
        self._set_aside = set_aside
        self._durable = durable
        self._committer = durable.writer
        self._recordings = recordings
        self._hub = hub
        self._intake = intake
        self._space = space
        self._quotas = quotas
        registry.register(self)

    def collect(self) -> Iterator[Metric]:  # noqa: C901, PLR0915 - one after the other
        """Yields the current metrics."""
        counts = self._committer.counts
        yield CounterMetricFamily("afterimage_inserts", "Inserts that succeeded.", counts.inserts)
        yield CounterMetricFamily(
            "afterimage_insert_failures", "Inserts that failed and were retried.", counts.failures
        )
        yield CounterMetricFamily("afterimage_chunks_stored", "Chunks stored.", counts.chunks)
        yield CounterMetricFamily("afterimage_events_stored", "rrweb events stored.", counts.events)
        yield CounterMetricFamily("afterimage_payload_bytes_stored", "Bytes of payload stored.", counts.payload_bytes)
        aside = CounterMetricFamily(
            "afterimage_chunks_set_aside",
            "Chunks that the database refuses: kept in data_dir/set_aside, or not kept, and then not acknowledged.",
            labels=["outcome"],
        )
        for outcome, count in self._set_aside.counts.items():
            aside.add_metric([outcome], count)
        yield aside
        rejected = CounterMetricFamily("afterimage_chunks_rejected", "Chunks not stored.", labels=["reason"])
        for reason, count in self._recordings.counts.rejected.items():
            rejected.add_metric([reason.name.lower()], count)
        yield rejected
        departures = CounterMetricFamily(
            "afterimage_windows_departed",
            "Windows with open findings judged without an end of the recording.",
            labels=["reason"],
        )
        for reason_of_leaving, count in self._recordings.counts.departures.items():
            departures.add_metric([reason_of_leaving], count)
        yield departures
        over = CounterMetricFamily(
            "afterimage_quota_refusals", "Streams of recorders ended or not begun because of a quota.", labels=["quota"]
        )
        for quota, count in self._quotas.refused.items():
            over.add_metric([quota], count)
        yield over
        refused = CounterMetricFamily(
            "afterimage_recordings_refused", "Streams that may not record into their session.", labels=["reason"]
        )
        for why, count in self._recordings.counts.refused.items():
            refused.add_metric([why.lower()], count)
        yield refused
        yield CounterMetricFamily(
            "afterimage_recordings_without_secret",
            "Streams that recorded without a session secret, imports aside.",
            self._recordings.counts.without_secret,
        )
        masked = CounterMetricFamily(
            "afterimage_values_masked",
            "Values masked by the server after browsers had sent them unmasked.",
            labels=["rule", "field_class"],
        )
        for (rule, field), count in self._recordings.counts.masked.items():
            masked.add_metric([rule, field], count)
        yield masked
        unnamed = CounterMetricFamily(
            "afterimage_targets_missing",
            "Clicks, taps and inputs without the name of their element, although one was looked for.",
            labels=["reason"],
        )
        for why, count in self._recordings.counts.unnamed.items():
            unnamed.add_metric([why], count)
        yield unnamed
        histories = CounterMetricFamily(
            "afterimage_page_histories",
            "Stored chunks asked for to make the mirror of a page again: read, or the reason why not.",
            labels=["outcome"],
        )
        for outcome, count in self._recordings.histories.counts.items():
            histories.add_metric([outcome], count)
        yield histories
        yield CounterMetricFamily(
            "afterimage_events_repeated",
            "Events that repeat another one and are counted once.",
            self._recordings.counts.repeated_events,
        )
        yield CounterMetricFamily(
            "afterimage_clocks_set_back",
            "Times that a visitor's clock was set back while recording.",
            self._recordings.counts.clocks_set_back,
        )
        yield GaugeMetricFamily(
            "afterimage_batch_bytes", "Bytes waiting for the next insert.", self._durable.sink.waiting_bytes
        )
        if self._durable.log is not None and self._durable.filler is not None:
            yield GaugeMetricFamily("afterimage_log_bytes", "Size of data_dir/log.", self._durable.log.size_bytes)
            yield GaugeMetricFamily(
                "afterimage_log_entries",
                "Acknowledged chunks and window heads that are not in the database yet.",
                self._durable.filler.unstored_count,
            )
            yield GaugeMetricFamily(
                "afterimage_log_failing_seconds",
                "Time for which nothing could be logged, in seconds.",
                self._durable.sink.failing_for_s,
            )
        yield GaugeMetricFamily("afterimage_recordings_open", "Windows being recorded.", self._recordings.open_count)
        if isinstance(self._intake, WorkerPool):
            yield GaugeMetricFamily(
                "afterimage_workers", "Worker processes ready to process chunks.", self._intake.ready_count
            )
            yield CounterMetricFamily("afterimage_worker_deaths", "Workers that died.", self._intake.deaths)
            overruns = CounterMetricFamily(
                "afterimage_chunk_overruns",
                "Chunks rejected because they exceeded the processor time or the memory of a worker.",
                labels=["limit"],
            )
            for limit, count in self._intake.overruns.items():
                overruns.add_metric([limit], count)
            yield overruns
            yield CounterMetricFamily(
                "afterimage_chunks_slow", "Chunks that took 0.25 s of processor time or more.", self._intake.slow
            )
            yield CounterMetricFamily(
                "afterimage_chunks_dropped",
                "Chunks that were not processed because their streams had ended.",
                self._intake.dropped,
            )
        yield GaugeMetricFamily("afterimage_followers", "Viewers following a live session.", self._hub.follower_count)
        yield GaugeMetricFamily(
            "afterimage_storage_failing_seconds",
            "Time for which inserts have been failing, in seconds.",
            self._committer.failing_for_s,
        )
        yield GaugeMetricFamily(
            "afterimage_storage_full",
            "1 while nothing new is recorded for want of disk space (storage.min_free_bytes), else 0.",
            int(self._space.is_low),
        )
        if self._space.free_bytes is not None:
            yield GaugeMetricFamily(
                "afterimage_storage_free_bytes", "Free space on the disk of the database.", self._space.free_bytes
            )
