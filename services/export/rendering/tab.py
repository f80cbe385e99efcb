"""A tab of a rendering's browser, with one document of the built console in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from services.export.rendering.browser import Browser
from services.export.rendering.cdp import DevToolsError
from services.export.rendering.errors import Reason, RenderingError
from services.export.rendering.page_files import ORIGIN, PageFiles


@asynccontextmanager
async def tab(
    browser: Browser,
    files: PageFiles,
    document: str,
    size: tuple[int, int],
    emulated: Mapping[str, Mapping[str, Any]] | None = None,
) -> AsyncIterator[str]:
    """Opens a document in a tab of its own; yields the session of the DevTools protocol.

    Args:
        browser: A running browser.
        files: The console's files: nothing else is loaded.
        document: Name of the document, such as "render.html".
        size: Width and height in pixels.
        emulated: Commands with their parameters that are carried out before it is loaded.

    Raises:
        RenderingError: The browser fails.
    """
    devtools = browser.devtools
    width, height = size
    try:
        async with asyncio.timeout(browser.answer_s):
            placed = {"width": width, "height": height, "enableBeginFrameControl": True} if browser.can_step else {}
            target = (await devtools.send("Target.createTarget", url="about:blank", **placed))["targetId"]
            attached = await devtools.send("Target.attachToTarget", targetId=target, flatten=True)
            session = attached["sessionId"]

            async def answer(params: dict[str, Any]) -> None:
                method, answered = files.answer(params["requestId"], params["request"]["url"])
                await devtools.send(method, session, **answered)

            async def crashed(_params: dict[str, Any]) -> None:
                devtools.fail("the page has crashed")

            loaded = asyncio.Event()

            async def is_loaded(_params: dict[str, Any]) -> None:
                loaded.set()

            devtools.on(session, "Fetch.requestPaused", answer)
            devtools.on(session, "Inspector.targetCrashed", crashed)
            devtools.on(session, "Page.loadEventFired", is_loaded)
            await devtools.send("Page.enable", session)
            await devtools.send("Inspector.enable", session)
            await devtools.send("Fetch.enable", session, patterns=[{"urlPattern": "*"}])
            if not browser.can_step:
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
                await devtools.send("Emulation.setDeviceMetricsOverride", session, **metrics)
            for method, params in (emulated or {}).items():
                await devtools.send(method, session, **params)
            await devtools.send("Page.navigate", session, url=f"{ORIGIN}/{document}")
            await loaded.wait()
    except (DevToolsError, TimeoutError) as error:
        raise await browser.explain(error) from error
    yield session
    try:
        async with asyncio.timeout(browser.answer_s):
            await devtools.send("Target.closeTarget", targetId=target)
    except (DevToolsError, TimeoutError) as error:
        raise await browser.explain(error) from error


async def call(browser: Browser, session: str, function: str, /, *arguments: Any) -> Any:
    """Calls a function of the document and returns its value, once that is settled.

    Args:
        browser: The tab's browser.
        session: The tab.
        function: The function, such as "afterimageRender.step".
        arguments: JSON values.

    Raises:
        RenderingError: The function throws, or the browser fails.
    """
    expression = f"{function}({', '.join(map(json.dumps, arguments))})"
    answer = await send(
        browser, session, "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    if (problem := answer.get("exceptionDetails")) is not None:
        text = problem.get("exception", {}).get("description") or problem.get("text", "")
        raise RenderingError(Reason.BROWSER_FAILED, f"the page could not be drawn: {text[:500]}")
    return answer["result"].get("value")


async def send(browser: Browser, session: str, method: str, /, **params: Any) -> dict[str, Any]:
    """Carries out a command in a tab. Raises RenderingError."""
    try:
        async with asyncio.timeout(browser.answer_s):
            return await browser.devtools.send(method, session, **params)
    except (DevToolsError, TimeoutError) as error:
        raise await browser.explain(error) from error
