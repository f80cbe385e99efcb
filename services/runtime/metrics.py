"""Prometheus metrics: a registry per process and the small HTTP server that exposes it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import GC_COLLECTOR, CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder

from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OFF = -1


def new_registry() -> CollectorRegistry:
    """Returns a registry with the metrics of the process: CPU, memory, open files, garbage collections."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    registry.register(GC_COLLECTOR)
    return registry


@asynccontextmanager
async def serve_metrics(host: str, port: int, registry: CollectorRegistry) -> AsyncIterator[int | None]:
    """Serves `registry` at http://host:port/metrics while the block runs.

    Args:
        host: Address to listen on.
        port: TCP port; 0: any free port; -1: the metrics are not served.
        registry: Registry to serve.

    Yields:
        The bound port, or None when the metrics are not served.

    Raises:
        SettingsError: The address cannot be bound.
    """
    if port == OFF:
        yield None
        return

    from aiohttp import web  # importing it takes 0.1 s, which only this function needs

    from services.runtime.plain_http import PlainRunner, quiet_log

    async def show(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/metrics", show)
    runner = PlainRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=1.0, logger=quiet_log("afterimage.metrics")
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise SettingsError(f"metrics_port: cannot listen on {host}:{port}: {error.strerror}") from error
        bound: int = runner.addresses[0][1]
        yield bound
    finally:
        await runner.cleanup()
