"""The player's page as a test uses it."""

from __future__ import annotations

import asyncio
import contextlib
import re

from playwright.async_api import TimeoutError as PlaywrightTimeout
from playwright.async_api import expect
from support.wait import PATIENCE_S

PATIENCE_MS = PATIENCE_S * 1000


class PlayerPage:
    """A tab with a session in the player."""

    def __init__(self, page):
        self.page = page
        self.position = page.get_by_role("slider", name="Position")
        self.recorded = page.frame_locator("iframe[title='Replay of the recorded page']").frame_locator("iframe")

    async def seconds(self):
        return int(await self.position.get_attribute("aria-valuenow"))

    async def until_at(self, second, within=0):
        """Waits until it is at `second`, or beside it."""
        async with asyncio.timeout(PATIENCE_S):
            while abs(await self.seconds() - second) > within:  # noqa: ASYNC110 - it asks a browser
                await asyncio.sleep(0.05)

    async def length(self):
        return int(await self.position.get_attribute("aria-valuemax"))

    async def until_ready(self):
        await expect(self.page.locator("[data-phase=ready]")).to_be_visible(timeout=PATIENCE_MS)
        await expect(self.page.get_by_text("Loading")).to_have_count(0, timeout=PATIENCE_MS)

    async def pause(self):
        pause = self.page.get_by_role("button", name="Pause", exact=True)
        play = self.page.get_by_role("button", name=re.compile("^Play( again)?$"))  # at the end
        await expect(pause.or_(play)).to_be_visible()  # the controls are drawn after the picture
        while not await play.count():
            with contextlib.suppress(PlaywrightTimeout):  # it may come to its end meanwhile
                await pause.click(timeout=1_000)

    async def seeks_ms(self):
        """Returns how long each seek took until the picture was there, as the page itself measured it."""
        return await self.page.evaluate(
            "performance.getEntriesByName('afterimage:seek').map((entry) => entry.duration)"
        )

    async def seek_to_part(self, part):
        """Clicks on the timeline, and waits for the picture."""
        before = len(await self.seeks_ms())
        bar = await self.position.locator("..").bounding_box()
        await self.page.mouse.click(bar["x"] + bar["width"] * part, bar["y"] + bar["height"] / 2)
        await self.page.wait_for_function(
            "(count) => performance.getEntriesByName('afterimage:seek').length > count", arg=before
        )

    async def shown(self):
        """Returns the displayed state of the recorded page: its HTML, the values of its fields, its scroll position."""
        return await self.recorded.locator("html").evaluate(LOOKS)


LOOKS = """(root) => {
const withoutPictures = (element) => {
  const copy = element.cloneNode(true);
  for (const canvas of copy.querySelectorAll("canvas")) {
    canvas.style.removeProperty("content");
    canvas.setAttribute("style", canvas.style.cssText);
  }
  return copy;
};
return ({
  // Pause styles and the pointer's trail: rrweb leaves an empty class attribute behind. Canvases have their pictures.
  html: withoutPictures(root).outerHTML.replace(/ class="[^"]*rrweb-paused[^"]*"/, "").replaceAll(' class=""', ""),
  fields: [...root.querySelectorAll("input, textarea, select")].map((field) => [field.value, field.checked]),
  scroll: [root.scrollLeft, root.scrollTop, root.ownerDocument.defaultView.scrollY],
});
}"""
