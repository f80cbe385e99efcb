"""Every page can be read by assistive technology and used from a keyboard, in both themes, on a desk and on a phone."""

from __future__ import annotations

import pytest
import pytest_asyncio
from afterimage.audit.v1 import audit_service_pb2 as audit
from support import web

from .rrweb_events import now_ms, opened
from .scenes import SCENES, Scenes, Shown

pytestmark = pytest.mark.used_browser

AXE = web.WEB / "node_modules" / "axe-core" / "axe.min.js"
GRAVE = ["serious", "critical"]
# Chosen in the page: Playwright checks each value of a result, and a whole report of axe has thousands.
FINDINGS = """async ([grave, rules]) => {
    const only = rules === null ? {} : { runOnly: { type: "rule", values: rules } };
    const { violations } = await axe.run(document, { iframes: false, resultTypes: ["violations"], ...only });
    return violations
        .filter(({ impact }) => grave.includes(impact))
        .map(({ id, help, nodes }) => [id, help, nodes.map(({ html }) => html.slice(0, 160))]);
}"""
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""The rules of axe-core that look at colours, all that another theme changes."""
SIZES = {"desk": {"width": 1280, "height": 844}, "phone": {"width": 390, "height": 844}}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scenes(installation):
    """Pages that show the samples, and a session that is live."""
    await installation.record(opened(now_ms()), finish=False, actor_id="grace")
    stub, metadata = installation.audit.stub, installation.metadata
    pages = await stub.ListPages(audit.ListPagesRequest(contains="shop.example.com/checkout"), metadata=metadata)
    sessions = await stub.ListSessions(audit.ListSessionsRequest(page_size=500), metadata=metadata)
    session = next(one.session_id for one in sessions.sessions if one.tags.get("foreign_id") or one.totals.error_count)
    return Scenes(installation, Shown(session, pages.pages[0].page))


async def findings(page, rules=None):
    """Returns serious and critical findings of axe-core, with their elements. Recorded pages are excluded.

    Args:
        rules: The rules to check; None: all of them.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    return await page.evaluate(FINDINGS, [GRAVE, rules])


# Colours change over a frame or two, however little motion is wanted.
IS_REPAINTED = """(before) => getComputedStyle(document.body).backgroundColor !== before
    && !document.getAnimations().some((one) => one instanceof CSSTransition)"""


# Each scene once; the sizes show different parts of the list of sessions, which has both.
@pytest.mark.catalogue(
    *(
        f"{scene}-phone"
        for scene in ("sessions", "live", "heatmap", "share_dialog", "share", "share_expired", "exports")
    ),
    *(
        f"{scene}-desk"
        for scene in (
            "sessions",
            "player",
            "share_form",
            "export_form",
            "export_sessions",
            "share_download",
            "share_passcode",
            "share_ready",
            "sign_in",
        )
    ),
)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
async def test_axe_finds_nothing_serious_and_nothing_is_wider_than_its_window(scenes, new_context, guard, scene, size):
    """A page is opened once and checked in both themes, as after a change of the theme."""
    guard.allow("404 ")  # a link that never was
    context = await new_context(color_scheme="light", reduced_motion="reduce")
    page = await context.new_page()
    await page.set_viewport_size(SIZES[size])
    await getattr(scenes, scene)(page)
    assert await page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
    assert await findings(page) == []
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    await page.wait_for_function(IS_REPAINTED, arg=light)
    assert await findings(page, OF_COLOURS) == []


# The focused element: its accessible name, whether its focus is visible, and whether it is in the open dialog.
FOCUSED = """() => {
    const element = document.activeElement;
    if (element === null || element === document.body) return null;
    const around = [element.closest("tr"), ...(element.closest("label")?.querySelectorAll("*") ?? [])];
    const marked = [element, ...around].filter(Boolean).some((one) => {
        const {boxShadow, outlineStyle, outlineWidth} = getComputedStyle(one);
        return boxShadow !== "none" || (outlineStyle !== "none" && outlineWidth !== "0px");
    });
    const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText ?? "";
    const dialog = document.querySelector("dialog[open]");
    return {
        name: (name || element.title || element.tagName).trim(),
        isMarked: marked,
        isInside: dialog === null || dialog.contains(element),
    };
}"""


async def walk(page, most=150):
    """Presses Tab once around the page, from the current focus; returns the focused elements, in order."""
    seen, ends = [], 0
    for _ in range(most):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(FOCUSED)
        if focused is not None:
            seen.append(focused)
        else:  # the focus is in the browser's own bars
            ends += 1
        if ends == 2:
            break
    return seen


@pytest.mark.catalogue("sessions", "player", "heatmap", "sign_in")
@pytest.mark.parametrize(
    ("scene", "names"),
    [
        ("sessions", ["Skip to the content", "Sessions", "Live", "Heatmap", "Sign out"]),
        ("player", ["All sessions", "Share"]),
        ("live", ["Heatmap", "Sign out"]),
        ("heatmap", ["Search pages", "Clicks", "Device", "Time", "Viewport width", "Map"]),
        ("share", []),
        ("share_passcode", []),
        ("sign_in", []),
    ],
)
async def test_the_keyboard_reaches_everything_and_shows_where_it_is(scenes, page, scene, names):
    await getattr(scenes, scene)(page)
    seen = await walk(page)
    assert seen
    assert [one["name"] for one in seen if not one["isMarked"]] == []
    reached = [one["name"] for one in seen]
    assert [name for name in names if not any(name in found for found in reached)] == []


async def test_a_dialog_keeps_the_focus_and_gives_it_back(scenes, page):
    await scenes.share_form(page)
    seen = await walk(page, 40)
    assert {"Close", "Ends after", "Show from", "Passcode", "Label", "Make the link"} <= {one["name"] for one in seen}
    assert all(one["isInside"] for one in seen)
    assert all(one["isMarked"] for one in seen)
    await page.keyboard.press("Escape")
    await page.get_by_role("dialog").wait_for(state="hidden")
    assert (await page.evaluate(FOCUSED))["name"] == "Share"
