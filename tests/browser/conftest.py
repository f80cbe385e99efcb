"""Fixtures for browser tests: one installation and one Chromium per test process, a fresh context per test.

Tests marked `used_browser` have a context that other tests have used, with nothing stored in it: those of the console,
which loads in half of the time there.

A test fails when one of its pages throws, prints an error, breaks a Content Security Policy or fails to load something;
`guard.allow(...)` names the errors that a test causes on purpose. All tests run in the session's event loop.
"""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import expect
from support import web

from .chromium import PATIENCE_MS, Guard, UsedContexts, launched
from .installation import enter, installed
from .network import network_to
from .sites import served

expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if pytest_asyncio.is_async_test(item) and item.path.is_relative_to(web.ROOT / "tests" / "browser"):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser():
    """Chromium."""
    async with launched() as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def used_contexts(browser):
    """Contexts for tests marked `used_browser`."""
    return UsedContexts(browser)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installation(browser, tmp_path_factory):
    """A whole installation with the sample recordings; other tests may have left sessions in it."""
    web.built()
    # Visits over gRPC are closed and opened again at any pace; test_leaving.py has an installation of its own.
    async with installed(tmp_path_factory.mktemp("installation"), AFTERIMAGE_SESSION__LEFT_AFTER_S="86400") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def guard():
    """Fails the test when its pages have errors."""
    watching = Guard()
    yield watching
    assert watching.problems == []


@pytest_asyncio.fixture(loop_scope="session")
async def new_context(request, browser, used_contexts, guard):
    """Makes further contexts: other people, with other browsers. `await new_context(viewport=...)`."""
    marker = request.node.get_closest_marker("used_browser")
    is_fresh = marker is None or marker.args == (False,)
    async with AsyncExitStack() as stack:

        async def make(**options):
            options = {"viewport": {"width": 1280, "height": 800}, **options}
            if is_fresh:
                context = await browser.new_context(**options)
                stack.push_async_callback(context.close)
            else:
                context = await used_contexts.take(**options)
                stack.push_async_callback(used_contexts.give_back, context, **options)
                stack.callback(guard.unwatch, context)
            context.set_default_timeout(PATIENCE_MS)
            guard.watch(context)
            return context

        yield make


@pytest_asyncio.fixture(loop_scope="session")
async def context(new_context):
    """A fresh browser context."""
    return await new_context()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context):
    """A tab of `context`."""
    return await context.new_page()


@pytest_asyncio.fixture(loop_scope="session")
async def sign_in(installation):
    """Signs a tab in and opens a page of the console: `await sign_in(page, "/live")`; no page for None."""

    async def open_signed_in(page, path="/", *scopes, url=None, **claims):
        await enter(page, url or installation.url, path, installation.token(*scopes, **claims))

    return open_signed_in


@pytest_asyncio.fixture(loop_scope="session")
async def network(installation):
    """A network to the installation that can be cut; `network.url` goes through it."""
    async with network_to(installation.port) as between:
        yield between


@pytest_asyncio.fixture(loop_scope="session")
async def serve():
    """Serves web sites to record: `url = await serve({"/": sites.document()}, Content_Security_Policy="...")`."""
    async with AsyncExitStack() as stack:

        async def begin(pages, **headers):
            return await stack.enter_async_context(served(pages, **headers))

        yield begin
