"""An exported HTML file in a browser without a network."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from support.wait import PATIENCE_S

from .page_looks import LOOK
from .player_frame import WITHOUT_POINTER
from .player_page import PlayerPage

ONLY_PICTURE = """([width, height]) => {
  const frame = document.querySelector("iframe");
  for (const other of frame.parentElement.children) {
    if (other !== frame) other.style.visibility = "hidden";
  }
  frame.style.cssText = `position: fixed; inset: 0; z-index: 9; width: ${width}px; height: ${height}px`;
}"""


class FilePage(PlayerPage):
    """A tab with a file."""

    def __init__(self, page, url):
        super().__init__(page)
        self._requests = []
        inside = (url, "data:", "blob:", "about:")

        def note(request):
            if not request.url.startswith(inside):
                self._requests.append(request)

        page.context.on("request", note)

    async def requested(self):
        """Returns the addresses that the browser has asked for, besides the file itself and inline data.

        Playwright reports an intention as a request, too: those that the policy has refused are left out, and images in
        images (SVG's use), which are never from elsewhere.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not all(request.failure for request in self._requests):  # noqa: ASYNC110 - it asks a browser
                await asyncio.sleep(0.05)
        return {request.url: request.failure for request in self._requests if request.failure not in {"csp", "origin"}}

    @property
    def tried(self):
        """The addresses that the page tried to ask for."""
        return [request.url for request in self._requests]

    async def seek_by_key(self, key):
        """Presses a key that seeks, and waits for the picture."""
        before = len(await self.seeks_ms())
        await self.page.keyboard.press(key)
        async with asyncio.timeout(PATIENCE_S):
            while len(await self.seeks_ms()) == before:  # noqa: ASYNC110 - it asks a browser
                await asyncio.sleep(0.02)

    async def fit(self, width, height):
        """Shows the picture alone, in its own size and without the pointer."""
        await self.page.set_viewport_size({"width": width, "height": height})
        await self.page.evaluate(ONLY_PICTURE, [width, height])
        await self._replay().evaluate(WITHOUT_POINTER)

    async def picture(self):
        """Returns a screenshot of the tab."""
        return await self.page.screenshot(caret="initial")

    async def look(self):
        """Returns the look of the replayed page, as JSON."""
        return await self.evaluate(LOOK)

    async def evaluate(self, function):
        """Returns the result of a JavaScript function of the replayed page's document."""
        document = "document.querySelector('.stage:not([hidden]) iframe').contentDocument"
        return await self._replay().evaluate(f"() => ({function})({document})")

    def _replay(self):
        return next(frame for frame in self.page.frames if frame.url.endswith("/player.html"))


@asynccontextmanager
async def file_page(context, path):
    """Yields a tab with a file."""
    await context.set_offline(True)
    page = await context.new_page()
    url = path.as_uri()
    found = FilePage(page, url)
    await page.goto(url)
    yield found
    await page.close()
