"""Settings that are valid and yet dangerous in production: refused, or warned of, unless the operator accepts them.

Outside development the `is_refused` ones prevent the start. All others are logged as warnings by the process that they
concern, and `afterimage doctor` lists them. `accepted_risks` allows the former and silences the latter.
"""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from services.runtime.settings.identity import repeats_itself
from services.runtime.settings.mounts import network_file_system
from services.runtime.settings.values import RiskName, is_loopback

if TYPE_CHECKING:
    from services.runtime.settings.root import Settings

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Process = Literal["audit", "share", "export", "sidecar", "every"]

_MIN_PREFIX = {4: 8, 6: 7}
"""Prefixes of the largest private networks, 10.0.0.0/8 and fc00::/7 (RFC 1918, RFC 4193)."""
_MOST_NETWORKS = 4
"""Number of such networks up to which proxies are still named."""


@dataclass(frozen=True, slots=True)
class Risk:
    """A dangerous setting.

    Attributes:
        name: Its name in `accepted_risks`.
        process: The process that logs it.
        setting: The setting.
        text: The danger, in one sentence.
        fix: The remedy.
        is_refused: Whether it prevents the start outside development.
    """

    name: RiskName
    process: Process
    setting: str
    text: str
    fix: str
    is_refused: bool

    @property
    def problem(self) -> str:
        """The line of a refusal."""
        return f'{self.setting}: {self.text}: {self.fix}, or accept it with accepted_risks = ["{self.name}"]'


def risks_of(settings: Settings) -> Iterator[Risk]:
    """Yields the risks in the settings, accepted or not."""
    auth, tls, sidecar = settings.auth, settings.tls, settings.sidecar
    if auth.jwks_url is not None and _is_plain(auth.jwks_url, "http"):
        text = "keys come in plain text: changed on the way, they sign in a stranger as any user"
        yield Risk("http-jwks", "audit", "auth.jwks_url", text, "use https://", is_refused=True)
    if auth.has_jwks and auth.issuer is None:
        text = "any token that the provider signs for the audience is accepted, also of another tenant"
        yield Risk("any-issuer", "audit", "auth.issuer", text, "set it to the `iss` of your tokens", is_refused=True)
    if any(map(repeats_itself, auth.signing_secrets)):
        text = "a secret repeats a few characters, and can be guessed from any token"
        fix = "make one with `openssl rand -base64 48`"
        yield Risk("weak-secret", "audit", "auth.secret", text, fix, is_refused=True)
    if _is_plain(settings.redis.url, "redis") and not tls.allow_plaintext:
        text = "links, limits and revocations go to another machine in plain text"
        fix = "use rediss://, or tls.allow_plaintext on a network with its own encryption"
        yield Risk("plain-redis", "share", "redis.url", text, fix, is_refused=True)
    if _is_plain(_clickhouse_url(settings), "clickhouse") and not tls.allow_plaintext:
        text = "recordings and a password go to another machine in plain text"
        fix = "use clickhouses://, or tls.allow_plaintext on a network with its own encryption"
        yield Risk("plain-clickhouse", "audit", "clickhouse.url", text, fix, is_refused=True)
    if not is_loopback(sidecar.host) and sidecar.cert_file is None and not sidecar.trusted_proxies:
        text = "tokens and recordings go over the network in plain text"
        fix = "set sidecar.cert_file, or sidecar.trusted_proxies for a TLS proxy in front"
        yield Risk("plain-sidecar", "sidecar", "sidecar.host", text, fix, is_refused=True)
    if _is_plain(settings.share.public_url, "http"):
        text = "share links open recordings in plain text"
        yield Risk("plain-links", "share", "share.public_url", text, "use https://", is_refused=False)
    yield from _network_risks(settings)


def machine_risks(settings: Settings) -> Iterator[Risk]:
    """Yields the risks of this process and of the data directory."""
    if os.geteuid() == 0 and not settings.is_development:
        text = "runs as root: a defect in it would be a defect of the machine"
        fix = "run it as a user of its own (docs/operating.md)"
        yield Risk("root", "every", "user", text, fix, is_refused=False)
    if (mode := open_mode(settings.data_dir)) is not None:
        text = (
            f"{settings.data_dir} has mode {mode:03o}: other users of this machine may read recordings and the secret"
        )
        yield Risk("readable-data", "audit", "data_dir", text, f"chmod 700 {settings.data_dir}", is_refused=False)
    if (kind := network_file_system(settings.data_dir)) is not None:
        text = (
            f"{settings.data_dir} is on a network file system ({kind}): another machine and its settings decide "
            "whether acknowledged chunks outlive a power cut"
        )
        yield Risk("network-data", "audit", "data_dir", text, "use a disk of this machine", is_refused=False)


def open_mode(directory: Path) -> int | None:
    """Returns the mode of a directory that others than its owner may use; None: no others may, or it does not exist."""
    try:
        mode = stat.S_IMODE(directory.stat().st_mode)
    except OSError:
        return None
    return mode if mode & 0o077 else None


def _network_risks(settings: Settings) -> Iterator[Risk]:
    trusted: tuple[tuple[Process, str, Sequence[Network]], ...] = (
        ("sidecar", "sidecar.trusted_proxies", settings.sidecar.trusted_proxies),
        ("audit", "audit.trusted_peers", settings.audit.trusted_peers),
        ("share", "share.trusted_peers", settings.share.trusted_peers),
        ("export", "export.trusted_peers", settings.export.trusted_peers),
    )
    for process, setting, networks in trusted:
        if _is_too_wide(networks):
            text = "any client may claim any address, so limits per address and the access trail mean nothing"
            yield Risk("any-proxy", process, setting, text, "name the proxies' networks", is_refused=True)
    text = "the metrics are open to other machines"
    services: tuple[tuple[Process, str, int], ...] = (
        ("audit", settings.audit.metrics_host, settings.audit.metrics_port),
        ("share", settings.share.metrics_host, settings.share.metrics_port),
        ("export", settings.export.metrics_host, settings.export.metrics_port),
    )
    for process, host, port in services:
        if port >= 0 and not is_loopback(host):
            fix = "keep its port from strangers (a firewall, a network of its own)"
            yield Risk("public-metrics", process, f"{process}.metrics_host", text, fix, is_refused=False)
    if _is_too_wide(settings.sidecar.metrics_networks):
        fix = "name the network of Prometheus"
        yield Risk("public-metrics", "sidecar", "sidecar.metrics_networks", text, fix, is_refused=False)


def _is_plain(url: str, scheme: str) -> bool:
    """Returns whether `url` has this scheme, one without TLS, and leads to another machine."""
    try:
        split = urlsplit(url)
        host = split.hostname
    except ValueError:
        return url.startswith(f"{scheme}://")
    return split.scheme == scheme and not is_loopback(host or "localhost")


def _clickhouse_url(settings: Settings) -> str:
    house = settings.clickhouse
    return house.url.get_secret_value() if house.engine == "server" and house.url is not None else ""


def _is_too_wide(networks: Sequence[Network]) -> bool:
    """Returns whether the networks of one family together are larger than private networks can be."""
    for version, prefix in _MIN_PREFIX.items():
        # By size, not by prefix: 0.0.0.0/1 and 128.0.0.0/1 are all addresses, too.
        own = ipaddress.collapse_addresses(one for one in networks if one.version == version)  # type: ignore[type-var]
        if sum(one.num_addresses for one in own) > _MOST_NETWORKS * 2 ** ((32 if version == 4 else 128) - prefix):
            return True
    return False
