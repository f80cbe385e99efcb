"""Origin of a call: the visitor's address and browser, as far as they can be trusted."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc

from services.runtime.settings import ServiceSettings

MAX_USER_AGENT = 256
ADDRESS_HEADER = "x-forwarded-for"
USER_AGENT_HEADER = "x-user-agent"
"""The visitor's browser, as reported by the sidecar. gRPC's own `user-agent` names the calling library."""

_IPV6_SITE_BITS = 64  # one customer's network: a client with one address of it has all of them


@dataclass(frozen=True, slots=True)
class Peer:
    """The remote end of a call, as far as the network identifies it.

    Attributes:
        address: IP address, or "unix" for a Unix socket.
        user_agent: At most 256 characters; "" when unknown.
    """

    address: str
    user_agent: str = ""

    @property
    def bucket(self) -> str:
        """The address as counted by rate limits; of an IPv6 address, its /64."""
        try:
            ip = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if ip.version == 4:
            return str(ip)
        return str(ipaddress.ip_network((ip, _IPV6_SITE_BITS), strict=False).network_address)


class PeerReader:
    """Reads callers from calls.

    Metadata about a visitor is trusted only when the peer is a sidecar: loopback, a Unix socket, or in one of
    the service's `trusted_peers`. Of several forwarded addresses the last one counts, which the peer itself added.
    """

    def __init__(self, service: ServiceSettings) -> None:
        self._networks = service.trusted_peers

    def read(self, context: grpc.aio.ServicerContext[Any, Any]) -> Peer:
        """Returns the caller of the RPC of `context`."""
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        address = _peer_address(context.peer())
        user_agent = metadata.get("user-agent", "")
        if self._is_trusted(address):
            forwarded = _ip(metadata.get(ADDRESS_HEADER, "").rpartition(",")[2].strip())
            address = str(forwarded) if forwarded else address
            user_agent = metadata.get(USER_AGENT_HEADER, user_agent)
        return Peer(address, user_agent[:MAX_USER_AGENT])

    def _is_trusted(self, address: str) -> bool:
        ip = _ip(address)
        if ip is None:
            return address == "unix"
        return ip.is_loopback or any(ip in network for network in self._networks)


def _peer_address(peer: str) -> str:
    """Returns the address of gRPC's "ipv4:10.0.0.1:123", "ipv6:%5B::1%5D:123" or "unix:"."""
    kind, _, rest = peer.partition(":")
    if kind == "unix":
        return kind
    ip = _ip(unquote(rest).rpartition(":")[0].strip("[]"))
    return str(ip) if ip else ""


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        ip = ipaddress.ip_address(text)
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip
