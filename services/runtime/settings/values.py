"""Value types of the settings."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

# No plugin is used here; the search for them reads the metadata of all installed packages.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

DEVELOPMENT = "development"
MIN_SECRET_BYTES = 32  # RFC 7518 section 3.2: an HS256 key is at least as long as the hash
Port = Annotated[int, Field(ge=0, le=65535)]
MetricsPort = Annotated[int, Field(ge=-1, le=65535)]
Bytes = Annotated[int, Field(ge=1024)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
PublishableKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
Origin = Annotated[
    str, StringConstraints(pattern=r"^https?://([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:([0-9]{1,5}|\*))?$")
]
HostName = Annotated[str, StringConstraints(pattern=r"^(\*|(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?)$", max_length=253)]
# A CSP source (https://www.w3.org/TR/CSP3/#source-expression), without the keywords: scripts are never among them.
ContentSource = Annotated[
    str, StringConstraints(pattern=r"^https?:(//(\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:([0-9]{1,5}|\*))?)?$")
]

RiskName = Literal[
    "http-jwks",
    "any-issuer",
    "weak-secret",
    "plain-redis",
    "plain-clickhouse",
    "plain-sidecar",
    "plain-links",
    "any-proxy",
    "public-metrics",
    "root",
    "readable-data",
    "network-data",
]
RISK_NAMES: tuple[str, ...] = get_args(RiskName)
"""Dangerous settings that settings.risks finds and an operator may accept."""


def is_loopback(host: str) -> bool:
    """Returns whether only this machine can reach `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def reachable_host(host: str) -> str:
    """Returns the host at which this machine reaches a server that listens on `host`: loopback for all addresses."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def local_address(host: str, port: int) -> str:
    """Returns the host:port at which this machine reaches a server that listens on `host` and `port`."""
    host = reachable_host(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def existing(path: Path | None) -> Path | None:
    """Returns the path of an existing file. Raises ValueError if it does not exist."""
    if path is not None and not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


class Group(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: Any) -> Any:
        """Treats "" as None where None is the default: TOML and environment variables have no null."""
        if not isinstance(values, dict):
            return values
        fields = cls.model_fields
        return {
            key: None if value == "" and key in fields and fields[key].default is None else value
            for key, value in values.items()
        }
