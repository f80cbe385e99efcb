"""Address of the client: the peer's, or the one that a trusted proxy reports."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from aiohttp import web

    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    Address = ipaddress.IPv4Address | ipaddress.IPv6Address

UNKNOWN = "unknown"


def client_address(request: web.BaseRequest, trusted: Sequence[Network]) -> str:
    """Returns the client's address in its canonical form, or "unknown" for a peer without one (a Unix socket).

    X-Forwarded-For is read from right to left for as long as hops are trusted proxies: entries further left come from
    untrusted clients.
    """
    peer = _parsed(request.remote)
    if peer is None:
        return UNKNOWN
    if not trusted or not within(peer, trusted):
        return str(peer)
    found = peer
    for hop in reversed([part for value in request.headers.getall("X-Forwarded-For", ()) for part in value.split(",")]):
        address = _parsed(hop)
        if address is None:
            break
        found = address
        if not within(address, trusted):
            break
    return str(found)


def limit_key(address: str) -> str:
    """Returns the key of the limits per address: an IPv4 address, or the /64 of an IPv6 address, one per subscriber."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return address


def within(address: Address | str, networks: Iterable[Network]) -> bool:
    """Returns whether `address` is in one of `networks`."""
    parsed = _parsed(address) if isinstance(address, str) else address
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str | None) -> Address | None:
    """Returns the address in `text`, which may have a port or brackets; None if it has no address."""
    if not text:
        return None
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
