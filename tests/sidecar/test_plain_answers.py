"""The sidecar's answers name no software and keep to TLS: no version, no 500 for odd paths, HSTS over TLS."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.wait import PATIENCE_S
from yarl import URL

from services.runtime.metrics import new_registry, serve_metrics
from tests.sidecar.conftest import rigged

NOT_HTTP = {
    "headers too large": b"GET / HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "a bad header": b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    "two lengths": b"POST /record HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
}


async def answer_to(port, request):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        try:
            return (await reader.read()).decode()
        finally:
            writer.close()


@pytest.mark.parametrize("name", NOT_HTTP)
async def test_what_is_no_http_is_answered_without_a_word_about_the_software(rig, name):
    answer = await answer_to(rig.port, NOT_HTTP[name])
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.")
    assert " 400 " in head.splitlines()[0]
    assert "Server: afterimage\r\n" in head + "\r\n"
    assert body == "400 Bad Request\n"
    assert not any(word in answer.lower() for word in ("aiohttp", "python", "llhttp", "span error"))


async def test_the_metrics_of_the_services_name_no_software_either():
    async with serve_metrics("127.0.0.1", 0, new_registry()) as port:
        requests = (b"GET /metrics HTTP/1.0\r\n\r\n", b"GET /nothing HTTP/1.0\r\n\r\n", *NOT_HTTP.values())
        for request in requests:
            head = (await answer_to(port, request)).partition("\r\n\r\n")[0]
            assert "Server: afterimage" in head
            assert "aiohttp" not in head.lower()


ODD = [
    "/assets/" + "a" * 7000,
    "/assets/" + "a" * 256 + ".js",
    "/assets/a%00.js",
    "/assets/%ff%fe",
    "/assets/" + "a/" * 3000,
    "/demo/" + "a" * 7000 + ".js",
    "/demo/" + "a" * 256 + ".html",
    "/demo/%00.js",
    "/sessions/" + "a" * 7000 + "/x",
    "/s/a/" + "b" * 7000,
    "/" + "%2e%2e/" * 1000 + "etc/passwd",
]


@pytest.mark.parametrize("path", ODD)
async def test_odd_paths_are_not_found(rig, path):
    async with rig.http.get(URL(rig.url + path, encoded=True)) as response:
        assert response.status == 404


@pytest.fixture
def certificate(tmp_path):
    """A certificate for replay.example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "replay.example")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    paths = tmp_path / "own.crt", tmp_path / "own.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[1].write_bytes(key.private_bytes(*form))
    return paths


async def transport_security(rig, host, path="/healthz"):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with aiohttp.ClientSession() as http, http.get(rig.url + path, headers={"Host": host}, ssl=context) as answer:
        await answer.read()
        return answer.headers.get("Strict-Transport-Security")


async def test_over_tls_browsers_are_told_to_stay_with_it(settings, certificate):
    tls = {"cert_file": certificate[0], "key_file": certificate[1], "public_names": ["replay.example"]}
    async with rigged(settings, **tls) as rig:
        for path in ("/healthz", "/nothing", "/metrics", "/recorder.js"):
            assert await transport_security(rig, "replay.example", path) == "max-age=31536000"
        # Every port of the machine would be concerned.
        assert await transport_security(rig, "localhost:8443") is None
    async with rigged(settings, **tls, hsts_max_age_s=0) as rig:
        assert await transport_security(rig, "replay.example") is None


async def test_over_plain_text_nothing_is_promised(rig):
    async with rig.http.get(rig.url + "/healthz") as answer:
        assert "Strict-Transport-Security" not in answer.headers
