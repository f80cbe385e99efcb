from __future__ import annotations

import datetime as dt
import ipaddress

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from runtime.calls import SERVICE, call, register

from services.runtime.rpc.server import serve_grpc
from services.runtime.settings import TlsSettings
from services.runtime.settings.loader import SettingsError, load_settings
from services.runtime.tls import channel, server_credentials


class Authority:
    """A certificate authority that lasts one test."""

    def __init__(self, directory, name):
        self.directory = directory
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.file = directory / f"{name}.pem"
        self.file.write_bytes(pem(self._signed(self.name, self.key, ca=True)))

    def issue(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        cert = self._signed(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key, ca=False)
        cert_file, key_file = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        cert_file.write_bytes(pem(cert))
        key_file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return cert_file, key_file

    def _signed(self, subject, key, *, ca):
        now = dt.datetime.now(dt.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(hours=1))
            .not_valid_after(now + dt.timedelta(hours=1))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def pem(cert):
    return cert.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path):
    return Authority(tmp_path, "theirs")


async def echo(request, _context):
    return request


async def answered(tmp_path, server_tls, client_tls):
    settings = load_settings(data_dir=tmp_path, audit={"port": 0}, tls=server_tls)
    async with (
        serve_grpc(
            settings, settings.audit, registrars=[register(UnaryUnary=echo)], service_names=[SERVICE], grace_s=0
        ) as server,
        channel(TlsSettings(**client_tls), server.address) as client,
    ):
        return await call(client, "UnaryUnary", b"hello") == [b"hello"]


async def unavailable(*args):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await answered(*args)
    return caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_client_that_trusts_the_authority_gets_through(tmp_path, ours, theirs):
    cert, key = ours.issue("server")
    server = {"cert_file": cert, "key_file": key}
    assert await answered(tmp_path, server, {"ca_file": ours.file})
    assert await unavailable(tmp_path, server, {"ca_file": theirs.file})
    assert await unavailable(tmp_path, server, {})
    assert await unavailable(tmp_path, {}, {"ca_file": ours.file})


async def test_mutual_tls_both_ways(tmp_path, ours, theirs):
    cert, key = ours.issue("server")
    server = {"cert_file": cert, "key_file": key, "client_ca_file": ours.file}
    known, known_key = ours.issue("sidecar")
    stranger, stranger_key = theirs.issue("stranger")
    trusting = {"ca_file": ours.file}
    assert await answered(tmp_path, server, {**trusting, "client_cert_file": known, "client_key_file": known_key})
    assert await unavailable(tmp_path, server, trusting)
    assert await unavailable(
        tmp_path, server, {**trusting, "client_cert_file": stranger, "client_key_file": stranger_key}
    )


async def test_the_same_settings_do_for_server_and_client(tmp_path, ours):
    cert, key = ours.issue("server")
    client, client_key = ours.issue("client")
    both = {
        "cert_file": cert,
        "key_file": key,
        "ca_file": ours.file,
        "client_ca_file": ours.file,
        "client_cert_file": client,
        "client_key_file": client_key,
    }
    assert await answered(tmp_path, both, both)


def test_files_that_do_not_belong_together_are_named(ours, tmp_path):
    cert, _ = ours.issue("one")
    _, key = ours.issue("two")
    with pytest.raises(SettingsError, match=r"^tls\.cert_file: .*one\.crt and its key cannot be used"):
        server_credentials(TlsSettings(cert_file=cert, key_file=key))
    (tmp_path / "empty").write_text("")
    with pytest.raises(SettingsError, match=r"^tls\.cert_file: "):
        server_credentials(TlsSettings(cert_file=tmp_path / "empty", key_file=key))


@pytest.mark.parametrize(
    "names", [["cert_file"], ["key_file"], ["client_cert_file"], ["client_key_file"], ["client_ca_file"]]
)
def test_half_a_pair_is_a_problem(ours, names):
    with pytest.raises(SettingsError, match=r"^tls: "):
        load_settings(tls=dict.fromkeys(names, ours.file))


def test_no_tls_is_plain_text():
    assert server_credentials(TlsSettings()) is None


async def test_plain_text_stays_on_the_machine_unless_told():
    for target in ("127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/a.sock", "dns:///localhost:1"):
        await channel(TlsSettings(), target).close()
    for target in ("audit.example:50051", "10.0.0.1:1", "dns:///audit.example:50051"):
        with pytest.raises(SettingsError, match="is not loopback"):
            channel(TlsSettings(), target)
        await channel(TlsSettings(allow_plaintext=True), target).close()
