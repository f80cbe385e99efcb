"""Shared by the checks of `afterimage doctor`: their input and their findings."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from services.cli.client import Client, connect
from services.cli.instance_lock import Running
from services.runtime.identity.tokens import Scope
from services.runtime.settings.loader import Settings


class State(StrEnum):
    """State of a finding. NOTE: worth knowing but possibly over, such as a refusal an hour ago."""

    OK = "ok"
    PROBLEM = "problem"
    NOTE = "note"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        what: Subject of the check, such as "clock".
        state: State of the subject.
        text: Result of the check.
        advice: The fix; "" if none is needed.
    """

    what: str
    state: State
    text: str
    advice: str = ""


def ok(what: str, text: str) -> Finding:
    """Returns a finding without a problem."""
    return Finding(what, State.OK, text)


def problem(what: str, text: str, advice: str) -> Finding:
    """Returns a problem, with the fix."""
    return Finding(what, State.PROBLEM, text, advice)


def note(what: str, text: str, advice: str) -> Finding:
    """Returns a past problem, with the fix in case it continues."""
    return Finding(what, State.NOTE, text, advice)


def skipped(what: str, why: str) -> Finding:
    """Returns a finding for a check that could not, or need not, run."""
    return Finding(what, State.SKIPPED, why)


@dataclass(frozen=True, slots=True)
class Examination:
    """Input of the checks.

    Attributes:
        settings: Settings of the installation.
        running: Addresses from the `afterimage up` that runs on the data directory; None: it does not run here.
        address: AuditService, host:port or unix:path.
        metrics_url: AuditService's metrics; "": unknown, or not served.
        project: The project; None: not named.
        token: A token to check; "": one is minted for each call.
        key: A publishable key to check; "": not named.
        origin: A web origin to check; "": not named.
        link: A share link, or its token, to check; "": not given.
        url: The sidecar as browsers reach it; "": the one that `afterimage up` runs here.
        now: The clock of this machine, in seconds since 1970.
    """

    settings: Settings
    running: Running | None
    address: str
    metrics_url: str
    project: str | None = None
    token: str = ""
    key: str = ""
    origin: str = ""
    link: str = ""
    url: str = ""
    now: Callable[[], float] = time.time

    @asynccontextmanager
    async def client(self, *scopes: Scope) -> AsyncIterator[Client]:
        """Yields a client of AuditService; errors are raised as CommandError."""
        async with connect(
            self.settings, scopes, address=self.address, project=self.project, token=self.token
        ) as client:
            yield client


class Check(Protocol):
    """Checks one subject and reports it in one line or a few.

    A CommandError or SettingsError that it raises is shown as a problem.
    """

    async def __call__(self, about: Examination, /) -> list[Finding]:
        """Returns the findings."""
        ...
