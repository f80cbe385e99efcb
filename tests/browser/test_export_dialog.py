"""The dialogs that export, and the tray that follows exports: made by a worker, downloaded, cancelled, deleted."""

from __future__ import annotations

import csv
import io
import json
import re
import time
import uuid
from urllib.parse import quote

import grpc
import pytest
import pytest_asyncio
from afterimage.export.v1 import export_pb2, export_service_pb2_grpc
from afterimage.export.v1 import export_service_pb2 as pb
from export.rendering import videos
from export.rendering.sessions import tools
from PIL import Image

from .chromium import PATIENCE_MS
from .rrweb_events import click, element, opened

pytestmark = pytest.mark.used_browser

SPIN = "@keyframes turn { to { transform: rotate(360deg) } } #spin { animation: turn 1s linear infinite }"


@pytest_asyncio.fixture(loop_scope="session")
async def session(installation):
    """A session of five seconds, in blue."""
    start = int(time.time() * 1000) - 60_000
    blue = element(10, "div", {"style": "position: fixed; inset: 0; background: rgb(0, 0, 200)"})
    return await installation.record([*opened(start, body=[blue]), click(start + 1_000), click(start + 5_000)])


@pytest_asyncio.fixture(loop_scope="session")
async def endless(installation):
    """A session that takes long to draw."""
    start = int(time.time() * 1000) - 3_600_000
    body = [element(10, "style", {"_cssText": SPIN}), element(11, "div", {"id": "spin", "style": "height: 300px"})]
    return await installation.record([*opened(start, body=body), click(start + 1_800_000)])


@pytest.fixture
def subject():
    """A user without exports: others see none of theirs."""
    return f"user-{uuid.uuid4()}"


@pytest_asyncio.fixture(loop_scope="session")
async def service(installation):
    """ExportService."""
    async with grpc.aio.insecure_channel(installation.export_address) as channel:
        yield export_service_pb2_grpc.ExportServiceStub(channel)


@pytest.fixture
def auth(installation, subject):
    """Metadata of that user's calls."""
    return (("authorization", f"Bearer {installation.token('export', subject=subject)}"),)


@pytest.fixture
def exports_of(service, auth, subject):
    """Returns that user's exports: `await exports_of()`."""

    async def listed():
        return list((await service.ListExports(pb.ListExportsRequest(created_by=subject), metadata=auth)).exports)

    return listed


@pytest.fixture
def create(service, auth):
    """Creates an export by another way than the console: `await create(session)`."""

    async def of_session(session):
        content = {"session": {"session_id": session}, "format": export_pb2.EXPORT_FORMAT_HAR}
        return (await service.CreateExport(pb.CreateExportRequest(**content), metadata=auth)).export

    return of_session


@pytest.fixture
def enter(page, sign_in, subject):
    """Opens a page as that user: `await enter("/", "view", "export")`."""

    async def open_page(path, *scopes):
        await sign_in(page, path, *scopes, subject=subject)

    return open_page


async def open_dialog(page, enter, session):
    await enter(f"/sessions/{session}")
    await page.get_by_role("button", name="Export", exact=True).click()
    return page.get_by_role("dialog")


async def export(page, dialog):
    """Exports; returns the export's entry in the tray, which opens by itself."""
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.wait_for(state="detached")
    return page.get_by_role("region", name="Exports").get_by_role("listitem").first


async def saved(page, item):
    """Downloads the file of an export; returns its name and its content."""
    await item.get_by_role("button", name="Download: ").wait_for()
    async with page.expect_download(timeout=PATIENCE_MS) as download:
        await item.get_by_role("button", name="Download: ").click()
    file = await download.value
    await item.get_by_text("Saved as").wait_for()
    with open(await file.path(), "rb") as data:  # noqa: ASYNC230, PTH123 - a small file
        return file.suggested_filename, data.read()


async def test_a_video_is_made_and_saved(page, enter, session, tmp_path):
    ffmpeg = tools().ffmpeg
    dialog = await open_dialog(page, enter, session)
    await dialog.get_by_label("Width").select_option("640 pixels")
    await dialog.get_by_label("Frames per second").select_option("5")
    await dialog.get_by_label("From").fill("0:01")
    await dialog.get_by_label("Up to").fill("3")
    name, data = await saved(page, await export(page, dialog))
    assert name == f"session-{session}.mp4"
    path = tmp_path / name
    path.write_bytes(data)
    _, end_ms = videos.times_ms(ffmpeg, path)
    assert abs(end_ms - 2_000) <= 200
    assert " 640x" in videos.facts(ffmpeg, path)


async def test_a_picture_and_events_are_saved(page, enter, session):
    tools()
    dialog = await open_dialog(page, enter, session)
    await dialog.get_by_label("Format").select_option("Picture of one moment (PNG)")
    await dialog.get_by_label("Moment").fill("0:02.5")
    name, data = await saved(page, await export(page, dialog))
    assert name == f"session-{session}-2500ms.png"
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.size, picture.convert("RGB").getpixel((640, 300))) == ((1280, 720), (0, 0, 200))
    await page.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_label("Format").select_option("Events (rrweb JSON)")
    assert await dialog.get_by_label("Width").count() == 0
    name, data = await saved(page, await export(page, dialog))
    assert [event["type"] for event in json.loads(data)][:2] == [4, 2]


async def test_the_tray_follows_an_export_over_pages_and_reloads(page, enter, endless, exports_of):
    tools()
    dialog = await open_dialog(page, enter, endless)
    assert await page.get_by_role("button", name="Exports", exact=True).count() == 0  # without exports there is no tray
    await dialog.get_by_label("Skip pauses").uncheck()
    item = await export(page, dialog)
    await item.get_by_text("left", exact=False).filter(has_text="Exporting").wait_for()
    [running] = await exports_of()
    assert running.state == export_pb2.EXPORT_STATE_RUNNING
    await page.get_by_role("link", name="Live").click()
    await page.get_by_role("heading", name="Live").wait_for()
    await item.get_by_text("Exporting").wait_for()
    before = await item.get_by_role("progressbar").evaluate("(bar) => bar.value")
    await page.wait_for_function("(before) => document.querySelector('progress').value > before", arg=before)
    await page.reload()
    tray = page.get_by_role("button", name="Exports 1 running")
    await tray.wait_for()
    assert await item.count() == 0  # closed, until the user opens it
    await tray.focus()
    await page.keyboard.press("Enter")
    await item.get_by_text("Exporting").wait_for()
    await page.keyboard.press("Escape")
    await item.wait_for(state="detached")
    assert await tray.evaluate("(button) => button === document.activeElement")
    await page.keyboard.press("Enter")
    await item.get_by_role("button", name="Cancel: ").click()
    await page.get_by_role("button", name=re.compile("^Exports")).wait_for(state="detached")
    [cancelled] = await exports_of()
    assert cancelled.state == export_pb2.EXPORT_STATE_CANCELLED


async def test_an_export_that_was_made_elsewhere_is_downloaded_and_deleted(page, enter, session, exports_of, create):
    await create(session)
    await enter("/live")
    await page.get_by_role("button", name="Exports", exact=True).click()
    item = page.get_by_role("region", name="Exports").get_by_role("listitem")
    name, _ = await saved(page, item)
    assert name == f"session-{session}.har"
    await item.get_by_role("button", name="Delete: ").click()
    await page.get_by_role("button", name="Exports", exact=True).wait_for(state="detached")
    assert await exports_of() == []


async def test_a_refusal_is_shown_at_its_field(page, enter, session, guard):
    guard.allow("400 ")
    dialog = await open_dialog(page, enter, session)
    await dialog.get_by_label("From").fill("soon")
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("Enter a time from the session's start, such as 1:23.").wait_for()
    await dialog.get_by_label("From").fill("9:00:00")
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("It is after the session's end, 5 s.").wait_for()


async def test_a_failed_export_has_its_reason(page, enter, installation):
    tools()
    start = int(time.time() * 1000) - 60_000
    tick = {"type": 5, "timestamp": start, "data": {"tag": "tick", "payload": 1}}
    session = await installation.record([tick, tick | {"timestamp": start + 1_000}])
    dialog = await open_dialog(page, enter, session)
    item = await export(page, dialog)
    reason = "The export failed. The server reports: the recording has no full snapshot"
    await item.get_by_text(reason).wait_for()
    await page.get_by_role("status").filter(has_text=reason).wait_for()


async def test_a_token_that_may_not_export_is_told(page, enter, session):
    await enter(f"/sessions/{session}", "view")
    await page.get_by_role("button", name="Export", exact=True).click()
    await page.get_by_role("dialog").get_by_text("it lacks the scope export").wait_for()


async def test_a_list_of_sessions_is_exported_under_its_filter(page, enter, installation):
    start, name = int(time.time() * 1000) - 60_000, f"actor-{uuid.uuid4()}"
    for actor in (name, name, "another"):
        await installation.record([*opened(start), click(start + 1_000)], actor_id=actor)
    await enter(f"/?actor={name}")
    await page.get_by_text("2 sessions in total").wait_for()
    await page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("All 2 sessions under the filters of the list.").wait_for()
    size = await dialog.get_by_text("Expected size: about").text_content()
    file, data = await saved(page, await export(page, dialog))
    assert file.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert [row["actor_id"] for row in rows] == [name, name]
    expected = float(re.search(r"about ([\d.]+) KB", size)[1]) * 1_000
    assert expected / 2 < len(data) < expected * 2


async def test_the_interactions_of_a_heatmap_are_exported(page, enter, installation):
    start, site = int(time.time() * 1000) - 60_000, f"https://heat.example/{uuid.uuid4()}/shop"
    button = element(10, "button", {"style": "position: fixed; inset: 0"})
    await installation.record([*opened(start, site, body=[button]), click(start + 1_000), click(start + 2_000)])
    await enter(f"/heatmap?page={quote(site, safe='')}")
    await page.get_by_role("button", name="Export", exact=True).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text(f"Clicks of the page {site}").wait_for()
    file, data = await saved(page, await export(page, dialog))
    assert file.endswith(".csv")
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert {row["kind"] for row in rows} == {"click"}
    assert len(rows) == 2
