"""Settings that production refuses or warns of, and how an operator accepts them."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import pytest

from services.runtime.settings import RISK_NAMES, risks
from services.runtime.settings.loader import SettingsError, load_settings
from services.runtime.settings.mounts import network_file_system
from services.runtime.settings.risks import machine_risks, risks_of

PRODUCTION = {
    "environment": "production",
    "auth": {"secret": secrets.token_urlsafe(48)},
    "projects": [{"id": "shop"}],
}
JWKS = {"issuer": "https://id.example/", "jwks_url": "https://id.example/keys"}


def production(**overrides):
    return load_settings(**{**PRODUCTION, **overrides})


def names(settings):
    return [risk.name for risk in risks_of(settings)]


REFUSED = [
    ("http-jwks", "auth.jwks_url", {"auth": {**JWKS, "jwks_url": "http://id.example/keys"}}),
    ("any-issuer", "auth.issuer", {"auth": {"jwks_url": "https://id.example/keys"}}),
    ("weak-secret", "auth.secret", {"auth": {"secret": "s" * 40}}),
    ("weak-secret", "auth.secret", {"auth": {"secrets": [secrets.token_hex(32), "secret-" * 8]}}),
    ("plain-redis", "redis.url", {"redis": {"url": "redis://:pw@10.0.0.7:6379/0"}}),
    ("plain-redis", "redis.url", {"redis": {"url": "redis://redis.example"}}),
    ("plain-clickhouse", "clickhouse.url", {"clickhouse": {"engine": "server", "url": "clickhouse://a:b@db.example/"}}),
    ("plain-sidecar", "sidecar.host", {"sidecar": {"host": "0.0.0.0"}}),
    ("plain-sidecar", "sidecar.host", {"sidecar": {"host": "::"}}),
    ("any-proxy", "sidecar.trusted_proxies", {"sidecar": {"trusted_proxies": ["0.0.0.0/0"]}}),
    ("any-proxy", "sidecar.trusted_proxies", {"sidecar": {"trusted_proxies": ["::/0"]}}),
    ("any-proxy", "sidecar.trusted_proxies", {"sidecar": {"trusted_proxies": ["0.0.0.0/1", "128.0.0.0/1"]}}),
    ("any-proxy", "audit.trusted_peers", {"audit": {"trusted_peers": ["0.0.0.0/0"]}}),
    ("any-proxy", "share.trusted_peers", {"share": {"trusted_peers": ["::/0"]}}),
]
WARNED = [
    ("plain-links", {"share": {"public_url": "http://replay.example"}}),
    ("public-metrics", {"audit": {"metrics_host": "0.0.0.0"}}),
    ("public-metrics", {"share": {"metrics_host": "10.0.0.1"}}),
    ("public-metrics", {"sidecar": {"metrics_networks": ["0.0.0.0/0"]}}),
]


@pytest.mark.parametrize(("name", "setting", "overrides"), REFUSED)
def test_production_refuses_it_until_it_is_accepted(name, setting, overrides):
    with pytest.raises(SettingsError) as caught:
        production(**overrides)
    (line,) = caught.value.problems
    assert line.startswith(f"{setting}: ")
    assert f'accepted_risks = ["{name}"]' in line
    assert name in names(production(accepted_risks=[name], **overrides))
    assert name in names(load_settings(**overrides))  # development warns


@pytest.mark.parametrize(("name", "overrides"), WARNED)
def test_production_warns_of_it(name, overrides):
    assert names(production(**overrides)) == [name]


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"auth": JWKS},
        {"auth": {**JWKS, "jwks_url": "http://127.0.0.1:8081/keys"}},
        {"auth": {"secrets": [secrets.token_hex(32), secrets.token_urlsafe(48)]}},
        {"redis": {"url": "redis://127.0.0.1:6379/0"}},
        {"redis": {"url": "rediss://redis.example"}},
        {"redis": {"url": "unix:///run/redis.sock"}},
        {"redis": {"url": "redis://valkey:6379/0"}, "tls": {"allow_plaintext": True}},
        {"clickhouse": {"engine": "server", "url": "clickhouses://a:b@db.example/"}},
        {"clickhouse": {"engine": "server", "url": "clickhouse://a:b@localhost/"}},
        {"sidecar": {"host": "0.0.0.0", "trusted_proxies": ["10.0.0.0/8", "172.16.0.0/12", "fc00::/7"]}},
        {"audit": {"metrics_host": "0.0.0.0", "metrics_port": -1}},
        {"share": {"public_url": "https://replay.example"}},
    ],
)
def test_what_is_safe_is_neither_refused_nor_warned_of(overrides):
    assert names(production(**overrides)) == []


def test_accepted_risks_are_names_of_risks():
    with pytest.raises(SettingsError, match=r"accepted_risks\.0: "):
        production(accepted_risks=["all"])
    assert {name for name, *_ in (*REFUSED, *WARNED)} | {"root", "readable-data", "network-data"} == set(RISK_NAMES)


@pytest.mark.parametrize(
    ("directory", "kind"),
    [
        ("/data", "nfs4"),
        ("/data/disk", None),
        ("/data/disk/below", None),
        ("/data/a folder/recordings", "cifs"),
        ("/dataset", None),
        ("/covered", "fuse.sshfs"),
        ("/", None),
    ],
)
def test_a_data_directory_on_another_machine(directory, kind, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 21 0:40 / /data rw shared:7 master:1 - nfs4 10.0.0.1:/export rw,vers=4.2\n"
        "31 30 8:2 / /data/disk rw - xfs /dev/sdb1 rw\n"
        "32 30 0:41 / /data/a\\040folder rw - cifs //server/share rw\n"
        "33 21 8:3 / /covered rw - ext4 /dev/sdc1 rw\n"
        "34 33 0:42 / /covered rw - fuse.sshfs user@server: rw\n"
        "a line of a later kernel\n"
    )
    assert network_file_system(Path(directory), mounts) == kind
    assert network_file_system(Path(directory), tmp_path / "none") is None
    monkeypatch.setattr(risks, "network_file_system", lambda path: network_file_system(path, mounts))
    found = [risk.text for risk in machine_risks(production(data_dir=directory)) if risk.name == "network-data"]
    assert [f"({kind})" in text for text in found] == ([True] if kind else [])


def test_root_and_a_data_directory_that_others_can_read(tmp_path, monkeypatch):
    own = production(data_dir=tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    tmp_path.chmod(0o700)
    assert list(machine_risks(own)) == []
    for mode in (0o750, 0o701, 0o777):
        tmp_path.chmod(mode)
        (risk,) = machine_risks(own)
        assert (risk.name, risk.fix) == ("readable-data", f"chmod 700 {tmp_path}")
        assert stat.S_IMODE(tmp_path.stat().st_mode) == mode  # never changed by itself
    assert list(machine_risks(production(data_dir=tmp_path / "none"))) == []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "root" in [risk.name for risk in machine_risks(own)]
    assert "root" not in [risk.name for risk in machine_risks(load_settings(data_dir=tmp_path))]


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        ({"auth": {"secrets": ["short"]}}, "auth.secrets: must be at least 32 bytes"),
        (
            {"auth": {"secrets": ["REPLACE with the output of: openssl rand -base64 48"]}},
            "auth.secrets: is a placeholder",
        ),
        ({"auth": {"secrets": ["a-secret-of-enough-bytes-in-all-cases"] * 2}}, "auth.secrets: holds a secret twice"),
        ({"auth": {"secrets": [secrets.token_hex(32) for _ in range(5)]}}, "auth.secrets: "),
        ({"auth": {"secret": secrets.token_hex(32), "secrets": [secrets.token_hex(32)]}}, "auth: secret and secrets"),
        ({"auth": {"max_token_life_s": 60}}, "auth.max_token_life_s: must be at least 3600"),
        ({"auth": {"max_token_life_s": 3600}, "share": {"grant_ttl_s": 7200}}, "share.grant_ttl_s: 7200 is more than"),
        ({"sidecar": {"record_token_ttl_s": 10**9}}, "sidecar.record_token_ttl_s: 1e+09 is more than"),
    ],
)
def test_contradictory_token_settings_are_named(overrides, line):
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    assert any(problem.startswith(line) for problem in caught.value.problems), caught.value.problems
