"""Data that leaves the page: nothing before the policy is known, nothing masked, nothing of opted-out visitors."""

from __future__ import annotations

import gzip

from afterimage.audit.v1 import audit_service_pb2 as pb

from . import sites
from .recorded import FULL_SNAPSHOT, recording, settled, status, stored

CANARIES = {
    "typed": "canary-typed-name",
    "password": "canary-password",
    "shown password": "canary-shown-password",
    "hidden": "canary-hidden",
    "cleared": "canary-cleared",
    "textarea": "canary-textarea",
    "masked text": "canary-masked-text",
    "masked title": "canary-masked-title",
    "masked later": "canary-masked-later",
    "blocked": "canary-blocked",
    "blocked title": "canary-blocked-title",
    "ignored": "canary-ignored",
    "query": "canary-query",
    "link": "canary-link",
    "email": "canary.email@example.com",
    "email in title": "canary.title@example.com",
    "card": "4111 1111 1111 1111",
    "logged email": "canary.log@example.com",
    "added email": "canary.added@example.com",
    "comment": "canary-comment",
    "spa": "canary-spa",
    "component": "canary-component-value",
    "component password": "canary-component-password",
    "editor": "canary-editor",
    "textbox": "canary-textbox",
    "value in words": "canary-valuetext",
    "repeated value": "canary-repeated",
    "careless mark": "canary-careless",
    "careless class": "canary-shouted",
    "data of masked": "canary-data",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiIxMjM0NTYifQ.c2lnbmF0dXJl",
}

BODY = """
<!-- canary-comment -->
<form><input id="name"><input id="secret" type="password"><input type="hidden" value="canary-hidden">
<input id="cleared" value="canary-cleared"><textarea id="area">canary-textarea</textarea>
<input id="pin" class="rr-ignore"></form>
<p id="masked" data-afterimage="mask" title="canary-masked-title">canary-masked-text</p>
<div data-afterimage="block" title="canary-blocked-title">canary-blocked</div>
<p title="write to canary.title@example.com">canary.email@example.com pays with 4111 1111 1111 1111</p>
<p id="later"></p><a href="/?next=canary-link">on</a><p>eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOiIxMjM0NTYifQ.c2lnbmF0dXJl</p>
<sl-input value="canary-component-value"></sl-input>
<ion-input type="password" value="canary-component-password"></ion-input>
<div contenteditable><p>canary-editor</p></div><div role="TextBox">canary-textbox</div>
<div role="slider" aria-valuetext="canary-valuetext"></div>
<input value="canary-repeated" aria-label="Name: canary-repeated">
<p data-afterimage=" MASK " data-name="canary-data">canary-careless</p><p class="x RR-Mask">canary-shouted</p>
<p>plain text stays</p>
"""


def _watch(page):
    """Collects the page's data to the installation: frames of sockets and bodies of requests."""
    sent = []

    def keep(data):  # playwright sets attributes on its callbacks, which methods of a list do not accept
        if data:
            sent.append(data)

    page.on("websocket", lambda socket: socket.on("framesent", keep))
    page.on("request", lambda request: keep(request.post_data_buffer))
    return sent


def _readable(sent):
    """Returns all sent data, unpacked, as one text."""
    texts = []
    for data in sent:
        if isinstance(data, str):
            texts.append(data)
            continue
        texts.append(data.decode("utf-8", "replace"))
        try:
            message = pb.RecordSessionRequest.FromString(data)
        except Exception:  # noqa: BLE001 - other bodies are read as text, above
            continue
        payload = message.chunk.payload
        if payload:
            texts.append((gzip.decompress(payload) if payload[:2] == b"\x1f\x8b" else payload).decode())
    return "\n".join(texts)


async def test_nothing_that_is_masked_leaves_the_page(installation, page, serve):
    head = sites.tag(installation.url)
    url = await serve({"/": sites.document(head, BODY)})
    sent = _watch(page)
    for _ in range(2):  # the second load is recorded from its first moment, under the policy of the first
        await page.goto(f"{url}/?q=canary-query")
        session = await recording(installation, page)
        await page.fill("#name", CANARIES["typed"])
        await page.fill("#secret", CANARIES["password"])
        await page.evaluate("secret.type = 'text'")
        await page.fill("#secret", CANARIES["shown password"])
        await page.fill("#cleared", "")
        await page.fill("#pin", CANARIES["ignored"])
        await page.evaluate(
            """() => {
              masked.firstChild.data = "canary-masked-later";
              later.textContent = "ask canary.added@example.com";
              console.log("from canary.log@example.com", {to: "canary.log@example.com"});
              history.pushState({}, "", "/?step=canary-spa");
            }"""
        )
        await settled(installation, page)
    window = await stored(installation, session, lambda one: len(one.of_type(FULL_SNAPSHOT)) == 2)
    assert window.is_whole
    await installation.until(lambda: _readable(sent).count("plain text stays") >= 2, "all of it was seen")
    text = _readable(sent)
    assert text.count("plain text stays") == 2
    assert text.count('"source":5') >= 4  # inputs are there, masked
    leaked = {name for name, canary in CANARIES.items() if canary in text}
    assert leaked == set()
    urls = window.customs("afterimage.url")
    assert [url["href"] for url in urls] == [f"{url}/?step=***"] * 2


async def test_a_policy_that_has_changed_meanwhile(installation, page, serve):
    url = await serve({"/": sites.document(sites.tag(installation.url)), "/other": sites.document()})
    sent = _watch(page)
    await page.goto(f"{url}/")
    session = await recording(installation, page)
    await settled(installation, page)
    # The cached policy differs from the one in force: no event recorded under it may leave.
    await page.goto(f"{url}/other")
    await page.evaluate(
        """() => {
          const name = Object.keys(localStorage).find((each) => each.endsWith(":policy"));
          const bytes = atob(JSON.parse(localStorage[name]));
          localStorage[name] = JSON.stringify(btoa(bytes.replace(/[0-9a-f]{16}/, "0123456789abcdef")));
        }"""
    )
    before = len(sent)
    await page.goto(f"{url}/")
    assert await recording(installation, page) == session
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.losses)
    assert window.is_whole
    (loss,) = window.losses
    assert loss["reason"] == "policy_changed"
    assert loss["events"] >= 3
    assert (await status(page))["droppedEvents"] == loss["events"]
    snapshot = '"type":2,"data":{"node"'
    await installation.until(lambda: snapshot in _readable(sent[before:]), "it was seen")
    assert _readable(sent[before:]).count(snapshot) == 1
    assert len(window.of_type(FULL_SNAPSHOT)) == 2


async def test_who_asks_not_to_be_tracked_is_not(installation, new_context):
    for wish in ("globalPrivacyControl: true", 'doNotTrack: "1"'):
        context = await new_context()
        name, _, value = wish.partition(": ")
        await context.add_init_script(f"Object.defineProperty(Navigator.prototype, '{name}', {{get: () => {value}}})")
        page = await context.new_page()
        requests = []
        page.on("request", lambda request, found=requests: found.append(request.url))
        page.on("websocket", lambda socket, found=requests: found.append(socket.url))
        await page.goto(f"{installation.url}/demo/")
        await page.wait_for_function("window.Afterimage !== undefined")
        await page.wait_for_timeout(500)
        assert (await status(page))["state"] == "opted_out"
        assert not any(url.endswith(("/token", "/ws/record", "/record")) for url in requests)
        assert await page.evaluate("localStorage.length + sessionStorage.length") == 0


async def test_a_site_may_have_consent_of_its_own(installation, page, context, serve):
    await context.add_init_script("Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})")
    head = sites.tag(installation.url, respect_opt_out="false")
    url = await serve({"/": sites.document(head)})
    await page.goto(f"{url}/")
    await recording(installation, page)


async def test_only_the_sample_is_recorded(installation, page, serve):
    url = await serve({"/": sites.document(sites.tag(installation.url, sample_rate="0"))})
    await page.goto(f"{url}/")
    await page.wait_for_function("window.Afterimage?.status().state === 'not_sampled'")
    assert (await status(page))["sessionId"] is None
    assert await page.evaluate("Afterimage.sessionId") is None
