from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest
from multidict import CIMultiDict

from sidecar.gate.client_address import client_address, limit_key

PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128")]


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.1", [], PROXIES, "203.0.113.1"),
        ("203.0.113.1", ["1.2.3.4"], PROXIES, "203.0.113.1"),  # not a trusted proxy: its header is ignored
        ("10.0.0.1", ["1.2.3.4"], [], "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], PROXIES, "1.2.3.4"),  # the left one is the client's own word
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4, 10.0.0.2"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], PROXIES, "10.0.0.3"),
        ("10.0.0.1", ["1.2.3.4:5678"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", ['"[2001:db8::1]:443"'], PROXIES, "2001:db8::1"),
        ("10.0.0.1", ["6.6.6.6, nonsense"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [""], PROXIES, "10.0.0.1"),
        ("::1", ["1.2.3.4"], PROXIES, "1.2.3.4"),
        ("::ffff:10.0.0.1", ["1.2.3.4"], PROXIES, "1.2.3.4"),
        ("fe80::1%eth0", [], PROXIES, "fe80::1"),
        (None, ["1.2.3.4"], PROXIES, "unknown"),
    ],
)
def test_client_address(peer, forwarded, trusted, expected):
    headers = CIMultiDict([("X-Forwarded-For", value) for value in forwarded])
    assert client_address(SimpleNamespace(remote=peer, headers=headers), trusted) == expected


def test_limits_go_by_the_network_of_a_subscriber():
    assert limit_key("1.2.3.4") == "1.2.3.4"
    assert limit_key("2001:db8:1:2:3:4:5:6") == limit_key("2001:db8:1:2::9") == "2001:db8:1:2::"
    assert limit_key("unknown") == "unknown"
