"""Sharing: a link is created in the dialog, opened by a visitor without an account, limited, revoked, and expires."""

from __future__ import annotations

import gzip
import re
import time

import grpc
import pytest
import pytest_asyncio
from afterimage.audit.v1.audit_service_pb2 import ReplaySessionResponse
from afterimage.share.v1 import share_service_pb2 as pb
from audit import behaviour_events as rrweb
from export.rendering import videos
from export.rendering.sessions import tools
from google.protobuf.duration_pb2 import Duration

from services.runtime.settings.servers import ShareSettings

from .chromium import PATIENCE_MS

pytestmark = pytest.mark.used_browser

WORDS = "Nothing but a shared page"
SECONDS = 20
TYPED = "typed and deleted"
SNAPSHOT_S = 8
"""Time of the second full snapshot."""
ACTOR = "visitor 4711"


def recording(start_ms):
    """Events of a page with WORDS on it, with TYPED after them from 2 s to 4 s, and with two full snapshots."""
    text = {"type": 3, "textContent": WORDS, "id": 21}
    body = rrweb.element(20, "body", {"type": 2, "tagName": "h1", "attributes": {}, "childNodes": [text], "id": 22})
    again = SNAPSHOT_S * 1000
    events = [
        rrweb.meta(0, href="https://share.example/basket", width=800, height=600),
        rrweb.snapshot(10, rrweb.document(body)),
        _text(2000, f"{WORDS} {TYPED}"),
        _text(4000, WORDS),
        rrweb.meta(again, href="https://share.example/basket", width=800, height=600),
        rrweb.snapshot(again + 40, rrweb.document(body)),
        *(rrweb.move(second * 1000, (0, 100 + second, 200), node=22) for second in range(1, SECONDS + 1)),
    ]
    events.sort(key=lambda event: event["timestamp"])
    return [{**event, "timestamp": event["timestamp"] - rrweb.T0 + start_ms} for event in events]


def _text(at, value):
    mutation = {"source": 0, "texts": [{"id": 21, "value": value}], "attributes": [], "removes": [], "adds": []}
    return {"type": 3, "timestamp": rrweb.T0 + at, "data": mutation}


@pytest_asyncio.fixture(loop_scope="session")
async def session(installation):
    """A session of SECONDS that has ended."""
    return await installation.record(recording(int(time.time() * 1000) - 60_000), actor_id=ACTOR)


@pytest.fixture
def make(installation, session):
    """Makes a link over gRPC: `await make(ttl_s=60, passcode=...)`."""
    return maker(installation, session)


def maker(installation, session):
    async def link(*, ttl_s=3600, **wanted):
        request = pb.CreateShareLinkRequest(session_id=session, ttl=Duration(seconds=ttl_s), **wanted)
        made = await installation.share.CreateShareLink(request, metadata=installation.metadata)
        return made, f"{installation.url}/s/{made.token}"

    return link


def picture(page):
    """The recorded page inside of the player."""
    return page.frame_locator("iframe[title='Replay of the recorded page']").frame_locator("iframe")


async def plays(page):
    await picture(page).get_by_text(WORDS).wait_for()


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def short_lived(installation, browser):
    """A page with a link that lives for minutes, opened before all other tests: the last one sees it end."""
    session = await installation.record(recording(int(time.time() * 1000) - 60_000))
    context = await browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    for ttl_s in (60, 180):  # the shortest that there is; the next one if it was not open by then
        _made, url = await maker(installation, session)(ttl_s=ttl_s)
        await page.goto(url)
        expired = page.get_by_role("heading", name="This link has expired")
        await picture(page).get_by_text(WORDS).or_(expired).first.wait_for()
        if not await expired.count():
            break
    yield page, ttl_s
    await context.close()


async def test_a_link_made_in_the_dialog_opens_for_anybody(installation, page, sign_in, new_context, session):
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Ends after").select_option("1 hour")
    await dialog.get_by_label("Label").fill("For the designers")
    await dialog.get_by_role("button", name="Make the link").click()
    url = await dialog.get_by_label("The link").input_value()
    assert re.fullmatch(rf"http://127\.0\.0\.1:{installation.port}/s/[\w-]{{43}}", url)
    await dialog.get_by_text("For the designers").wait_for()

    stranger = await (await new_context()).new_page()
    referrers = []
    stranger.on("request", lambda request: referrers.append(request.headers.get("referer")))
    await stranger.goto(url)
    await plays(stranger)
    assert await stranger.get_by_role("navigation").count() == 0
    assert ACTOR not in await stranger.content()
    token = url.rpartition("/")[2]
    assert not any(referrers)
    assert token not in await stranger.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    assert token not in installation.log


async def test_the_dialog_shows_only_part_of_a_session(page, sign_in, new_context, session):
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Current time as start").click()
    assert re.fullmatch(r"0:\d\d(\.\d)?", await dialog.get_by_label("Show from").input_value())
    await dialog.get_by_label("Show from").fill("0:01")
    await dialog.get_by_text("Visible from 0:08, the next full snapshot of the page").wait_for()
    await dialog.get_by_label("Show up to").fill("12 s")
    await dialog.get_by_role("button", name="Make the link").click()
    url = await dialog.get_by_label("The link").input_value()
    await dialog.get_by_text("It shows the session from 0:08, not 0:01").wait_for()

    stranger = await (await new_context()).new_page()
    received = []

    def keep(frame):
        received.append(frame)

    stranger.on("websocket", lambda socket: socket.on("framereceived", keep))
    await stranger.goto(url)
    await plays(stranger)
    await stranger.get_by_text("The part from 0:08 to 0:12").wait_for()
    shown = b"".join(_inflated(frame) for frame in received if isinstance(frame, bytes))
    assert WORDS.encode() in shown
    assert TYPED.encode() not in shown


def _inflated(frame):
    """Returns the events in a frame of a replay; b"": it has no chunk."""
    part = ReplaySessionResponse.FromString(frame)
    return gzip.decompress(part.chunk.payload) if part.HasField("chunk") else b""


async def test_the_dialog_offers_the_snapshot_before_where_none_follows(page, sign_in, session, guard):
    guard.allow("400 ")
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_label("Show from")
    await field.fill("0:15")
    await dialog.get_by_text("No full snapshot of the page follows").wait_for()
    await dialog.get_by_role("button", name="Make the link").click()
    await dialog.get_by_text("It has no full snapshot of the page at or after it").wait_for()
    await field.fill("0:16")
    await dialog.get_by_role("button", name="Start at 0:08").click()
    assert await field.input_value() == "0:08"
    await dialog.get_by_text("Visible from 0:08").wait_for()
    await dialog.get_by_role("button", name="Make the link").click()
    await dialog.get_by_label("The link").wait_for()


async def test_what_the_server_refuses_is_said_at_its_field(page, sign_in, session, guard):
    guard.allow("400 ")
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Ends after").select_option("Another time …")
    await dialog.get_by_label("How long").fill("400")
    await dialog.get_by_label("Passcode").fill("abcde")
    await dialog.get_by_label("Most views").fill("0")
    await dialog.get_by_label("Label").fill("x" * 201)
    await dialog.get_by_role("button", name="Make the link").click()
    for label, words in {
        "How long": "from 60 s to",
        "Passcode": "6 to 128 characters",
        "Most views": "from 1 to",
        "Label": "200 characters",
    }.items():
        field = dialog.get_by_label(label, exact=True)
        await dialog.get_by_text(words).first.wait_for()  # the answer is there
        described = await field.get_attribute("aria-describedby")
        await dialog.locator(f"[id='{described}']").get_by_text(words).wait_for()
        assert await field.get_attribute("aria-invalid") == "true"
    await dialog.get_by_label("Show from").fill("9:00")
    for label in ("Passcode", "Most views", "Label"):
        await dialog.get_by_label(label, exact=True).fill("")
    await dialog.get_by_label("How long").fill("2")
    await dialog.get_by_role("button", name="Make the link").click()
    await dialog.get_by_text("past the session's end").wait_for()


async def test_a_link_is_listed_and_revoked_after_it_was_asked(page, sign_in, make, session, installation):
    made, _url = await make(label="Old news", max_views=5)
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_text("0 of 5 views").wait_for()
    await dialog.get_by_role("button", name="Revoke Old news").click()
    await dialog.get_by_role("button", name="Keep it").click()
    await dialog.get_by_role("button", name="Revoke Old news").click()
    await dialog.get_by_role("button", name="Revoke it").click()
    await dialog.get_by_text("No active links.").wait_for()
    with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
        await installation.share.GetShareLink(pb.GetShareLinkRequest(token=made.token))


async def test_a_token_that_may_not_share_is_told(page, sign_in, session):
    await sign_in(page, f"/sessions/{session}", "view")
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("dialog").get_by_text("it lacks the scope share").wait_for()


async def test_a_passcode_is_asked_for(page, make, guard):
    guard.allow("403 ")
    _made, url = await make(passcode="swordfish")
    await page.goto(url)
    field = page.get_by_label("Passcode")
    await field.fill("sardine")
    await field.press("Enter")
    await page.get_by_text("This passcode is wrong").first.wait_for()
    assert await picture(page).get_by_text(WORDS).count() == 0
    await field.fill("swordfish")
    await page.get_by_role("button", name="Watch").click()
    await plays(page)


async def test_too_many_wrong_passcodes_make_wait(page, make, guard):
    guard.allow("403 |429 ")
    _made, url = await make(passcode="swordfish")
    await page.goto(url)
    field, button = page.get_by_label("Passcode"), page.get_by_role("button", name="Watch")
    waits = page.get_by_text(re.compile(r"Too many wrong passcodes.*Try again in \d+ (s|min)"))
    for guess in range(ShareSettings().max_wrong_passcodes_by_address + 2):
        await field.fill(f"guess {guess}")
        await button.click()
        await page.get_by_text(re.compile("This passcode is wrong|Too many wrong passcodes")).first.wait_for()
        await page.wait_for_function("!document.querySelector('button[type=submit]').textContent.includes('Looking')")
        if await waits.count():
            break
    await waits.wait_for()
    assert await button.is_disabled()


async def test_a_reload_is_no_view_and_the_last_view_is_the_last(page, new_context, make, guard):
    guard.allow("404 ")
    _made, url = await make(max_views=1)
    await page.goto(url)
    await page.get_by_role("button", name="Watch").click()
    await plays(page)
    await page.reload()
    await plays(page)
    other = await (await new_context()).new_page()
    await other.goto(url)
    await other.get_by_role("heading", name="This link has expired").wait_for()


async def test_only_a_click_uses_up_a_view(page, new_context, make, installation, session):
    """Mail scanners get the address, and some of them run its scripts; they do not click."""
    made, url = await make(max_views=1)
    scanner = await new_context()
    for method in ("HEAD", "GET"):
        answer = await scanner.request.fetch(url, method=method)
        assert answer.ok
    for _ in range(2):
        opened = await scanner.new_page()
        await opened.goto(url)
        await opened.get_by_text("The link can be opened once").wait_for()
        await opened.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await opened.close()
    request = pb.ListShareLinksRequest(session_id=session)
    listed = (await installation.share.ListShareLinks(request, metadata=installation.metadata)).share_links
    assert [link.view_count for link in listed if link.share_link_id == made.share_link.share_link_id] == [0]
    await page.goto(url)
    await page.get_by_role("button", name="Watch").click()
    await plays(page)


async def test_a_link_without_a_limit_opens_at_once(page, make):
    """As it always did, also in pages that embed it."""
    _made, url = await make()
    await page.goto(url)
    await plays(page)
    assert await page.get_by_role("button", name="Watch").count() == 0


async def test_the_dialog_tells_that_a_link_is_locked(page, sign_in, make, installation, session):
    made, _url = await make(passcode="swordfish", label="Guessed at")
    redeem = installation.share.RedeemShareLink
    most = ShareSettings().max_wrong_passcodes
    for number in range(most):
        address = f"198.51.{number // 250}.{number % 250}"
        with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION_DENIED"):
            await redeem(
                pb.RedeemShareLinkRequest(token=made.token, passcode="wrong"),
                metadata=(("x-forwarded-for", address),),
            )
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("dialog").get_by_text(f"Locked after {most} wrong passcodes").wait_for()


async def test_a_link_revoked_while_open_stops_the_player(page, make, installation, guard):
    guard.allow("404 |403 ")  # requests of the player under way at that moment are refused too
    made, url = await make()
    await page.goto(url)
    await plays(page)
    assert await page.get_by_role("button", name="Download").count() == 0
    await installation.share.RevokeShareLink(
        pb.RevokeShareLinkRequest(share_link_id=made.share_link.share_link_id), metadata=installation.metadata
    )
    await page.get_by_role("heading", name="This link has expired").wait_for()
    await page.get_by_text("The replay was stopped").wait_for()
    assert await page.locator("iframe").count() == 0


async def test_a_link_that_allows_it_is_downloaded_with_its_label(page, sign_in, new_context, session, tmp_path):
    ffmpeg = tools().ffmpeg
    await sign_in(page, f"/sessions/{session}")
    await page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Visitors may download it").check()
    await dialog.get_by_label("Label").fill("For the agency")
    await dialog.get_by_label("Show up to").fill("0:10")
    await dialog.get_by_role("button", name="Make the link").click()
    url = await dialog.get_by_label("The link").input_value()
    await dialog.get_by_text("download", exact=False).first.wait_for()

    visitor = await (await new_context()).new_page()
    await visitor.goto(url)
    await visitor.get_by_role("button", name="Download").click()
    html = await downloaded(visitor, "Page that plays offline (HTML)", tmp_path)
    video = await downloaded(visitor, "Video (MP4)", tmp_path)

    reader = await (await new_context()).new_page()
    await reader.goto(html.as_uri())
    await reader.get_by_text("Downloaded through a share link: For the agency").wait_for()
    await reader.get_by_text("the part from 0:00 to 0:10").wait_for()
    picture = videos.picture_at(ffmpeg, video, 1_000, tmp_path)
    # The label is in the corner of the white page, light on dark.
    corner = [picture.getpixel((picture.width - 12, picture.height - y)) for y in (12, 16, 20)]
    assert max(max(pixel) for pixel in corner) < 140
    assert min(picture.getpixel((8, picture.height - 12))) > 200


async def downloaded(page, name, into):
    """Downloads a file in the open dialog; returns its path."""
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Format").select_option(name)
    async with page.expect_download(timeout=PATIENCE_MS) as download:
        await dialog.get_by_role("button", name="Download", exact=True).click()
    file = await download.value
    await dialog.get_by_text("Saved as").wait_for()
    path = into / file.suggested_filename
    await file.save_as(path)
    return path


async def test_a_download_ends_with_its_link(page, make, installation, guard):
    guard.allow("404 |403 ")
    made, url = await make(allow_download=True)
    await page.goto(url)
    await page.get_by_role("button", name="Download").click()
    dialog = page.get_by_role("dialog")
    await installation.share.RevokeShareLink(
        pb.RevokeShareLinkRequest(share_link_id=made.share_link.share_link_id), metadata=installation.metadata
    )
    await dialog.get_by_role("button", name="Download", exact=True).click()
    gone, expired = (
        dialog.get_by_text("The file was deleted"),
        page.get_by_role("heading", name="This link has expired"),
    )
    await gone.or_(expired).first.wait_for()
    await expired.wait_for()


async def test_a_link_that_never_was_and_one_that_is_broken(page, installation, guard):
    guard.allow("404 |400 ")
    await page.goto(f"{installation.url}/s/{'A' * 43}")
    await page.get_by_role("heading", name="This link has expired").wait_for()
    await page.get_by_text("Ask the sender for a new link").wait_for()
    await page.goto(f"{installation.url}/s/{'A' * 40}")
    await page.get_by_role("heading", name="This address is incomplete").wait_for()


@pytest.mark.timeout(600)  # its link may live for three minutes
async def test_a_link_ends_before_the_visitors_eyes(short_lived):
    page, ttl_s = short_lived
    await page.get_by_role("heading", name="This link has expired").wait_for(timeout=ttl_s * 1000 + PATIENCE_MS)
    await page.get_by_text("The replay was stopped").wait_for()
    assert await page.locator("iframe").count() == 0
