from __future__ import annotations

import ipaddress
from types import SimpleNamespace

import pytest

from services.runtime.identity.peer import Peer, PeerReader
from services.runtime.settings import ServiceSettings


def read(peer, *networks, **metadata):
    service = ServiceSettings(trusted_peers=networks)
    sent = tuple((key.replace("_", "-"), text) for key, text in metadata.items())
    context = SimpleNamespace(peer=lambda: peer, invocation_metadata=lambda: sent)
    return PeerReader(service).read(context)


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:192.0.2.1:40000", "192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:40000", "2001:db8::1"),
        ("ipv6:[2001:db8::1]:40000", "2001:db8::1"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:40000", "192.0.2.1"),
        ("unix:", "unix"),
        ("unix:/run/x.sock", "unix"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_peers(peer, address):
    assert read(peer).address == address


def test_what_a_sidecar_says_is_believed():
    told = {"x_forwarded_for": "203.0.113.7", "x_user_agent": "Mozilla/5.0", "user_agent": "grpc-python"}
    for peer, networks in (
        ("ipv4:127.0.0.1:4", ()),
        ("ipv6:%5B::1%5D:4", ()),
        ("unix:", ()),
        ("ipv4:10.1.2.3:4", (ipaddress.ip_network("10.1.0.0/16"),)),
    ):
        assert read(peer, *networks, **told) == Peer("203.0.113.7", "Mozilla/5.0")
    assert read("ipv4:10.2.2.3:4", ipaddress.ip_network("10.1.0.0/16"), **told) == Peer("10.2.2.3", "grpc-python")


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the peer's own word is the last
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("203.0.113.7 OR 1=1", "127.0.0.1"),
    ],
)
def test_forwarded_addresses(forwarded, address):
    assert read("ipv4:127.0.0.1:4", x_forwarded_for=forwarded).address == address


def test_user_agents_are_bounded():
    assert len(read("unix:", x_user_agent="x" * 10_000).user_agent) == 256


def test_limits_go_by_address_and_by_site():
    assert Peer("203.0.113.7").bucket == "203.0.113.7"
    assert Peer("2001:db8:1:2:3::4").bucket == Peer("2001:db8:1:2:ffff::").bucket == "2001:db8:1:2::"
    assert Peer("unix").bucket == "unix"
    assert Peer("").bucket == ""
