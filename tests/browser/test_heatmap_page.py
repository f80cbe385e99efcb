"""The heatmap page: hot where the clicks were, with a message where there were no clicks."""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode

import pytest
from audit import behaviour_events as rrweb

from .recorded import recording, settled

pytestmark = pytest.mark.used_browser

WIDTH, HEIGHT = 1000, 2000
"""The recorded page, as `behaviour_events.opened` measures it; its viewport is 1000 x 500."""

HOT, WARM = (250, 300), (700, 1400)
"""Where visitors clicked, in pixels of the page: often, and half as often."""

COLD = [(700, 300), (250, 1400), (500, 900)]


@pytest.fixture
def site(monkeypatch):
    """The address of a page that only this test has visited."""
    now_ms = int(time.time() * 1000)
    monkeypatch.setattr(rrweb, "T0", now_ms)
    return f"https://heat.example/{now_ms}-shop"


def visit(site, clicks):
    """A visit to the page: it is scrolled to where the clicks are."""
    events = [event for event in rrweb.opened(WIDTH, HEIGHT) if event["type"] != 4]
    events.insert(2, rrweb.meta(0, href=site, width=WIDTH, height=500))
    ms = 100
    for x, y in clicks:
        top = max(0, y - 250)
        events += [rrweb.scroll(ms, top), rrweb.click(ms + 1_500, x, y - top)]
        ms += 3_000
    return [*events, rrweb.still(ms + 10_000)]


def address(installation, site, **choice):
    return f"{installation.url}/heatmap?{urlencode({'page': site, **choice})}"


async def opacity(page, place, size=(WIDTH, HEIGHT)):
    """How hot the canvas is at a place of the recorded page: its alpha, 0 to 255."""
    return await page.locator("canvas[role=img]").evaluate(
        """(canvas, [x, y]) => {
            const at = [Math.round(x * canvas.width), Math.round(y * canvas.height)];
            return canvas.getContext("2d").getImageData(...at, 1, 1).data[3];
        }""",
        [place[0] / size[0], place[1] / size[1]],
    )


async def drawn(installation, page):
    """Waits until something is on the canvas."""
    await page.locator("canvas[role=img]").wait_for()
    await installation.until(lambda: _is_hot(page), "the canvas is drawn")


async def _is_hot(page):
    return await opacity(page, HOT) > 0


@pytest.mark.catalogue("2")
@pytest.mark.parametrize("scale", [1, 2])
async def test_the_canvas_is_hot_where_the_clicks_were(installation, new_context, sign_in, site, scale):
    for _ in range(3):
        await installation.record(visit(site, [HOT, HOT, WARM]))
    context = await new_context(device_scale_factor=scale)
    page = await context.new_page()
    await sign_in(page, None)
    await page.goto(address(installation, site))
    await drawn(installation, page)
    hot, warm = await opacity(page, HOT), await opacity(page, WARM)
    assert hot > 220
    assert 120 < warm < hot
    assert [await opacity(page, place) for place in COLD] == [0, 0, 0]
    await page.get_by_text("9 clicks in 3 sessions").wait_for()
    # One pixel of the canvas is one of the screen.
    width, shown = await page.locator("canvas[role=img]").evaluate("(c) => [c.width, c.clientWidth]")
    assert width == pytest.approx(shown * scale, abs=1)


async def test_what_the_recorder_saw_is_hot_over_the_page_that_it_saw(installation, new_context, sign_in):
    # No other visitor has a window of this width.
    visitor = await new_context(viewport={"width": 1111, "height": 777})
    shop = await visitor.new_page()
    await shop.goto(f"{installation.url}/demo/")
    await recording(installation, shop)
    size = await shop.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    box = await shop.locator("h1").bounding_box()
    place = box["x"] + 40, box["y"] + box["height"] / 2
    for _ in range(2):
        await shop.mouse.click(*place)
        await shop.wait_for_timeout(1_200)  # two clicks, and not one of rage
    await settled(installation, shop)

    page = await (await new_context()).new_page()
    await sign_in(page, None)
    await page.goto(address(installation, f"{installation.url}/demo", width="1111"))
    await page.locator("canvas[role=img]").wait_for()

    async def is_hot():
        return await opacity(page, place, size) > 200

    await installation.until(is_hot, "the canvas is hot where the recorder saw the clicks")
    assert await opacity(page, (size[0] - place[0], size[1] - place[1]), size) == 0
    await page.frame_locator("iframe").frame_locator("iframe").get_by_text("Warm light, honest cloth").wait_for()


async def test_the_pointer_reads_what_was_counted(installation, page, sign_in, site):
    await installation.record(visit(site, [HOT, HOT, HOT, WARM]))
    await sign_in(page, None)
    await page.goto(address(installation, site))
    await drawn(installation, page)
    canvas = page.locator("canvas[role=img]")
    box = await canvas.bounding_box()
    place = {"x": HOT[0] / WIDTH * box["width"], "y": HOT[1] / HEIGHT * box["height"]}
    await canvas.hover(position=place, force=True)
    await page.get_by_text(re.compile(r"^3 clicks within \d+ px: 75 %$")).wait_for()


def shelf(site, times):
    """A visit to a page of buttons, which are clicked these numbers of times."""
    buttons = [
        rrweb.element(100 + number, "button", **{"aria-label": f"Pick {number}"}) for number in range(len(times))
    ]
    events = visit(site, [])
    events[3] = rrweb.snapshot(10, rrweb.document(*buttons))
    clicked = [number for number, count in enumerate(times) for _ in range(count)]
    events[-1:-1] = [rrweb.click(1_000 + 1_500 * at, *HOT, node=100 + number) for at, number in enumerate(clicked)]
    return [*events[:-1], rrweb.still(1_500 * len(clicked) + 20_000)]


async def test_the_elements_that_were_clicked_most_are_listed_below(installation, page, sign_in, site):
    times = [1, 5, 2, *[1] * 9]
    await installation.record(shelf(site, times))
    await installation.record(shelf(site, times[:3]))
    await sign_in(page)
    await page.goto(address(installation, site))
    table = page.get_by_role("table", name="Most clicked")
    rows = table.locator("tbody tr")
    await rows.nth(9).wait_for()
    assert await rows.count() == 10
    first = await rows.nth(0).inner_text()
    assert re.split(r"\s+", first)[:2] == ["Pick", "1"]
    assert re.search(r"\b10\s+40\s%\s+2\b", first), first
    # With the keyboard alone; the button that was pressed keeps the focus.
    more = page.get_by_role("button", name="Show all 12")
    await more.focus()
    await page.keyboard.press("Enter")
    await rows.nth(11).wait_for()
    fewer = page.get_by_role("button", name="Show the first 10")
    assert await fewer.evaluate("(button) => button === document.activeElement")
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await table.evaluate("(table) => table.scrollWidth <= table.parentElement.clientWidth")
    await page.get_by_label("Attention").click()
    await page.get_by_text(re.compile("of viewing time in 2 sessions")).wait_for()
    assert await table.count() == 0


async def test_bands_are_read_across_the_page(installation, page, sign_in, site):
    await installation.record(visit(site, [HOT]))
    await installation.record(visit(site, [HOT, WARM]))
    await sign_in(page, None)
    await page.goto(address(installation, site, kind="scroll"))
    await drawn(installation, page)
    await page.get_by_text("2 page views in 2 sessions").wait_for()
    await page.get_by_text("100 % of page views").wait_for()


async def test_what_is_chosen_is_in_the_address(installation, page, sign_in, site):
    await installation.record(visit(site, [HOT]))
    await sign_in(page, "/heatmap")
    await page.get_by_label("Search pages").fill(site.rpartition("/")[2])
    await page.get_by_title(site).click()
    await page.get_by_label("Attention").click()  # not check(): it is chosen once the address has changed
    await page.wait_for_url("**kind=attention**")
    await page.get_by_label("Device").select_option("Desktop")
    await page.get_by_label("Viewport width").fill("800-1200")
    await page.get_by_label("Viewport width").press("Enter")
    await page.wait_for_url("**kind=attention**width=800-1200**")
    await page.reload()
    assert await page.get_by_label("Attention").is_checked()
    assert await page.get_by_label("Device").input_value() == "desktop"


async def test_a_heatmap_without_points_says_why(installation, page, sign_in, site):
    await installation.record(visit(site, [HOT]))
    await sign_in(page, None)
    await page.goto(address(installation, site, kind="rage", device="tablet"))
    await page.get_by_text("There are no rage clicks on this page with these filters.").wait_for()
    await page.get_by_text("Choose all devices.").wait_for()
    await page.goto(address(installation, site, width="1200-800"))
    await drawn(installation, page)
    await page.get_by_label("Viewport width").fill("wide")
    await page.get_by_label("Viewport width").press("Enter")
    await page.get_by_text("Enter a range in pixels").wait_for()


async def test_a_project_without_pages_says_what_to_do(installation, page, sign_in):
    await sign_in(page, "/heatmap", project="empty")
    await page.get_by_text("No page of this project has interactions.").wait_for()


async def test_a_search_that_finds_nothing_says_so(installation, page, sign_in):
    await sign_in(page, "/heatmap")
    await page.get_by_label("Search pages").fill("no such page")
    await page.get_by_text(re.compile("address contains .no such page.")).wait_for()
