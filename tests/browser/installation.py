"""A whole installation for browsers to meet: `afterimage up` with its Redis and chDB, and the sample recordings."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
import uuid
from contextlib import asynccontextmanager

import grpc
import psutil
from afterimage.share.v1 import share_service_pb2_grpc
from audit.service import AuditCaller
from cli.commands import Up, are_gone, up_environment
from conftest import SECRET
from support.export import HTML, ExportCalls
from support.wait import PATIENCE_S

from services.runtime.identity.tokens import TokenMinter
from services.runtime.settings.loader import load_settings
from services.runtime.uuid7 import uuid7

EVERYTHING = ("view", "share", "export", "admin")
PROJECTS = [
    {"id": "demo", "keys": ["pk_demo"], "origins": ["http://localhost:*", "http://127.0.0.1:*"]},
    {
        "id": "clear",
        "keys": ["pk_clear"],
        "origins": ["http://localhost:*"],
        "privacy": {"preset": "keep_all"},
    },
    # No session is ever recorded in it.
    {"id": "empty"},
]
"""Timeout for expected events; tests do not measure by it, it only ends a broken run."""


_ANSWERED = """!!(!location.pathname.startsWith("/signin") || document.querySelector("[role=alert]")
    || document.querySelector("form button[type=submit]")?.disabled === false)"""


async def follow_sign_in(page, url):
    """Opens a sign-in link and confirms it; the account that is signed in already needs no confirmation."""
    await page.goto(url)
    async with asyncio.timeout(PATIENCE_S):
        # Not wait_for_function: the page's policy allows the first look only, which is part of Playwright's call.
        while not await page.evaluate(_ANSWERED):  # noqa: ASYNC110 - a page sets no events
            await asyncio.sleep(0.02)
    if "/signin" in page.url and not await page.get_by_role("alert").count():
        await page.get_by_role("button", name="Sign in").click()


async def enter(page, url, path, token):
    """Opens a page of the console of the installation at `url`, signed in; with None as `path`, only signs in.

    The token is where a sign-in puts it; the page of the sign-in, which costs as much as another page, is for the tests
    of it (`follow_sign_in`).
    """
    await page.goto(f"{url}/healthz")
    await page.evaluate("(token) => sessionStorage.setItem('afterimage.token', token)", token)
    if path is not None:
        await page.goto(f"{url}{path}")


class BrowserInstallation:
    """An installation that runs.

    Attributes:
        url: The sidecar, http://127.0.0.1:port: the console and the demo.
        audit: AuditService, by gRPC, with every scope (`audit.stub`, `audit.record(...)`).
        share: ShareService's stub; calls want `metadata=installation.metadata`.
    """

    def __init__(self, up, settings):
        self._up = up
        self._minter = TokenMinter(settings)
        self.url = up.running["sidecar"]
        self._ports = {name: int(up.running[name].rpartition(":")[2]) for name in ("sidecar", "audit", "share")}
        self.port = self._ports["sidecar"]
        self.audit = AuditCaller(up.running["audit"], self.token("record", *EVERYTHING, ttl_s=3600))
        self.metadata = self.audit.metadata
        self._share = AuditCaller(up.running["share"], "")
        self.export_address = up.running["export"]
        self.share = share_service_pb2_grpc.ShareServiceStub(self._share.channel)

    def token(self, *scopes, subject="tester", project="demo", ttl_s=600, **claims):
        """Returns a token; without `scopes` one with all scopes that the console uses."""
        return self._minter.mint(subject, project, scopes or EVERYTHING, ttl_s, **claims)

    def sign_in_url(self, *scopes, url=None, **claims):
        """Returns the address that signs a tab in, with a click (`follow_sign_in`)."""
        return f"{url or self.url}/signin#token={self.token(*scopes, **claims)}"

    async def record(self, *chunks, session=None, window=None, finish=True, **start):
        """Records over gRPC: each chunk is a list of rrweb events; returns the session's id, as text."""
        session, window = session or uuid7(chunks[0][0]["timestamp"]), window or uuid.uuid4()
        await self.audit.record(session, window, chunks, finish=finish, **start)
        return str(session)

    async def export(self, session, path, fmt=HTML, **content):
        """Writes the file of a session that ExportService makes of it; returns its path."""

        def mint(scope, **claims):
            return self.token(scope, **claims)

        async with grpc.aio.insecure_channel(self._up.running["export"]) as channel:
            exports = ExportCalls(channel, mint)
            path.write_bytes(await exports.file(await exports.of_session(session, fmt, **content)))
        return path

    async def restart(self, *names, number=signal.SIGTERM):
        """Ends processes ("sidecar", "audit", "share") at the same time and returns when they serve again."""
        ended = [self._process(name) for name in names]
        for process in ended:
            process.send_signal(number)
        for name, process in zip(names, ended, strict=True):
            await self.until(lambda process=process: are_gone([process]), f"{name} has ended")
            await self.until(lambda name=name: self._is_back(name), f"{name} is back")

    async def until(self, condition, what="the expected state"):
        """Waits until `condition()`, which may be a coroutine function, is true; returns its result.

        The pause before the next look is in proportion to the duration of the last: some read whole recordings.
        """
        async with asyncio.timeout(PATIENCE_S):
            while True:
                began = time.monotonic()
                found = condition()
                if asyncio.iscoroutine(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(min(max(0.05, 3 * (time.monotonic() - began)), 2))
        raise AssertionError(what)

    @property
    def log(self):
        """Returns the log of all its processes."""
        return self._up.everything

    async def close(self):
        await self.audit.channel.close()
        await self._share.channel.close()

    def _process(self, name):
        return self._up.child("sidecar" if name == "sidecar" else f"services.{name}")

    def _is_back(self, name):
        # The port alone could be that of another program for a moment.
        try:
            self._process(name)
            socket.create_connection(("127.0.0.1", self._ports[name]), timeout=1).close()
        except (StopIteration, OSError, psutil.NoSuchProcess):
            return False
        return True


@asynccontextmanager
async def installed(directory, **variables):
    """Runs an installation in `directory`; its ports are any free ones, and nothing of it is left afterwards.

    Args:
        directory: Holds its data.
        variables: Environment variables, for settings other than the defaults.
    """
    foreign = [name for name in os.environ if name.startswith("AFTERIMAGE_") and not name.startswith("AFTERIMAGE_TEST")]
    for name in foreign:
        del os.environ[name]
    settings = load_settings(data_dir=directory / ".data", auth={"secret": SECRET})
    environment = {
        "AFTERIMAGE_AUTH__SECRET": SECRET,
        "AFTERIMAGE_AUTH__LEEWAY_S": "0",  # a token ends exactly at its `exp`
        "AFTERIMAGE_LOG__LEVEL": "warning",
        "AFTERIMAGE_PROJECTS": json.dumps(PROJECTS),
        **variables,
    }
    with Up(directory, "--samples", environment=environment | up_environment()) as up:
        await asyncio.to_thread(up.said, "Ctrl-C ends it")
        installation = BrowserInstallation(up, settings)
        try:
            yield installation
        finally:
            await installation.close()
            up.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(up.process.wait, PATIENCE_S)
