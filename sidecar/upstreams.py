"""Upstream services: one gRPC channel per service, and their health."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime import tls
from services.runtime.rpc.scopes import AUDIT, EXPORT, RECORDING, SHARE
from services.runtime.settings import local_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.settings import Settings

_HEALTH_TIMEOUT_S = 2.0
_HEALTH_KEPT_S = 1.0
# Reconnects within two seconds after the restart of a service; gRPC's default maximum is two minutes.
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    # Despite its name also the timeout of a connection attempt: a busy service may answer late.
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_send_message_length", -1),
    # Without its own pool, a channel shares its connection with all channels to the same address in this process.
    ("grpc.use_local_subchannel_pool", 1),
)


class Upstreams:
    """Channels by the full name of the service. Create it in the running event loop; end it with `close()`."""

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        sidecar = settings.sidecar
        targets = {
            AUDIT: sidecar.audit_address or local_address(settings.audit.host, settings.audit.port),
            SHARE: sidecar.share_address or local_address(settings.share.host, settings.share.port),
            EXPORT: sidecar.export_address or local_address(settings.export.host, settings.export.port),
        }
        self._channels = {name: tls.channel(settings.tls, target, options=_OPTIONS) for name, target in targets.items()}
        self._now = now
        self._health: dict[str, tuple[float, str]] = {}

    def channel(self, service: str) -> grpc.aio.Channel:
        """Returns the channel to `service`."""
        return self._channels[service]

    async def health(self) -> dict[str, str]:
        """Returns "serving", "not_serving" or "unreachable" by service, cached for one second."""
        return {name: await self._health_of(name, name) for name in self._channels}

    async def recording_health(self) -> str:
        """Returns "serving" while AuditService admits recorders, else as `health`; cached for one second.

        "unknown": an AuditService of an earlier version.
        """
        return await self._health_of(RECORDING, AUDIT)

    async def close(self) -> None:
        """Closes the channels and cancels open calls."""
        for channel in self._channels.values():
            await channel.close()

    async def _health_of(self, name: str, service: str) -> str:
        asked_at, state = self._health.get(name, (float("-inf"), ""))
        if self._now() - asked_at > _HEALTH_KEPT_S:
            state = await self._asked(name, service)
            self._health[name] = (self._now(), state)
        return state

    async def _asked(self, name: str, service: str) -> str:
        stub = health_pb2_grpc.HealthStub(self._channels[service])
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=_HEALTH_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            return "unknown" if error.code() is grpc.StatusCode.NOT_FOUND else "unreachable"
        return "serving" if answer.status == health_pb2.HealthCheckResponse.SERVING else "not_serving"
