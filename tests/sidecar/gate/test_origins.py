from __future__ import annotations

from types import SimpleNamespace

import pytest

from sidecar.gate.origins import Origins


@pytest.fixture
def origins(settings):
    sidecar = settings.sidecar.model_copy(update={"allowed_origins": ("https://console.example", "http://[::1]:*")})
    return Origins(settings.model_copy(update={"sidecar": sidecar}))


def request(host="replay.example", origin=None):
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    return SimpleNamespace(headers=headers)


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("replay.example", "https://replay.example", True),
        ("replay.example", "http://replay.example", True),  # behind a proxy the scheme is not known
        ("replay.example:443", "https://replay.example", True),
        ("replay.example:8080", "http://replay.example:8080", True),
        ("replay.example:8080", "http://replay.example", False),
        ("replay.example", "https://replay.example.evil.example", False),
        ("replay.example", "https://evil.example", False),
        ("replay.example", "https://console.example", True),
        ("replay.example", "https://console.example:444", False),
        ("replay.example", "http://console.example", False),
        ("replay.example", "http://[::1]:9999", True),
        ("replay.example", "https://user@replay.example", False),
        ("replay.example", "https://replay.example/path", False),
        ("replay.example", "https://replay.example:bad", False),
        ("replay.example", "chrome-extension://abc", False),
        ("replay.example", "null", False),
        ("", "https://", False),
    ],
)
def test_the_console(origins, host, origin, allowed):
    assert origins.is_console(request(host), origin) is allowed


def test_a_project(origins):
    origins.check_recording(request(origin="http://localhost:1234"), "demo")
    origins.check_recording(request(), "demo")
    for origin, project in (("http://localhost:1", "other"), ("http://localhost.evil.example", "demo"), ("x", "none")):
        with pytest.raises(Exception, match="not allowed"):
            origins.check_recording(request(origin=origin), project)
    with pytest.raises(Exception, match="an Origin is required"):
        origins.check_recording(request(), "demo", required=True)
