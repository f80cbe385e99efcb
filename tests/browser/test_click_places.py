"""The place of a click is that of the clicked element, on pages of all shapes: on the page, and in its picture."""

from __future__ import annotations

import math
import time
from urllib.parse import urlencode

import pytest
from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.audit.v1 import heatmap_pb2
from afterimage.recording.v1 import enums_pb2

from .page_shapes import AT, FILL, HEIGHT, SHAPES, TARGET, WIDTH, tall
from .recorded import recording, settled
from .sites import document, tag

TOLERANCE = 0.01
"""Of the viewport, along each axis."""

EXTENT = """(selector) => {
    const root = document.scrollingElement;
    const scrolled = selector === "" ? root : document.querySelector(selector);
    return {
        width: root.clientWidth + scrolled.scrollWidth - scrolled.clientWidth,
        height: root.clientHeight + scrolled.scrollHeight - scrolled.clientHeight,
        x: scrollX + (getComputedStyle(root).direction === "rtl" ? scrolled.scrollWidth - scrolled.clientWidth : 0),
        y: scrollY,
    };
}"""


@pytest.fixture
def shapes(installation, serve):
    """Serves the shapes; returns the site's address."""

    async def begin():
        script = tag(installation.url)
        pages = {f"/{name}": shape.document.replace("SCRIPT", script) for name, shape in SHAPES.items()}
        pages["/quirks"] = pages["/quirks"].removeprefix("<!doctype html>")
        return await serve(pages)

    return begin


def target_of(page, shape):
    scope = page
    for selector in shape.frames:
        scope = scope.frame_locator(selector)
    return scope.locator("#target")


async def middle(target, offset=None):
    """The middle of an element in the page's window, as the browser reports it."""
    box = await target.bounding_box()
    dx, dy = offset or (box["width"] / 2, box["height"] / 2)
    return box["x"] + dx, box["y"] + dy


async def click_on(page, shape):
    """Clicks on the shape's target; returns its place on the page in pixels, and the page's extent."""
    if shape.before:
        await page.evaluate(f"() => {{ {shape.before} }}")
        await page.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 150)))")
    target = target_of(page, shape)
    place = await middle(target, shape.offset)
    extent = await page.evaluate(EXTENT, shape.scroller)
    await page.mouse.click(*place)
    if shape.in_picture:
        await page.set_viewport_size({"width": WIDTH, "height": math.ceil(extent["height"])})
        await page.evaluate("scrollTo(0, 0)")
        place = await middle(target, shape.offset)
        await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    else:
        place = place[0] + extent["x"], place[1] + extent["y"]
    return place, extent


async def clicks_of(installation, session):
    """The clicks of a session, by page, once they are stored."""
    request = pb.ListInteractionsRequest(session_id=session, kinds=[enums_pb2.INTERACTION_KIND_CLICK], page_size=200)
    answer = await installation.audit.stub.ListInteractions(request, metadata=installation.metadata)
    found = {}
    for one in answer.interactions:
        found.setdefault(one.page.rpartition("/")[2], []).append(one)
    return found


SAMPLE = (
    "scrolled-both-ways",
    "main-scrolls",
    "below-the-main-part",
    "fixed-dialog",
    "fixed-in-transformed",
    "sticky-after-a-hero",
    "sticky-table-head",
    "container",
    "frame-that-scrolls",
    "scaled-frame",
    "from-right-and-wide",
    "zoomed",
    "shadow",
    "lower-right-corner",
    "quirks",
)
"""Shapes of `make test`: one or two that scroll, are fixed, stick, are in a container or in a frame, and so on."""


@pytest.mark.catalogue
async def test_clicks_are_where_their_targets_are(installation, page, shapes, guard, catalogue_sample):
    guard.allow("frame-ancestors|sandbox")
    url = await shapes()
    expected, session = {}, ""
    for name in catalogue_sample(SHAPES, SAMPLE):
        await page.goto(f"{url}/{name}")
        session = await recording(installation, page)
        expected[name] = await click_on(page, SHAPES[name])
        await settled(installation, page)
    found = await clicks_of(installation, session)
    wrong = {}
    for name, ((x, y), extent) in expected.items():
        [one] = found.get(name, [None])[:1]
        if one is None:
            wrong[name] = "no click"
            continue
        at = one.x_percent * extent["width"] / 100, one.y_percent * extent["height"] / 100
        if abs(at[0] - x) > TOLERANCE * WIDTH or abs(at[1] - y) > TOLERANCE * HEIGHT:
            wrong[name] = f"at {at[0]:.0f}, {at[1]:.0f} instead of {x:.0f}, {y:.0f} of {extent}"
    assert wrong == {}
    assert len(expected) >= 15


async def test_an_element_is_one_place_in_pages_of_several_heights(installation, page, serve):
    """The same button and the same footer, in visits with pages that differ above, between and below them."""
    script = tag(installation.url)
    path = f"/{time.time_ns()}-orders-of-one-shop"

    def orders(banner, height):
        top = '<div style="height:120px">News</div>' if banner else ""
        return (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>T</title><link rel="icon" href="data:,">'
            f"{script}</head><body style='margin:0'>{top}<main>{TARGET.format('margin:400px 100px 0;height:40px')}"
            f"{FILL.format(height)}</main><footer><button id=last style='height:40px'>Imprint</button></footer></body>"
            "</html>"
        )

    pages = {"/low": orders(False, 1_000), "/high": orders(False, 5_000), "/highest": orders(True, 12_000)}
    url = await serve(pages)
    for name in pages:
        await page.goto(url + name)
        await page.evaluate(f"history.replaceState(null, '', '{path}')")
        await recording(installation, page)
        await page.locator("#target").click()
        await page.locator("#last").click()
        await settled(installation, page)
    request = pb.GetHeatmapRequest(page=url + path, kind=heatmap_pb2.HEATMAP_KIND_CLICK, smoothing=0.0, resolution=400)
    heat = await installation.audit.stub.GetHeatmap(request, metadata=installation.metadata)
    assert (heat.sample_count, heat.anchored_count) == (6, 6)
    height = heat.page_size.height
    places = sorted((round(one.y_percent * height / 100), one.count) for one in heat.points)
    assert [count for _, count in places] == [3, 3]
    assert places[0][0] == pytest.approx(420, abs=TOLERANCE * HEIGHT)
    assert places[1][0] == pytest.approx(height - 20, abs=TOLERANCE * HEIGHT)


async def test_a_fixed_element_is_one_place_at_every_scroll_position(installation, page, shapes):
    await page.goto(f"{await shapes()}/fixed-top")
    session = await recording(installation, page)
    for top in (0, 1_000, 3_000):
        await page.evaluate(f"scrollTo(0, {top})")
        await page.locator("#target").click()
    await settled(installation, page)
    [clicks] = (await clicks_of(installation, session)).values()
    assert len(clicks) == 3
    assert [one.y_percent for one in clicks] == pytest.approx([clicks[0].y_percent] * 3, abs=0.05)
    assert clicks[0].y_percent < 1.0


async def test_keys_click_where_the_element_is(installation, page, shapes):
    url = await shapes()
    await page.goto(f"{url}/plain")
    session = await recording(installation, page)
    x, y = await middle(page.locator("#target"))
    await page.locator("#target").press("Enter")
    await settled(installation, page)
    [[click]] = (await clicks_of(installation, session)).values()
    assert click.x_percent * WIDTH / 100 == pytest.approx(x, abs=TOLERANCE * WIDTH)
    assert click.y_percent * 4_000 / 100 == pytest.approx(y, abs=TOLERANCE * HEIGHT)


PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 3, "is_mobile": True, "has_touch": True}


async def test_a_phone_that_is_pinched_and_turned(installation, new_context, serve):
    head = '<meta name="viewport" content="width=device-width">'
    body = tall(TARGET.format(AT.format(100, 1_500)), 3_000)
    url = await serve({"/phone": document(head + tag(installation.url), f"<style>body{{margin:0}}</style>{body}")})
    page = await (await new_context(**PHONE)).new_page()
    await page.goto(f"{url}/phone")
    session = await recording(installation, page)
    devtools = await page.context.new_cdp_session(page)
    place = await page.evaluate(
        "scrollTo(0, 1200); (() => { const b = target.getBoundingClientRect(); "
        "return [b.x + b.width / 2, b.y + b.height / 2 + scrollY]; })()"
    )
    for scale in (1, 2):
        await devtools.send("Emulation.setPageScaleFactor", {"pageScaleFactor": scale})
        await page.locator("#target").tap()
    await devtools.send("Emulation.setPageScaleFactor", {"pageScaleFactor": 1})
    await page.set_viewport_size({"width": 844, "height": 390})
    await page.locator("#target").tap()
    await settled(installation, page)
    [clicks] = (await clicks_of(installation, session)).values()
    assert len(clicks) == 3
    widths = [390, 390, 844]
    assert [one.x_percent * width / 100 for one, width in zip(clicks, widths, strict=True)] == pytest.approx(
        [place[0]] * 3, abs=TOLERANCE * 390
    )
    assert [one.y_percent * 3_000 / 100 for one in clicks] == pytest.approx([place[1]] * 3, abs=TOLERANCE * 390)


HOTTEST = """(canvas) => {
    const { data, width, height } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let most = 0, x = 0, y = 0, sum = 0;
    for (let at = 3; at < data.length; at += 4) most = Math.max(most, data[at]);
    for (let at = 3; at < data.length; at += 4) {
        if (data[at] >= most * 0.9) {
            const pixel = (at - 3) / 4;
            x += pixel % width; y += Math.floor(pixel / width); sum += 1;
        }
    }
    const box = canvas.getBoundingClientRect();
    const scale = [box.width / width, box.height / height];
    return most === 0 ? null : [box.x + (x / sum + 0.5) * scale[0], box.y + (y / sum + 0.5) * scale[1]];
}"""

DRAWN = (
    "scrolled",
    "body-scrolls",
    "main-scrolls",
    "fixed-top",
    "fixed-bottom",
    "sticky-after-a-hero",
    "from-right-and-wide",
    "as-high-as-the-window",
)


@pytest.mark.catalogue
async def test_the_picture_is_hot_where_the_target_is_in_it(
    installation, new_context, page, shapes, sign_in, catalogue_sample
):
    url = await shapes()
    drawn = catalogue_sample(DRAWN, ["main-scrolls", "sticky-after-a-hero", "from-right-and-wide"])
    for name in drawn:
        await page.goto(f"{url}/{name}")
        await recording(installation, page)
        await click_on(page, SHAPES[name])
        await settled(installation, page)
    viewer = await (await new_context()).new_page()
    await sign_in(viewer, None)
    wrong = {}
    for name in drawn:
        await viewer.goto(f"{installation.url}/heatmap?{urlencode({'page': f'{url}/{name}'})}")
        canvas = viewer.locator("canvas[role=img]")
        await canvas.wait_for()
        picture = viewer.frame_locator("iframe").frame_locator("iframe").locator("#target")
        await picture.wait_for()
        await installation.until(lambda canvas=canvas: canvas.evaluate(HOTTEST), "the canvas is drawn")

        async def apart(canvas=canvas, picture=picture):
            hot, target = await canvas.evaluate(HOTTEST), await middle(picture)
            return [hot[axis] - target[axis] for axis in (0, 1)]

        def is_near(distance):
            return abs(distance[0]) <= TOLERANCE * WIDTH and abs(distance[1]) <= TOLERANCE * HEIGHT

        async def is_there(apart=apart):
            return is_near(await apart())

        try:
            await installation.until(is_there, "the picture has its layout")
        except TimeoutError:
            wrong[name] = await apart()
    assert wrong == {}
