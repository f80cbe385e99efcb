"""Takes the pictures of docs/screenshots/: `make screenshots`.

Starts an installation, simulates visits to its demo shop, and takes every page in both themes, at desktop and phone
size; or only the pages that are named as arguments.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from collections import Counter
from pathlib import Path

from afterimage.audit.v1 import audit_service_pb2 as audit
from PIL import Image
from support import web

from .chromium import launched
from .installation import installed
from .scenes import Scenes, Shown
from .visits import visit

OUT = web.ROOT / "docs" / "screenshots"
SCENES = ("sessions", "player", "live", "heatmap", "share_dialog", "share", "sign_in")
WIDTHS = {1280: 800, 390: 844}
VISITS, AT_ONCE, LIVE = 24, 4, 3
MAX_BYTES = 3_000_000
SETTLE_MS = 2_500
"""Time for gradual drawing: of a replay's picture, of a heatmap."""


async def main():
    web.built()
    async with launched() as browser:
        with tempfile.TemporaryDirectory() as directory:
            async with installed(Path(directory)) as installation:
                live = await _visits(browser, installation)
                scenes = Scenes(installation, await _shown(installation))
                OUT.mkdir(parents=True, exist_ok=True)
                for scene in sys.argv[1:] or SCENES:
                    await _pictures(browser, scenes, scene)
                for context in live:
                    await context.close()
    sizes = Counter({path.name: path.stat().st_size for path in OUT.glob("*.webp")})
    sys.stdout.write(f"{len(sizes)} pictures, {sizes.total():,} bytes, largest {sizes.most_common(1)}\n")
    return int(sizes.total() > MAX_BYTES)


async def _visits(browser, installation):
    """Simulates visits to the shop; returns the contexts of visits that are still open."""
    some = asyncio.Semaphore(AT_ONCE)

    async def one(number):
        async with some:
            return await visit(browser, installation.url, number, stays=number >= VISITS - LIVE)

    return [context for context in await asyncio.gather(*map(one, range(VISITS))) if context is not None]


async def _shown(installation):
    """Chooses the content of the pictures: a session with errors, and the shop's busiest page."""
    stub, metadata = installation.audit.stub, installation.metadata
    pages = await stub.ListPages(audit.ListPagesRequest(contains="/demo"), metadata=metadata)
    listed = await stub.ListSessions(audit.ListSessionsRequest(page_size=100), metadata=metadata)
    troubled = [one for one in listed.sessions if one.totals.error_count and one.totals.rage_click_count]
    session = max(troubled or listed.sessions, key=lambda one: one.duration.ToMilliseconds())
    return Shown(session.session_id, pages.pages[0].page, widths="1440")


async def _pictures(browser, scenes, scene):
    for theme in ("light", "dark"):
        for width, height in WIDTHS.items():
            viewport = {"width": width, "height": height}
            context = await browser.new_context(viewport=viewport, color_scheme=theme, device_scale_factor=1)
            page = await context.new_page()
            await getattr(scenes, scene)(page)
            await page.wait_for_timeout(SETTLE_MS)
            shot = Image.open(io.BytesIO(await page.screenshot()))
            shot.save(OUT / f"{scene.replace('_', '-')}-{theme}-{width}.webp", quality=82, method=6)
            await context.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
