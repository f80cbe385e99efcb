"""Start and end of sessions and windows, and the server's commands to a recorder."""

from __future__ import annotations

import asyncio
import gzip
import json

import grpc
from afterimage.audit.v1 import audit_service_pb2 as pb

from . import sites
from .recorded import CUSTOM, FULL_SNAPSHOT, META, notices, recording, settled, status, stored, window_of, windows

ENDED = 2


async def _site(page, serve, head, body="<h1>A page</h1><button>Go</button>"):
    url = await serve({"/": sites.document(head, body), "/other": sites.document(head, "<h1>Other</h1>")})
    await page.goto(f"{url}/")
    return url


async def test_tabs_are_windows_of_one_session(installation, page, context, serve):
    url = await _site(page, serve, sites.tag(installation.url))
    session = await recording(installation, page)
    other = await context.new_page()
    await other.goto(f"{url}/other")
    assert await recording(installation, other) == session
    await settled(installation, page)
    await settled(installation, other)
    found = await windows(installation, session)
    assert len(found) == 2
    assert all(window.is_whole for window in found.values())


async def test_a_tab_that_was_opened_by_script_is_a_window_of_its_own(installation, page, context, serve):
    await _site(page, serve, sites.tag(installation.url))
    await recording(installation, page)
    async with context.expect_page() as opening:  # it gets a copy of its opener's sessionStorage
        await page.evaluate("window.open('/other')")
    other = await opening.value
    await recording(installation, other)
    assert (await status(other))["windowId"] != (await status(page))["windowId"]
    assert (await status(other))["sessionId"] == (await status(page))["sessionId"]


SESSIONS = """
window.sessions = [];
setInterval(() => {
  const id = window.Afterimage?.status().sessionId ?? null;
  if (id !== null && !sessions.includes(id)) sessions.push(id);
}, 20);
"""
"""Lets a page collect its sessions: one may be over before it is seen from outside."""


async def test_half_an_hour_without_action_is_another_session(installation, page, serve):
    await _site(page, serve, f"<script>{SESSIONS}</script>{sites.starter(installation.url, idleMinutes=0.05)}")

    async def nth(number):
        await page.wait_for_function("(number) => sessions.length > number", arg=number)
        return await page.evaluate("(number) => sessions[number]", number)

    async def is_idle():
        return (await status(page))["state"] == "idle"

    first = await nth(0)
    await page.click("button")
    await installation.until(is_idle, "the session ends")
    await installation.until(lambda: _has_status(installation, first, "SESSION_STATUS_ENDED"), "the server knows")
    known = await page.evaluate("sessions.length")
    await page.mouse.move(20, 20)
    await page.mouse.move(40, 40)
    second = await nth(known)
    assert second != first
    window = await stored(installation, second, lambda one: one.of_type(FULL_SNAPSHOT))
    assert window.is_whole
    assert [event["type"] for event in window.events[:3]] == [0, META, FULL_SNAPSHOT]
    assert (await window_of(installation, first)).is_whole


async def _has_status(installation, session, name):
    try:
        got = await installation.audit.session(session)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.NOT_FOUND:
            return False  # nothing of it is stored yet
        raise
    field = got.session.DESCRIPTOR.fields_by_name["status"]
    return field.enum_type.values_by_number[got.session.status].name == name


async def test_a_visitor_gets_a_name(installation, page, serve):
    url = await _site(page, serve, sites.starter(installation.url, tags={"plan": "pro"}))
    session = await recording(installation, page)
    await page.evaluate("Afterimage.identify('ada')")
    await page.click("button")
    await settled(installation, page)
    await installation.until(lambda: _has_actor(installation, session, "ada"), "the server knows the name")
    await page.goto(f"{url}/other")
    assert await recording(installation, page) == session
    await settled(installation, page)
    got = await installation.audit.session(session)
    assert got.session.actor_id == "ada"
    assert dict(got.session.tags) == {"plan": "pro"}
    assert (await window_of(installation, session)).is_whole


async def test_a_name_that_is_given_while_the_page_is_read_counts(installation, page, serve):
    await _site(page, serve, sites.starter(installation.url) + "<script>Afterimage.identify('ada')</script>")
    session = await recording(installation, page)
    await settled(installation, page)
    await installation.until(lambda: _has_actor(installation, session, "ada"), "the server knows the name")


async def _has_actor(installation, session, actor):
    return (await installation.audit.session(session)).session.actor_id == actor


async def test_a_page_stops_and_begins_again(installation, page, serve):
    await _site(page, serve, sites.starter(installation.url))
    session = await recording(installation, page)
    await page.click("button")
    await page.evaluate("Afterimage.stop()")
    assert (await status(page))["state"] == "off"
    await installation.until(lambda: _has_status(installation, session, "SESSION_STATUS_ENDED"), "the server knows")
    await page.click("button")
    await page.evaluate(f"Afterimage.start({{key: 'pk_demo', endpoint: '{installation.url}'}})")
    assert await recording(installation, page) == session
    await settled(installation, page)
    for window in (await windows(installation, session)).values():
        assert window.is_whole


async def test_a_deleted_session_is_recorded_no_more(installation, page, serve):
    url = await _site(page, serve, sites.tag(installation.url))
    session = await recording(installation, page)
    await settled(installation, page)
    request = pb.DeleteSessionsRequest(session_ids=[session])
    await installation.audit.stub.DeleteSessions(request, metadata=installation.metadata)

    async def is_stopped():
        return (await status(page))["state"] == "stopped"

    await installation.until(is_stopped, "the recorder stops")
    await page.goto(f"{url}/other")
    await page.wait_for_function("window.Afterimage?.status().state === 'stopped'")
    assert "sessionId" not in {name for name, value in (await status(page)).items() if value is not None}
    assert await windows(installation, session) == {}


async def test_who_watches_sees_more_often(installation, page, serve):
    await _site(page, serve, f"<script>{sites.MARKING}</script>{sites.tag(installation.url)}")
    session = await recording(installation, page)
    await settled(installation, page)
    call = installation.audit.stub.ReplaySession(
        pb.ReplaySessionRequest(session_id=session, follow=True), metadata=installation.metadata
    )
    seen = []

    async def watch():
        async for part in call:
            seen.extend([json.loads(gzip.decompress(part.chunk.payload))] if part.HasField("chunk") else [])

    watching = asyncio.create_task(watch())
    await installation.until(lambda: seen, "the replay begins")
    await page.evaluate("window.marking = setInterval(mark, 100)")
    # Unwatched, a chunk is longer than a second. The recorder may hear late that it is watched.
    await installation.until(lambda: _are_short(seen, 5), "five short chunks in a row")
    made = await page.evaluate("clearInterval(marking) ?? marks")
    await installation.until(lambda: _marks_of(seen) == list(range(1, made + 1)), "every mark is seen")
    watching.cancel()
    call.cancel()


def _are_short(chunks, count):
    """Whether that number of successive chunks are shorter than a second, each with some marks."""
    in_a_row = 0
    for events in chunks:
        times = [event["timestamp"] for event in events]
        in_a_row = in_a_row + 1 if len(sites.marks(events)) > 1 and times[-1] - times[0] < 1000 else 0
        if in_a_row == count:
            return True
    return False


def _marks_of(chunks):
    return sites.marks([event for chunk in chunks for event in chunk])


async def test_changes_of_address_without_a_load(installation, page, serve):
    url = await _site(page, serve, sites.tag(installation.url))
    session = await recording(installation, page)
    for step in (
        "history.pushState({}, '', '/orders/7')",
        "history.replaceState({}, '', '/orders/8')",
        "location.hash = 'top'",
    ):
        await page.evaluate(step)
    await page.evaluate("history.back()")
    await settled(installation, page)
    window = await stored(installation, session, lambda one: len(one.customs("afterimage.url")) == 4)
    paths = [each["href"].removeprefix(url) for each in window.customs("afterimage.url")]
    assert paths == ["/orders/7", "/orders/8", "/orders/8#top", "/orders/8"]
    assert len(window.of_type(META)) == 1
    assert window.of_type(CUSTOM)


async def test_a_page_that_grows_is_measured_again(installation, page, serve):
    await _site(page, serve, sites.tag(installation.url))
    session = await recording(installation, page)
    await page.evaluate("document.body.append(Object.assign(document.createElement('div'), {style: 'height: 5000px'}))")
    window = await stored(
        installation, session, lambda one: any(size["height"] > 5000 for size in one.customs("afterimage.page"))
    )
    assert [size["width"] for size in window.customs("afterimage.page")][:1] == [1280]


async def test_two_script_tags_are_one_recorder(installation, page, serve):
    await _site(page, serve, sites.tag(installation.url) * 2)
    session = await recording(installation, page)
    await settled(installation, page)
    window = await window_of(installation, session)
    assert len(window.of_type(FULL_SNAPSHOT)) == 1
    assert await notices(page) == {}
