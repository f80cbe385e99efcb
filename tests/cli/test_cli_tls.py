"""The command line and a service that speak TLS, with certificates on both sides."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .commands import COMMAND, audit_process


@pytest.fixture
def own(tmp_path):
    """A certificate for this machine that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "afterimage test")])
    now = dt.datetime.now(dt.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    paths[0].write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return [str(path) for path in paths]


def test_mutual_tls(tmp_path, own):
    cert, key = own
    tls = {
        "AFTERIMAGE_TLS__CERT_FILE": cert,
        "AFTERIMAGE_TLS__KEY_FILE": key,
        "AFTERIMAGE_TLS__CLIENT_CA_FILE": cert,
    }
    client = {
        "AFTERIMAGE_TLS__CA_FILE": cert,
        "AFTERIMAGE_TLS__CLIENT_CERT_FILE": cert,
        "AFTERIMAGE_TLS__CLIENT_KEY_FILE": key,
    }
    with audit_process(tmp_path, **tls, **client) as audit:
        found = as_process(audit, "sessions")
        assert (found.returncode, found.stdout, found.stderr) == (0, "no sessions\n", "")
        assert as_process(audit, "doctor").returncode == 0
        # Without a client certificate; without trust in the server's; in plain text.
        unknown = turned_away(audit, **dict.fromkeys(list(client)[1:], ""))
        assert "was lost" in unknown or "cannot reach" in unknown or "does not use TLS" in unknown
        untrusting = turned_away(audit, AFTERIMAGE_TLS__CA_FILE="")
        assert untrusting.endswith("does not use TLS trusted by the settings: CERTIFICATE_VERIFY_FAILED\n")
        plain = turned_away(audit, **dict.fromkeys([*tls, *client], ""))
        assert "was lost" in plain or "cannot reach" in plain


def as_process(audit, *words, **changes):
    """In this one, TLS connections that asyncio has no time to say goodbye on would be warnings, and so errors."""
    environment = os.environ | audit.environment | changes
    return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, check=False)


def turned_away(audit, **changes):
    """Returns the error of a command that cannot connect."""
    found = as_process(audit, "sessions", **changes)
    assert (found.returncode, found.stdout) == (1, "")
    assert len(found.stderr.splitlines()) == 1, found.stderr
    return found.stderr
