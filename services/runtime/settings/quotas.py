"""Quotas of storage and costs of one project, one address, one sender and one session."""

from __future__ import annotations

from pydantic import (
    Field,
)

from services.runtime.settings.values import Group

_GIB = 1024**3
_MIB = 1024**2


class QuotaSettings(Group):
    """Quotas of recordings; imports, which need the scope admin, have none. A reload (SIGHUP) applies changes."""

    bytes_per_day_per_project: int = Field(
        default=512 * _GIB,
        ge=0,
        description="Maximum bytes of payload that a project may store per day (UTC): 2,000 visitors, each active "
        "around the clock, store 400 GB (docs/operating.md, Sizing). 0: no limit.",
    )
    bytes_per_day_per_address: int = Field(
        default=20 * _GIB,
        ge=0,
        description="Maximum bytes of payload that the visitors of one address (IPv6: /64) may store per day (UTC): "
        "2,500 hours of uninterrupted activity, an office of 250 people. 0: no limit.",
    )
    sessions_per_minute_per_project: int = Field(
        default=6000,
        ge=0,
        description="Maximum number of sessions that may begin per minute in a project. 0: no limit.",
    )
    sessions_per_minute_per_address: int = Field(
        default=600,
        ge=0,
        description="Maximum number of sessions that may begin per minute from one address (IPv6: /64), twice "
        "sidecar.upgrades_per_minute_per_address. 0: no limit.",
    )
    windows_per_session: int = Field(
        default=200,
        ge=0,
        description="Maximum number of windows (tabs and frames) of a session; the recorder begins a new session for "
        "further ones. 0: no limit.",
    )
    bytes_per_session: int = Field(
        default=_GIB,
        ge=0,
        description="Maximum bytes of payload of a session, after which the recorder begins a new one: five windows "
        "with uninterrupted activity for a day. 0: no limit.",
    )
    session_length_s: float = Field(
        default=25 * 3600.0,
        ge=0,
        allow_inf_nan=False,
        description="Maximum time from a session's start to the last event of a chunk in seconds, after which the "
        "recorder begins a new session. Recorders begin one after maxHours, at most 24, by themselves. 0: no limit.",
    )
    rejected_bytes_per_minute_per_subject: int = Field(
        default=32 * _MIB,
        ge=0,
        description="Maximum bytes of rejected chunks per minute of one token subject: eight chunks of the largest "
        "size. More: its streams end, until the budget is refilled. 0: no limit.",
    )
    rejected_bytes_per_minute_per_address: int = Field(
        default=128 * _MIB, ge=0, description="The same for one address (IPv6: /64). 0: no limit."
    )
    rejected_cpu_s_per_minute_per_subject: float = Field(
        default=6.0,
        ge=0,
        allow_inf_nan=False,
        description="Maximum processor time of rejected chunks per minute of one token subject, in seconds: a tenth "
        "of a core. More: its streams end, until the budget is refilled. 0: no limit.",
    )
    rejected_cpu_s_per_minute_per_address: float = Field(
        default=12.0, ge=0, allow_inf_nan=False, description="The same for one address (IPv6: /64). 0: no limit."
    )
