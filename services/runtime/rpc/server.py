"""Lifecycle of a gRPC server."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.runtime.settings.loader import SettingsError
from services.runtime.tls import KEEPALIVE_OPTIONS, server_credentials

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from services.runtime.settings import ServiceSettings, Settings

_log = structlog.get_logger("afterimage.server")

MESSAGE_OVERHEAD_BYTES = 64 * 1024  # size of a message beyond the chunk in it
GRACE_S = 5.0
MAX_CONCURRENT_RPCS = 10_000  # every open stream counts


class GrpcServer:
    """A running server.

    Attributes:
        port: The bound TCP port.
        address: host:port for a client on this machine or network.
    """

    def __init__(
        self, port: int, host: str, health_servicer: health.aio.HealthServicer, service_names: Sequence[str]
    ) -> None:
        self.port = port
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._health = health_servicer
        self._names = ("", *service_names)

    async def set_serving(self, serving: bool) -> None:
        """Sets the health status; calls are served with either status."""
        for name in self._names:
            await self.set_health(name, serving)

    async def set_health(self, name: str, serving: bool) -> None:
        """Sets the health status of one name, such as a method that is refused while the others are served."""
        states = health_pb2.HealthCheckResponse
        await self._health.set(name, states.SERVING if serving else states.NOT_SERVING)


@asynccontextmanager
async def serve_grpc(
    settings: Settings,
    service: ServiceSettings,
    *,
    registrars: Sequence[Callable[[grpc.aio.Server], None]],
    service_names: Sequence[str],
    interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    before_stop: Callable[[], Awaitable[None]] | None = None,
    max_concurrent_rpcs: int = MAX_CONCURRENT_RPCS,
    grace_s: float = GRACE_S,
    options: Sequence[tuple[str, Any]] = (),
) -> AsyncIterator[GrpcServer]:
    """Serves while the block runs; the health status is SERVING from the start.

    Shutdown order: health reports NOT_SERVING, `before_stop` runs (to end unbounded streams), new calls are
    refused, open calls get `grace_s` to finish, and the remaining ones are cancelled.

    Args:
        settings: For TLS and the largest message.
        service: Address to listen on.
        registrars: Functions that add a servicer, as `lambda server: add_XServicer_to_server(servicer, server)`.
        service_names: Full names of the services, for health and reflection.
        interceptors: Interceptors around every call.
        before_stop: Called once when stopping begins.
        max_concurrent_rpcs: Maximum number of open calls and streams; further ones get RESOURCE_EXHAUSTED.
        grace_s: Seconds for open calls to finish. 0: none.
        options: Further channel arguments.

    Raises:
        SettingsError: The address cannot be bound, or the TLS files are unusable.
    """
    server = grpc.aio.server(
        interceptors=tuple(interceptors),
        options=(*_options(settings), *options),
        maximum_concurrent_rpcs=max_concurrent_rpcs,
    )
    for register in registrars:
        register(server)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    reflection.enable_server_reflection((*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    running = GrpcServer(_listen(server, settings, service), service.host, health_servicer, service_names)
    await server.start()
    await running.set_serving(True)
    _log.info("serving", address=running.address, services=list(service_names))
    try:
        yield running
    finally:
        await health_servicer.enter_graceful_shutdown()
        try:
            if before_stop is not None:
                await before_stop()
        finally:
            await server.stop(grace_s)
            _log.info("stopped", address=running.address)


def _options(settings: Settings) -> tuple[tuple[str, Any], ...]:
    return (
        # Two processes on one port would each get half of the calls; a used port is an error instead.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.ingest.max_chunk_bytes + MESSAGE_OVERHEAD_BYTES),
        ("grpc.max_send_message_length", -1),
        *KEEPALIVE_OPTIONS,
        # Afterimage's clients ping every 30 s, even without an open call.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    )


def _listen(server: grpc.aio.Server, settings: Settings, service: ServiceSettings) -> int:
    host = f"[{service.host}]" if ":" in service.host else service.host
    address = f"{host}:{service.port}"
    credentials = server_credentials(settings.tls)
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise SettingsError(f"cannot listen on {address}: {_why(service)}") from error
    if port == 0:
        raise SettingsError(f"cannot listen on {address}: {_why(service)}")
    return port


def _why(service: ServiceSettings) -> str:
    """Returns the kernel's reason for a failed bind; gRPC reports only the failure."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            service.host, service.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.bind(address)
    except OSError as error:
        return error.strerror or str(error)
    return "the address is unavailable"
