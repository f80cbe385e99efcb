"""The recorder in a page of 5,000 elements: its time on the page's main thread, and its download size.

Times are processor time of the page's main thread (CDP Performance, time domain threadTicks), which excludes other work
of the machine. With and without the recorder in turns, each in a separate browser context; medians.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from browser import sites
from browser.chromium import launched
from browser.installation import installed
from support import web

ELEMENTS = 5_000
STEPS = 300
MOVES = 150

BUILD = f"""
for (let row = 0; row < {ELEMENTS // 5}; row += 1) {{
  const line = document.createElement("div");
  line.className = "row";
  line.innerHTML =
    `<b>Item ${{row}}</b> <a href="/item/${{row}}">open</a> <i>in stock</i> <span>${{row * 7}} pieces</span>`;
  document.body.append(line);
}}
"""

WORK = f"""async () => {{
  const rows = document.querySelectorAll(".row span");
  for (let step = 0; step < {STEPS}; step += 1) {{
    for (let each = 0; each < 10; each += 1) rows[(step * 10 + each) % rows.length].textContent = `${{step}} pieces`;
    const line = document.createElement("div");
    line.innerHTML = `<b>New ${{step}}</b><i>just in</i>`;
    document.body.append(line);
    rows[step].parentElement.classList.toggle("hot");
    if (step % 2) line.previousElementSibling.remove();
    await new Promise(requestAnimationFrame);
  }}
}}"""


async def rows(quick: bool = False) -> list[tuple[str, float, str]]:
    """Measures opening the page, a stretch of work in it, and the size of the script."""
    rounds = 2 if quick else 9
    script = web.built() / "recorder.js"
    found: dict[tuple[str, bool], list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        async with installed(Path(directory)) as installation, launched() as browser:
            head = {True: sites.tag(installation.url), False: ""}
            pages = {f"/{recorded}": sites.document(head[recorded], f"<script>{BUILD}</script>") for recorded in head}
            async with sites.served(pages) as url:
                for _ in range(rounds):
                    for recorded in head:
                        opening, work = await _measure(browser, f"{url}/{recorded}", recorded)
                        found.setdefault(("opening", recorded), []).append(opening)
                        found.setdefault(("work", recorded), []).append(work)
    median = {key: statistics.median(values) for key, values in found.items()}
    kilobytes = (script.with_name("recorder.js.gz")).stat().st_size / 1024
    return [
        (f"main thread: a page of {ELEMENTS:,} elements is opened, not recorded", median["opening", False], "ms"),
        ("main thread: the same, recorded (script, first snapshot, sent)", median["opening", True], "ms"),
        (
            f"main thread: {STEPS} frames of changes, {MOVES} moves of the mouse, not recorded",
            median["work", False],
            "ms",
        ),
        ("main thread: the same, recorded", median["work", True], "ms"),
        ("of it for a frame", (median["work", True] - median["work", False]) / STEPS, "ms"),
        ("recorder.js, gzip", kilobytes, "KB"),
    ]


async def _measure(browser, url, recorded):
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
        await session.send("Performance.enable")
        await page.goto(url)
        await _settle(page, recorded)
        opened = await _task_ms(session)
        await page.evaluate(WORK)
        for move in range(MOVES):
            await page.mouse.move(100 + move * 5, 100 + move * 3)
        await _settle(page, recorded)
        return opened, await _task_ms(session) - opened
    finally:
        await context.close()


async def _settle(page, recorded):
    """Waits until a recorder has sent its events; without one, for the same time."""
    await page.wait_for_timeout(3_000)
    if recorded:
        await page.wait_for_function(
            "Afterimage.status().state === 'recording' && Afterimage.status().queuedEvents === 0"
        )


async def _task_ms(session):
    got = await session.send("Performance.getMetrics")
    return next(each["value"] for each in got["metrics"] if each["name"] == "TaskDuration") * 1000
