"""What the checks of `afterimage doctor` are: what they look at, and what they say."""

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
    """How something is. NOTE: worth knowing, and not necessarily so now, such as what was refused an hour ago."""

    OK = "ok"
    PROBLEM = "problem"
    NOTE = "note"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's answer.

    Attributes:
        what: What was looked at, such as "clock".
        state: How it is.
        text: What was found.
        advice: What to do; "" when there is nothing to do.
    """

    what: str
    state: State
    text: str
    advice: str = ""


def ok(what: str, text: str) -> Finding:
    """Returns that something is as it should be."""
    return Finding(what, State.OK, text)


def problem(what: str, text: str, advice: str) -> Finding:
    """Returns that something is not, and what to do about it."""
    return Finding(what, State.PROBLEM, text, advice)


def note(what: str, text: str, advice: str) -> Finding:
    """Returns that something was not as it should be, and what to do if it goes on."""
    return Finding(what, State.NOTE, text, advice)


def skipped(what: str, why: str) -> Finding:
    """Returns that something could not, or need not, be looked at."""
    return Finding(what, State.SKIPPED, why)


@dataclass(frozen=True, slots=True)
class Examination:
    """What is examined.

    Attributes:
        settings: Of the installation.
        running: What `afterimage up` says that runs on the data directory; None: it does not run here.
        address: AuditService, host:port or unix:path.
        metrics_url: AuditService's metrics; "": not known, or none are served.
        project: The project; None: not named.
        token: A token that somebody gave, to be looked at; "": one is minted for each call.
        key: A publishable key to be looked at; "": none was named.
        origin: A web origin to be looked at; "": none was named.
        link: A share link, or its token, to be looked at; "": none was given.
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
        """Yields a client of AuditService; what goes wrong comes out as CommandError."""
        async with connect(
            self.settings, scopes, address=self.address, project=self.project, token=self.token
        ) as client:
            yield client


class Check(Protocol):
    """Looks at one thing and says how it is, in one line or a few.

    A CommandError or SettingsError that it raises is shown as a problem.
    """

    async def __call__(self, about: Examination, /) -> list[Finding]:
        """Returns what was found."""
        ...
