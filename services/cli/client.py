"""Connections from commands to the services: gen/afterimage_client with the settings' TLS and a token.

The token comes from AFTERIMAGE_TOKEN or, without it, is minted with the installation's own secret. Every connection
error becomes one sentence (`CommandError`).
"""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from afterimage_client.audit.v1 import AuditServiceStub
from afterimage_client.export.v1 import ExportServiceStub
from afterimage_client.share.v1 import ShareServiceStub
from google.rpc import error_details_pb2
from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

from services.cli.command import CommandError
from services.cli.instance_lock import find_running
from services.cli.local import local_subject, the_project
from services.runtime.identity.tokens import Scope, TokenMinter
from services.runtime.settings import is_loopback, local_address
from services.runtime.settings.loader import Settings, SettingsError

TOKEN_TTL_S = 3_600.0
TIMEOUT_S = 30.0
"""Timeout of unary calls; streams have none."""

_WINDOW_BYTES = 16 * 1024**2  # maximum data sent ahead by the server: a chunk has up to 4 MiB

_HINTS = {
    Status.UNAVAILABLE: "run `afterimage doctor` for the cause",
    Status.UNIMPLEMENTED: "the server has another version, or does not implement this yet",
}

NETWORK_ERRORS = (GRPCError, StreamTerminatedError, ProtocolError, ConnectionError, TimeoutError, ssl.SSLError, OSError)
"""Errors of a call other than defects; `sentence_of` turns each into a sentence."""


class Client:
    """A connection to one service.

    Attributes:
        address: host:port or unix:path.
    """

    def __init__(self, channel: Channel, address: str, token: Callable[[], str]) -> None:
        self._channel = channel
        self._token = token
        self.address = address

    @property
    def audit(self) -> AuditServiceStub:
        """AuditService, with a fresh token: a stream ends when the token that it began with expires."""
        return AuditServiceStub(self._channel, metadata=self._metadata())

    @property
    def share(self) -> ShareServiceStub:
        """ShareService, with a fresh token."""
        return ShareServiceStub(self._channel, metadata=self._metadata())

    @property
    def export(self) -> ExportServiceStub:
        """ExportService, with a fresh token."""
        return ExportServiceStub(self._channel, metadata=self._metadata())

    def _metadata(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token()}"}


@asynccontextmanager
async def connect(
    settings: Settings,
    scopes: Sequence[Scope],
    *,
    address: str | None = None,
    project: str | None = None,
    token: str = "",
    service: str = "AuditService",
) -> AsyncIterator[Client]:
    """Yields a client of a service; errors of calls inside the block are raised as CommandError.

    Args:
        settings: For TLS, the secret and, without `address`, the service's address.
        scopes: Scopes of the minted token.
        address: host:port or unix:path; None: the settings'.
        project: Project of the minted token; None: the only configured one.
        token: The token to use; "": AFTERIMAGE_TOKEN, else a minted one.
        service: Name of the service, for errors; `address` is needed for any but AuditService.
    """
    target = address or audit_address(settings)
    source = (lambda: token) if token else token_source(settings, scopes, project)
    channel = _channel(settings, target)
    try:
        yield Client(channel, target, source)
    except (CommandError, BrokenPipeError):  # BrokenPipeError is from standard output: network errors have other types
        raise
    except NETWORK_ERRORS as error:
        raise CommandError(sentence_of(error, target, service)) from error
    finally:
        channel.close()


def audit_address(settings: Settings) -> str:
    """Returns the address of AuditService: from `afterimage up` if it runs here, else from the settings."""
    running = find_running(settings.data_dir)
    if running is not None and running.audit:
        return running.audit
    return local_address(settings.audit.host, settings.audit.port)


def export_address(settings: Settings) -> str:
    """Returns the address of ExportService: from `afterimage up` if it runs here, else from the settings."""
    running = find_running(settings.data_dir)
    if running is not None and running.export:
        return running.export
    return local_address(settings.export.host, settings.export.port)


def token_source(settings: Settings, scopes: Sequence[Scope], project: str | None = None) -> Callable[[], str]:
    """Returns a source of tokens: AFTERIMAGE_TOKEN, else a newly minted one for each call.

    Raises:
        CommandError: No secret to mint with, or the project is ambiguous.
    """
    if given := os.environ.get("AFTERIMAGE_TOKEN"):
        return given.strip
    name = the_project(settings, project)
    path = settings.data_dir / "secret"
    if not settings.auth.signing_secrets and settings.is_development and not path.exists():
        # Minting would create a secret that the servers do not know.
        raise CommandError(
            f"there is no secret in {path}: run this where `afterimage up` was started, or set AFTERIMAGE_DATA_DIR, "
            "or AFTERIMAGE_TOKEN to a token"
        )
    try:
        minter = TokenMinter(settings)
    except SettingsError as error:
        raise CommandError(f"{error}; or set AFTERIMAGE_TOKEN to a token of your identity provider") from error
    return lambda: minter.mint(local_subject(), name, scopes, TOKEN_TTL_S)


def sentence_of(error: BaseException, address: str, service: str = "AuditService") -> str:
    """Returns a description for people of a failed call to `address`."""
    match error:
        case GRPCError():
            return _spoken(error)
        case ssl.SSLError():
            return f"{address} does not use TLS trusted by the settings: {error.reason or error}"
        case StreamTerminatedError() | ProtocolError():
            return f"the connection to {address} was lost: {error}"
        case TimeoutError():
            return f"{address} did not answer in time; run `afterimage doctor` for the cause"
        case OSError():
            # asyncio puts addresses into strerror; the errno's own text is the familiar one.
            why = (os.strerror(error.errno) if error.errno else str(error)).lower()
            return f"cannot reach {service} at {address}: {why}; is `afterimage up` running?"
    return str(error)


def _spoken(error: GRPCError) -> str:
    message = error.message or "no message"
    fields = [
        f"{violation.field}: {violation.description}"
        for detail in error.details or ()
        if isinstance(detail, error_details_pb2.BadRequest)
        for violation in detail.field_violations
    ]
    # Afterimage's servers name the fields in the message already; a proxy in between may not.
    more = [field for field in fields if field not in message]
    hint = _HINTS.get(error.status)
    return "; ".join([f"{error.status.name}: {message}", *more, *([hint] if hint else [])])


def _channel(settings: Settings, target: str) -> Channel:
    tls = _tls_context(settings)
    config = Configuration(http2_connection_window_size=_WINDOW_BYTES, http2_stream_window_size=_WINDOW_BYTES)
    if target.startswith("unix:"):
        return Channel(path=target.removeprefix("unix:").removeprefix("//"), ssl=tls, config=config)
    host, _, port = target.rpartition(":")
    host = host.strip("[]")
    if not (host and port.isdigit() and int(port) < 65_536):
        raise CommandError(f"{target!r} is not an address: write host:port or unix:path")
    if tls is None and not (settings.tls.allow_plaintext or is_loopback(host)):
        raise CommandError(f"tls.ca_file: {target} is not loopback: set it, or tls.allow_plaintext")
    return Channel(host, int(port), ssl=tls, config=config)


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The settings' TLS for clients, as in `services.runtime.tls.channel`; None: plain text."""
    tls = settings.tls
    if tls.ca_file is None and tls.cert_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.client_cert_file is not None:
            context.load_cert_chain(tls.client_cert_file, tls.client_key_file, password=b"")
    except (ssl.SSLError, OSError) as error:
        raise CommandError(f"tls: the certificates cannot be used: {error.strerror or error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context
