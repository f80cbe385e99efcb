"""Requests that fail in a real page: as the browser measures them, the server stores and the console lists them."""

from __future__ import annotations

from afterimage.audit.v1 import audit_service_pb2 as pb
from afterimage.recording.v1 import enums_pb2
from aiohttp import web
from playwright.async_api import expect
from support.ports import free_port

from . import sites
from .player_page import PlayerPage
from .recorded import recording, settled

MAKE = """async ([nobody, elsewhere]) => {
    const picture = (address) => new Promise((done) => {
        const made = new Image();
        made.onload = made.onerror = done;
        made.src = address;
    });
    const xhr = (address) => new Promise((done) => {
        const made = new XMLHttpRequest();
        made.onloadend = done;
        made.open("POST", address);
        made.send("x");
    });
    await fetch("/api/well?page=1");
    await fetch("/api/cart?page=2");
    await xhr("/api/well");
    await xhr("/api/orders");
    await xhr(`${nobody}/api/lost`);
    await fetch("/api/dropped").catch(() => undefined);
    await fetch(`${elsewhere}/api/counted`, { mode: "no-cors" });
    await fetch(`${nobody}/api/uncounted`, { mode: "no-cors" }).catch(() => undefined);
    await picture("/missing.svg");
    await picture("/there.svg");
    await picture(`${nobody}/lost.svg`);
}"""
ANSWERS = {
    "/api/well": web.json_response,
    "/there.svg": lambda: web.Response(
        text='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', content_type="image/svg+xml"
    ),
    "/api/counted": web.Response,
    "/missing.svg": lambda: web.Response(status=404),
    "/api/cart": lambda: web.Response(status=500),
    "/api/orders": lambda: web.Response(status=503),
}


async def test_requests_that_fail_are_rows_once_and_others_are_none(installation, page, new_context, sign_in, guard):
    guard.allow("Failed to load resource")
    nobody = f"http://127.0.0.1:{free_port()}"

    async def answer(request):
        if request.path == "/":
            return web.Response(text=sites.document(sites.tag(installation.url)), content_type="text/html")
        if request.path == "/api/dropped":
            request.transport.abort()
            return web.Response()
        return ANSWERS[request.path]()

    async with sites.answered(answer) as url:
        await page.goto(url)
        session = await recording(installation, page)
        await page.evaluate(MAKE, [nobody, url.replace("localhost", "127.0.0.1")])
        await settled(installation, page)
    await page.close()

    # The picture and the fetch without an answer of another origin have status 0, as the fetch that was answered has:
    # they are not known to have failed. An XMLHttpRequest has it only without an answer.
    host, lost = (address.removeprefix("http://") for address in (url, nobody))
    request = pb.ListInteractionsRequest(session_id=session, kinds=[enums_pb2.INTERACTION_KIND_FAILED_REQUEST])
    found = await installation.audit.stub.ListInteractions(request, metadata=installation.metadata)
    assert [one.detail for one in found.interactions] == [
        f"{host}/api/cart 500",
        f"{host}/api/orders 503",
        f"{lost}/api/lost 0",
        f"{host}/api/dropped 0",
        f"{host}/missing.svg 404",
    ]

    console = await (await new_context()).new_page()
    await sign_in(console, f"/sessions/{session}")
    player = PlayerPage(console)
    await player.until_ready()
    await player.pause()
    # The chunks, which have the same requests, have been read once the network is listed.
    await console.get_by_role("tab", name="Network").click()
    requests = console.get_by_role("list", name="Requests").get_by_role("button")
    await expect(requests.filter(has_text="/api/")).to_have_count(8)
    unknown = "\N{EN DASH}"
    for path, status in {"lost": "none", "dropped": "none", "counted": unknown, "uncounted": unknown}.items():
        await expect(requests.filter(has_text=f"/api/{path}").filter(has_text=status)).to_have_count(1)
    await console.get_by_role("tab", name="Activity").click()
    rows = console.get_by_role("list", name="Actions of the visitor").get_by_role("button")
    await expect(rows.filter(has_text="Request failed:")).to_have_count(5)
    words = [" ".join(row.split()) for row in await rows.filter(has_text="Request failed:").all_inner_texts()]
    assert [text.partition(" ")[2] for text in words] == [
        "Request failed: /api/cart 500",
        "Request failed: /api/orders 503",
        "Request failed: /api/lost no answer",
        "Request failed: /api/dropped no answer",
        "Request failed: /missing.svg 404",
    ]
    mark = await console.locator("[data-mark=error]").first.bounding_box()
    await console.mouse.move(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)
    await expect(console.get_by_text("Request failed: /api/cart 500")).to_be_visible()  # a row has it in parts
