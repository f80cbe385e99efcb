"""Who is calling, as an address: the peer's, or what a trusted proxy says it is."""

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
    """Returns the client's address in its canonical form, or "unknown" where the peer has none (a Unix socket).

    X-Forwarded-For is read from its right end, for as long as the next hop is a trusted proxy: what stands further
    left was written by somebody who is not trusted.
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
    """Returns what limits go by: the address, of IPv6 its /64, which is what one subscriber has."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return address


def within(address: Address | str, networks: Iterable[Network]) -> bool:
    """Returns whether `address` lies in one of `networks`."""
    parsed = _parsed(address) if isinstance(address, str) else address
    return parsed is not None and any(parsed in network for network in networks)


def _parsed(text: str | None) -> Address | None:
    """Returns the address in `text`, which may have a port or brackets; None: there is none."""
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
