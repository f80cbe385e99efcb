"""Endpoints for load balancers, orchestrators and Prometheus: /healthz, /readyz, /metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client.exposition import choose_encoder

from services.runtime.rpc.scopes import AUDIT
from sidecar.gate.client_address import client_address, within
from sidecar.wire.frames import json_bytes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from services.runtime.settings import SidecarSettings
    from sidecar.gate.limits import Attempts
    from sidecar.metrics import SidecarMetrics
    from sidecar.upstreams import Upstreams


class HealthRoutes:
    """Handles the endpoints for operators.

    Attributes:
        is_stopping: Whether the sidecar is shutting down and /readyz reports so.
    """

    def __init__(
        self,
        *,
        settings: SidecarSettings,
        upstreams: Upstreams,
        registry: CollectorRegistry,
        metrics: SidecarMetrics,
        attempts: Attempts,
    ) -> None:
        self._settings = settings
        self._upstreams = upstreams
        self._registry = registry
        self._metrics = metrics
        self._attempts = attempts
        self.is_stopping = False

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the three paths."""
        router.add_get("/healthz", self._healthz)
        router.add_get("/readyz", self._readyz)
        router.add_get("/metrics", self._show_metrics)

    async def _healthz(self, _request: web.Request) -> web.StreamResponse:
        """Returns 200 whenever the process is able to respond."""
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.StreamResponse:
        """Returns 200 while AuditService serves; without the others everything but share links and exports works.

        "recording" is not "serving" while AuditService has no disk space for recordings; reads go on, so that is no
        reason to take this sidecar away from viewers.
        """
        states = await self._upstreams.health()
        recording = await self._upstreams.recording_health()
        is_ready = states[AUDIT] == "serving" and not self.is_stopping
        body = {"ready": is_ready, "stopping": self.is_stopping, "upstreams": states, "recording": recording}
        return web.Response(status=200 if is_ready else 503, body=json_bytes(body), content_type="application/json")

    async def _show_metrics(self, request: web.Request) -> web.StreamResponse:
        address = client_address(request, self._settings.trusted_proxies)
        # An untrusted proxy may forward requests of any client.
        is_forwarded = "X-Forwarded-For" in request.headers and address == request.remote
        if is_forwarded or not within(address, self._settings.metrics_networks):
            return web.Response(status=403, text="see sidecar.metrics_networks\n")
        self._metrics.redis_up.set(self._attempts.is_shared)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})
