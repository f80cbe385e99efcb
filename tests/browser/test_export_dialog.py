"""The dialog that exports a session: a file is made by a worker, followed, saved, and deleted on the server."""

from __future__ import annotations

import asyncio
import io
import json
import time

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


@pytest_asyncio.fixture(loop_scope="session")
async def listed(installation):
    """Returns the project's exports: `await listed()`."""
    async with grpc.aio.insecure_channel(installation.export_address) as channel:
        stub = export_service_pb2_grpc.ExportServiceStub(channel)

        async def exports():
            return list((await stub.ListExports(pb.ListExportsRequest(), metadata=installation.metadata)).exports)

        yield exports


async def open_dialog(page, sign_in, session):
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Export", exact=True).click()
    return page.get_by_role("dialog")


async def saved(page, dialog):
    """Exports; returns the name and the content of the file."""
    async with page.expect_download(timeout=PATIENCE_MS) as download:
        await dialog.get_by_role("button", name="Export", exact=True).click()
    file = await download.value
    await dialog.get_by_text("Saved as").wait_for()
    with open(await file.path(), "rb") as data:  # noqa: ASYNC230, PTH123 - a small file
        return file.suggested_filename, data.read()


async def test_a_video_is_made_and_saved(page, sign_in, session, listed, tmp_path):
    ffmpeg = tools().ffmpeg
    dialog = await open_dialog(page, sign_in, session)
    await dialog.get_by_label("Width").select_option("640 pixels")
    await dialog.get_by_label("Frames per second").select_option("5")
    await dialog.get_by_label("From").fill("0:01")
    await dialog.get_by_label("Up to").fill("3")
    name, data = await saved(page, dialog)
    assert name == f"session-{session}.mp4"
    path = tmp_path / name
    path.write_bytes(data)
    _, end_ms = videos.times_ms(ffmpeg, path)
    assert abs(end_ms - 2_000) <= 200
    assert " 640x" in videos.facts(ffmpeg, path)
    assert await listed() == []  # not left on the server


async def test_a_picture_and_events_follow_in_the_same_dialog(page, sign_in, session):
    tools()
    dialog = await open_dialog(page, sign_in, session)
    await dialog.get_by_label("Format").select_option("Picture of one moment (PNG)")
    await dialog.get_by_label("Moment").fill("0:02.5")
    name, data = await saved(page, dialog)
    assert name == f"session-{session}-2500ms.png"
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.size, picture.convert("RGB").getpixel((640, 300))) == ((1280, 720), (0, 0, 200))
    await dialog.get_by_role("button", name="Another export").click()
    await dialog.get_by_label("Format").select_option("Events (rrweb JSON)")
    assert await dialog.get_by_label("Width").count() == 0
    name, data = await saved(page, dialog)
    assert [event["type"] for event in json.loads(data)][:2] == [4, 2]


async def test_closing_the_dialog_cancels_the_export(page, sign_in, endless, listed):
    tools()
    dialog = await open_dialog(page, sign_in, endless)
    await dialog.get_by_label("Skip pauses").uncheck()
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("left", exact=False).filter(has_text="Exporting").wait_for()
    assert [export.state for export in await listed()] == [export_pb2.EXPORT_STATE_RUNNING]
    await page.keyboard.press("Escape")
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while await listed():  # noqa: ASYNC110 - a server sets no events
            await asyncio.sleep(0.05)


async def test_a_refusal_is_shown_at_its_field(page, sign_in, session, guard):
    guard.allow("400 ")
    dialog = await open_dialog(page, sign_in, session)
    await dialog.get_by_label("From").fill("soon")
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("Enter a time from the session's start, such as 1:23.").wait_for()
    await dialog.get_by_label("From").fill("9:00:00")
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("It is after the session's end, 5 s.").wait_for()


async def test_a_failed_export_has_its_reason(page, sign_in, installation):
    tools()
    start = int(time.time() * 1000) - 60_000
    tick = {"type": 5, "timestamp": start, "data": {"tag": "tick", "payload": 1}}
    session = await installation.record([tick, tick | {"timestamp": start + 1_000}])
    dialog = await open_dialog(page, sign_in, session)
    await dialog.get_by_role("button", name="Export", exact=True).click()
    await dialog.get_by_text("The export failed. The server reports: the recording has no full snapshot").wait_for()


async def test_a_token_that_may_not_export_is_told(page, sign_in, session):
    await sign_in(page, f"/sessions/{session}", "view")
    await page.get_by_role("button", name="Export", exact=True).click()
    await page.get_by_role("dialog").get_by_text("it lacks the scope export").wait_for()
