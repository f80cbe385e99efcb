"""The secret of a session, as pages use it: across reloads and tabs, and where the installation refuses it."""

from __future__ import annotations

from uuid import uuid4

from support.intruders import INTRUDERS, is_secret_wrong, refusal

from . import sites
from .recorded import FULL_SNAPSHOT, notices, recording, settled, status, stored, window_of, windows

SECRET = """([name, value]) => {
    const key = Object.keys(localStorage).find((each) => each.endsWith(":session"));
    const session = JSON.parse(localStorage.getItem(key));
    if (value !== null) localStorage.setItem(key, JSON.stringify({ ...session, [name]: value }));
    return session[name];
}"""


async def secret_of(page):
    return await page.evaluate(SECRET, ["secret", None])


async def shown(page, serve, installation):
    document = sites.document(sites.tag(installation.url), "<h1>A page</h1><button>Go</button>")
    url = await serve({"/": document, "/other": document})
    await page.goto(f"{url}/")
    return url


async def test_a_reload_and_a_second_tab_record_into_the_session_with_its_secret(installation, page, context, serve):
    url = await shown(page, serve, installation)
    session = await recording(installation, page)
    await page.click("button")
    await settled(installation, page)
    window, secret = (await status(page))["windowId"], await secret_of(page)
    await page.reload()
    assert await recording(installation, page) == session
    await page.click("button")
    await settled(installation, page)
    other = await context.new_page()
    await other.goto(f"{url}/other")
    assert await recording(installation, other) == session
    await settled(installation, other)
    assert {await secret_of(page), await secret_of(other)} == {secret}
    found = await windows(installation, session)
    assert len(found) == 2
    assert all(one.is_whole for one in found.values())
    assert len(found[window].of_type(FULL_SNAPSHOT)) == 2
    token = installation.token("record")
    for fields in INTRUDERS.values():
        for where in (window, str(uuid4())):
            is_secret_wrong(await refusal(installation.audit, session, where, [{"end": {}}], token=token, **fields))
    assert await notices(page) == {}


async def test_a_page_whose_window_has_ended_goes_on_in_another_window(installation, page, serve):
    await shown(page, serve, installation)
    session = await recording(installation, page)
    await settled(installation, page)
    window, secret = (await status(page))["windowId"], await secret_of(page)
    # Another page of the tab ends the window while this one is in the back/forward cache.
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))")
    ending = {"token": installation.token("record"), "session_secret": secret}
    assert await refusal(installation.audit, session, window, [{"end": {}}], **ending) is None
    before = (await window_of(installation, session)).events
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")

    async def has_moved():
        await page.click("button")
        return (await status(page))["windowId"] not in {window, None}

    await installation.until(has_moved, "the recorder takes another window")
    assert await recording(installation, page) == session
    await settled(installation, page)
    found = await windows(installation, session)
    assert found[window].events == before
    moved = found[(await status(page))["windowId"]]
    assert moved.is_whole
    assert len(moved.of_type(FULL_SNAPSHOT)) == 1


async def test_a_page_without_the_sessions_secret_begins_another_session(installation, page, serve):
    await shown(page, serve, installation)
    for value in ("another-secret-0123456789abcdef", ""):
        left = await recording(installation, page)
        await settled(installation, page)
        known = set(await windows(installation, left))
        await page.evaluate("Afterimage.stop()")  # the next page takes another window
        await page.evaluate(SECRET, ["secret", value])
        await page.reload()

        async def has_moved(left=left):
            return (await status(page)).get("sessionId") not in {left, None}

        await installation.until(has_moved, "the recorder takes another session")
        session = await recording(installation, page)
        await page.click("button")
        await settled(installation, page)
        assert (await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))).is_whole
        assert len(await secret_of(page)) == 64
        assert set(await windows(installation, left)) == known
