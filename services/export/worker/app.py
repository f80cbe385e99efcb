"""The process of a worker: start-up order, dependencies and shutdown."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from services.export.app import open_shared, running
from services.export.formats.makers import MAKERS
from services.export.metrics import WorkerMetrics
from services.export.rendering.tools import built_console, find_tools
from services.export.results.scratch import drop_abandoned, scratch
from services.export.worker.runner import Runner
from services.runtime.metrics import new_registry, serve_metrics
from services.runtime.settings import Settings
from services.runtime.settings.loader import SettingsError

_log = structlog.get_logger("afterimage.export")

TIDY_EVERY_S = 600.0
"""Time between two looks for scratch files of killed workers."""


@asynccontextmanager
async def work(settings: Settings, *, now: Callable[[], float] = time.time) -> AsyncIterator[None]:
    """Makes the files of exports while the block runs.

    Args:
        settings: Settings of the process.
        now: The clock, in seconds since 1970.

    Raises:
        SettingsError: No Redis is configured.
        Unavailable: The database does not answer.
    """
    if not settings.redis.url:
        raise SettingsError("redis.url: needed by workers of exports")
    logging.getLogger("saq").setLevel(logging.ERROR)  # it logs a line per entry and step
    own = settings.export
    registry = new_registry()
    tools = partial(find_tools, built_console(), browser=own.browser, ffmpeg=own.ffmpeg)
    root = settings.data_dir / "exports" / "scratch"
    with scratch(root) as directory:
        async with open_shared(settings, now) as shared:
            runner = Runner(
                store=shared.store,
                attempts=shared.attempts,
                audit=shared.audit,
                results=shared.results,
                scratch=directory,
                makers=MAKERS,
                limits=own,
                metrics=WorkerMetrics(registry),
                tools=tools,
                console_url=settings.share.public_url.rstrip("/"),
                now_ms=shared.now_ms,
            )
            async with (
                serve_metrics(own.metrics_host, own.worker_metrics_port, registry),
                running(shared.queue.work(runner.take, own.worker_concurrency), _tidied(root)),
            ):
                _log.info("working", concurrency=own.worker_concurrency)
                if (missing := tools().why_no_video()) is not None:
                    _log.warning("formats_unavailable", missing=missing)
                yield


async def _tidied(root: Path) -> None:
    while True:
        await asyncio.sleep(TIDY_EVERY_S)
        await asyncio.to_thread(drop_abandoned, root)
