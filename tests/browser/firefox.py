"""A real Firefox, by WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/): Playwright drives its own builds only."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from contextlib import asynccontextmanager, suppress

import aiohttp
from support.require import missing
from support.wait import PATIENCE_S

NAMES = ("firefox-esr", "firefox")
PREFERENCES = {
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    # The tests' own servers are on this machine.
    "network.proxy.type": 0,
}
_LISTENS = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")


class FirefoxTab:
    """A tab.

    Attributes:
        requests: Addresses of all requests, in the order in which they were sent.
    """

    def __init__(self, socket):
        self._socket = socket
        self._count = 0
        self._context = ""
        self.requests = []

    async def begin(self):
        await self._call("session.new", capabilities={})
        await self._call("session.subscribe", events=["network.beforeRequestSent"])
        self._context = (await self._contexts())[0]["context"]

    async def open(self, url):
        await self._call("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def press(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        await self._call("input.performActions", context=self._context, actions=[source])

    async def evaluate(self, expression, depth=0):
        """Returns the value of an expression in the tab's document, or in that of a frame in it, or in one in that."""
        frames = await self._contexts()
        for _ in range(depth):
            frames = frames[0]["children"]
        target = {"context": frames[0]["context"]}
        found = await self._call("script.evaluate", expression=expression, target=target, awaitPromise=True)
        return found["result"].get("value") if found["type"] == "success" else None

    async def until(self, expression, expected, depth=0):
        """Waits until an expression has a value."""
        found = None
        try:
            async with asyncio.timeout(PATIENCE_S):
                while found != expected:
                    with suppress(LookupError, RuntimeError):  # a frame is not there yet
                        found = await self.evaluate(expression, depth)
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{expression} is {found!r}, not {expected!r}") from None

    async def _contexts(self):
        return (await self._call("browsingContext.getTree"))["contexts"]

    async def _call(self, method, **params):
        self._count += 1
        await self._socket.send_json({"id": self._count, "method": method, "params": params})
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._socket.receive_json()
                if message.get("method") == "network.beforeRequestSent":
                    self.requests.append(message["params"]["request"]["url"])
                if message.get("id") == self._count:
                    if message["type"] == "error":
                        raise RuntimeError(f"{method}: {message['message']}")
                    return message["result"]


@asynccontextmanager
async def firefox_tab(profile):
    """Yields a tab of a Firefox with a profile of its own; skips where it is not installed."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing("no Firefox on PATH (apt-get install firefox-esr): exported HTML files are NOT tested in it")
    profile.mkdir()
    values = {True: "true", False: "false"}
    lines = [
        f'user_pref("{name}", {values[value] if isinstance(value, bool) else value});'
        for name, value in PREFERENCES.items()
    ]
    (profile / "user.js").write_text("\n".join(lines))
    process = await asyncio.create_subprocess_exec(
        path,
        *("--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"HOME": str(profile)},
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (found := _LISTENS.search(line := await process.stderr.readline())) is None:
                assert line, "Firefox has ended"
        drained = asyncio.create_task(_drained(process.stderr))
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{found[1].decode()}/session", max_msg_size=0) as socket,
        ):
            tab = FirefoxTab(socket)
            await tab.begin()
            yield tab
        drained.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def _drained(stream):
    while await stream.read(65_536):
        pass
