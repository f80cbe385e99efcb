"""A real Chromium, and contexts in it that notice hidden errors: those that pages print or throw."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import asynccontextmanager

from playwright.async_api import async_playwright
from support.require import missing
from support.wait import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 500
"""Timeout of everything that Playwright waits for: two such waits fit into the time limit of a test."""

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    # Nothing that a page or a recording names is looked for outside of this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


FULL_NAMES = NAMES[1:]
"""Those that people use: the headless shell has no code for some of a browser's connections."""


def executable(names=NAMES):
    """The browser's path; without one the test is skipped, loudly, and fails in CI."""
    found = os.environ.get("CHROMIUM") if names is NAMES else None
    found = found or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        missing("no Chromium on PATH (apt-get install chromium): browsers are NOT tested")
    return found


@asynccontextmanager
async def launched():
    """Yields a browser that runs."""
    path = executable()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def launched_as_people_do(profile, *arguments):
    """Yields a context of a full Chromium with a profile of its own, which connects in advance like anyone's browser.

    Neither the headless shell nor a private window does, and Playwright's usual contexts are one of these.

    Args:
        profile: Directory for the profile.
        arguments: Further arguments, with --host-resolver-rules among them.
    """
    path = executable(FULL_NAMES)
    left_out = "--disable-background-networking"
    usual = [one for one in ARGUMENTS if one != left_out and not one.startswith("--host-resolver-rules")]
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=path,
            args=[*usual, *arguments],
            ignore_default_args=[left_out],
            timeout=PATIENCE_MS,
            viewport={"width": 1280, "height": 800},
        )
        context.set_default_timeout(PATIENCE_MS)
        try:
            yield context
        finally:
            await context.close()


class UsedContexts:
    """Contexts of a browser that serve one test after another: the second load of the console costs half of the first.

    The cache of the files that pages loaded is kept; everything that pages stored is cleared. Routes, scripts and
    clocks of a context cannot be taken back: a test with one of these wants a context of its own.
    """

    def __init__(self, browser):
        self._browser = browser
        self._free = {}

    async def take(self, **options):
        """Returns a context with these options that is not in use."""
        free = self._free.get(_key(options))
        return free.pop() if free else await self._browser.new_context(**options)

    async def give_back(self, context, **options):
        """Takes a context that `take(**options)` returned, when its test is over."""
        for page in context.pages:
            await page.close()
        await context.set_offline(False)
        page = await context.new_page()
        devtools = await context.new_cdp_session(page)
        # Not "all": that has the cache.
        stored = "cookies,local_storage,indexeddb,service_workers,cache_storage"
        await devtools.send("Storage.clearDataForOrigin", {"origin": "*", "storageTypes": stored})
        await page.close()
        self._free.setdefault(_key(options), []).append(context)


def _key(options):
    return json.dumps(options, sort_keys=True)


PLAYWRIGHTS_OWN = re.compile(r"^Blocked script execution in 'data:text/html;.*%2Fassets%2Fplayer-")
"""Printed when Playwright looks into the frame of a replay while the player opens its document anew: that frame allows
no scripts, and Playwright's is one. Scripts of a recording do not get that far; test_safe_replay.py looks for them."""


class Guard:
    """Collects errors of all pages of its contexts: uncaught ones, printed ones, broken policies, failed loads."""

    def __init__(self):
        self._found = []
        self._allowed = []

    def watch(self, context):
        context.on("weberror", self._thrown)
        context.on("console", self._printed)

    def unwatch(self, context):
        context.remove_listener("weberror", self._thrown)
        context.remove_listener("console", self._printed)

    def allow(self, pattern):
        """Accepts errors that match `pattern` (a regular expression): the test causes them on purpose."""
        self._allowed.append(re.compile(pattern))

    @property
    def problems(self):
        return [text for text in self._found if not any(allowed.search(text) for allowed in self._allowed)]

    def _thrown(self, error):
        self._found.append(f"uncaught: {error.error}")

    def _printed(self, message):
        # A Content Security Policy that was broken is printed as an error, in whichever frame.
        if message.type == "error" and not PLAYWRIGHTS_OWN.search(message.text):
            self._found.append(f"printed: {message.text} ({message.location['url']})")
