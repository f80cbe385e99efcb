"""TLS of gRPC, both ends: server credentials and client channels from the same settings."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import grpc

from services.runtime.client_streams import status_kept
from services.runtime.settings import is_loopback
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from services.runtime.settings import TlsSettings

KEEPALIVE_OPTIONS: tuple[tuple[str, Any], ...] = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
# A replay passes stored chunks on unchanged; a server's answer is trusted, so this bound only stops a runaway.
_MAX_ANSWER_BYTES = 64 * 1024**2


def server_credentials(tls: TlsSettings) -> grpc.ServerCredentials | None:
    """Returns the TLS credentials of a server, or None for plain text.

    Raises:
        SettingsError: A file cannot be read, or key and certificate do not match.
    """
    if tls.cert_file is None or tls.key_file is None:
        return None
    _check_pair("cert_file", tls.cert_file, tls.key_file)
    return grpc.ssl_server_credentials(
        [(_read("key_file", tls.key_file) or b"", _read("cert_file", tls.cert_file) or b"")],
        root_certificates=_read("client_ca_file", tls.client_ca_file),
        require_client_auth=tls.client_ca_file is not None,
    )


def channel(tls: TlsSettings, target: str, *, options: Sequence[tuple[str, Any]] = ()) -> grpc.aio.Channel:
    """Returns a client channel to `target` (host:port or unix:path); the caller closes it.

    Uses TLS when the settings name a certificate to serve or to trust. Request streams end with the server's own
    status (`status_kept`).

    Raises:
        SettingsError: Plain text beyond loopback without `allow_plaintext`, or an unusable file.
    """
    every = [("grpc.max_receive_message_length", _MAX_ANSWER_BYTES), *KEEPALIVE_OPTIONS, *options]
    if tls.ca_file is None and tls.cert_file is None:
        host = target.removeprefix("dns:///").rpartition(":")[0]
        if not (tls.allow_plaintext or target.startswith("unix:") or is_loopback(host)):
            raise SettingsError(f"tls.ca_file: {target} is not loopback: set it, or tls.allow_plaintext")
        return status_kept(grpc.aio.insecure_channel(target, options=every))
    if tls.client_cert_file is not None and tls.client_key_file is not None:
        _check_pair("client_cert_file", tls.client_cert_file, tls.client_key_file)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=_read("ca_file", tls.ca_file),
        private_key=_read("client_key_file", tls.client_key_file),
        certificate_chain=_read("client_cert_file", tls.client_cert_file),
    )
    return status_kept(grpc.aio.secure_channel(target, credentials, options=every))


def _read(field: str, path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise SettingsError(f"tls.{field}: cannot read {path}: {error.strerror}") from error


def _check_pair(field: str, cert: Path, key: Path) -> None:
    # gRPC accepts any file and fails at the first handshake; OpenSSL reports the problem now.
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password=b"")
    except (ssl.SSLError, OSError) as error:
        raise SettingsError(f"tls.{field}: {cert} and its key cannot be used: {error.strerror or error}") from error
