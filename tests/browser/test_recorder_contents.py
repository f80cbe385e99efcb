"""Contents that a recording cannot have as they are: large inlined pictures, blob: addresses, very deep trees."""

from __future__ import annotations

import json

import pytest

from . import sites
from .player_page import PlayerPage
from .recorded import FULL_SNAPSHOT, MUTATION, notices, recording, settled, status, stored

REPLACED = "afterimage.replaced"

NOISE = """
window.noise = (bytes) => {
  const out = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65536) crypto.getRandomValues(out.subarray(at, Math.min(bytes, at + 65536)));
  let text = "";
  for (let at = 0; at < bytes; at += 8192) text += String.fromCharCode(...out.subarray(at, at + 8192));
  return btoa(text);
};
// A PNG of a size, with a chunk of noise that decoders skip.
window.picture = (width, height, bytes) => {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = "teal";
  context.fillRect(0, 0, width, height);
  const [head, data] = canvas.toDataURL().split(",");
  const png = atob(data);
  const noise = atob(window.noise(bytes));
  const size = [24, 16, 8, 0].map((shift) => String.fromCharCode((noise.length >> shift) & 255)).join("");
  const end = png.length - 12;
  const chunk = size + "noIs" + noise + "\\0\\0\\0\\0";
  return `${head},${btoa(png.slice(0, end) + chunk + png.slice(end))}`;
};
"""


def _page(installation, body, script="", **options):
    head = sites.starter(installation.url, **options) if options else sites.tag(installation.url)
    return sites.document(f"<script>{NOISE}</script>{head}", f"{body}<script>{script}</script>")


async def _recorded(installation, page, serve, html):
    await page.goto(await serve({"/": html}))
    return await recording(installation, page)


def _attributes(window, tag):
    """Returns the attributes of the elements of a tag in the first full snapshot."""
    found = []
    open_nodes = [window.of_type(FULL_SNAPSHOT)[0]["data"]["node"]]
    while open_nodes:
        node = open_nodes.pop()
        if node.get("tagName") == tag:
            found.append(node["attributes"])
        open_nodes.extend(node.get("childNodes", ()))
    return found


LARGE = 3_600_000  # bytes: a URI of 4.8 MB
PICTURES = {
    "img": (
        '<img id="big"><p id="below">below</p>',
        "big.src = picture(300, 120, {bytes});",
        {"pictures": 1, "fonts": 0, "other": 0},
    ),
    "srcset": (
        '<img id="big"><p id="below">below</p>',
        "big.srcset = `${{picture(600, 240, {bytes})}} 2x`;",
        {"pictures": 1, "fonts": 0, "other": 0},
    ),
    "css background": (
        '<style id="style"></style><div id="big" style="width:300px;height:120px"></div><p id="below">below</p>',
        'style.textContent = `#big {{ background: url("${{picture(300, 120, {bytes})}}") }}`;',
        {"pictures": 1, "fonts": 0, "other": 0},
    ),
    "inline style": (
        '<div id="big" style="width:300px;height:120px"></div><p id="below">below</p>',
        'big.style.backgroundImage = `url("${{picture(300, 120, {bytes})}}")`;',
        {"pictures": 1, "fonts": 0, "other": 0},
    ),
    "font": (
        '<style id="style"></style><div id="big" style="width:300px;height:120px">words</div><p id="below">below</p>',
        (
            "style.textContent = `@font-face {{ font-family: own; "
            'src: url("data:font/woff2;base64,${{noise({bytes})}}") }}`;'
        ),
        {"pictures": 0, "fonts": 1, "other": 0},
    ),
    "svg image": (
        (
            '<svg width="300" height="120" id="big"><image id="inner" width="300" height="120"/></svg>'
            '<p id="below">below</p>'
        ),
        'inner.setAttribute("href", picture(300, 120, {bytes}));',
        {"pictures": 1, "fonts": 0, "other": 0},
    ),
    "many": (
        '<img id="big"><p id="below">below</p><div id="others"></div>',
        (
            "big.src = picture(300, 120, 1000); for (let i = 0; i < 20; i += 1) {{ const img = new Image(); "
            "img.src = picture(20, 20, 300000); others.append(img); }}"
        ),
        {"pictures": 15, "fonts": 0, "other": 0},
    ),
}


@pytest.mark.catalogue("srcset", "font")
@pytest.mark.parametrize("kind", PICTURES)
async def test_a_page_with_large_inlined_data_has_its_replay(
    kind, installation, page, serve, sign_in, new_context, guard
):
    guard.allow("Failed to decode downloaded font|OTS parsing error|Blocked script execution")
    body, script, counts = PICTURES[kind]
    session = await _recorded(installation, page, serve, _page(installation, body, script.format(bytes=LARGE)))
    places = (
        "[...document.querySelectorAll('#big, #below')].map((e) => { const b = e.getBoundingClientRect();"
        " return [b.x, b.y, b.width].map(Math.round); })"
    )
    expected = await page.evaluate(places)
    await settled(installation, page)
    window = await stored(
        installation, session, lambda one: one.of_type(FULL_SNAPSHOT) and one.customs(REPLACED), "it is replaced"
    )
    replaced = window.customs(REPLACED)[0]
    assert {name: replaced[name] for name in counts} == counts
    assert window.losses == []
    assert (await status(page))["replacedContents"] == sum(counts.values())
    assert (await status(page))["droppedEvents"] == 0
    assert "maxInlineBytes" in (await notices(page))["inline_too_large"]
    assert len(json.dumps(window.events)) < 4 * 2**20

    viewer = await (await new_context()).new_page()
    await sign_in(viewer, f"/sessions/{session}")
    player = PlayerPage(viewer)
    await player.until_ready()

    async def is_shown():
        shown = await player.recorded.locator("html").evaluate(
            f"(root) => {{ const document = root.ownerDocument; return {places}; }}"
        )
        return shown == expected

    await installation.until(is_shown, "nothing below has moved")


async def test_smaller_inlined_data_stays(installation, page, serve):
    session = await _recorded(
        installation, page, serve, _page(installation, '<img id="big">', "big.src = picture(300, 120, 90000);")
    )
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    assert _attributes(window, "img")[0]["src"] == await page.evaluate("big.src")
    assert (await status(page))["replacedContents"] == 0
    assert window.customs(REPLACED) == []


async def test_the_limit_is_an_option(installation, page, serve):
    html = _page(installation, '<img id="big">', "big.src = picture(300, 120, 20000);", maxInlineBytes=10_000)
    session = await _recorded(installation, page, serve, html)
    await settled(installation, page)
    window = await stored(installation, session, lambda one: one.customs(REPLACED))
    assert "width%3D%22300%22" in _attributes(window, "img")[0]["src"]


async def test_a_picture_added_later_and_one_set_later_are_replaced(installation, page, serve):
    session = await _recorded(installation, page, serve, _page(installation, '<img id="first" src="data:,">'))
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    await page.evaluate(f"first.src = picture(300, 120, {LARGE}); first.decode()")
    await page.evaluate(f"const img = new Image(); img.src = picture(30, 12, {LARGE}); document.body.append(img)")
    await settled(installation, page)
    window = await stored(installation, session, lambda one: len(one.customs(REPLACED)) == 2)
    assert window.losses == []
    assert (await status(page))["replacedContents"] == 2


async def test_a_snapshot_that_is_still_too_large_is_said_and_followed_by_a_smaller_one(installation, page, serve):
    # Six times 1.4 MB: each within a limit that is set too high, all together more than a chunk takes.
    script = (
        "for (let i = 0; i < 6; i += 1) { const img = new Image(); img.src = picture(20, 20, 1000000);"
        " document.body.append(img); }"
    )
    html = _page(installation, "<h1>many</h1>", script, maxInlineBytes=8 * 2**20)
    session = await _recorded(installation, page, serve, html)
    window = await stored(installation, session, lambda one: one.losses and one.of_type(FULL_SNAPSHOT))
    assert window.losses[0]["reason"] == "too_large"
    assert "too_large" in await notices(page)


async def test_a_snapshot_follows_an_event_that_is_too_large(installation, page, serve):
    session = await _recorded(installation, page, serve, _page(installation, "<p id='text'></p>"))
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    await page.evaluate("text.textContent = noise(6000000); setTimeout(() => { text.textContent = 'short'; }, 200)")
    window = await stored(installation, session, lambda one: one.losses and len(one.of_type(FULL_SNAPSHOT)) == 2)
    assert window.losses[0]["reason"] == "too_large"


DEEPEN = """(levels) => {
  let at = document.body;
  for (let i = 0; i < levels; i += 1) {
    const next = document.createElement("span");
    at.append(next);
    at = next;
  }
  at.id = "bottom";
  at.textContent = "the bottom";
}"""


DRAWN_LEVELS = 2_000
"""Levels of a tree that the player draws on any machine."""


@pytest.mark.catalogue("1800")
@pytest.mark.parametrize("levels", [700, 1800, 2600])
async def test_deep_trees_are_recorded(levels, installation, page, serve, sign_in, new_context):
    """Added by a script after the first snapshot; then in a snapshot. Of the deepest, only the recording is compared:
    whether the player can draw it depends on the browser's stack (docs/console.md, "Limits of a replay").
    """
    session = await _recorded(installation, page, serve, _page(installation, "<h1>deep</h1>"))
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    await page.evaluate(DEEPEN, levels)
    await settled(installation, page)
    first = await stored(installation, session, _has_bottom)
    # rrweb itself fails at some depth: a loss is reported, and the snapshot that follows has the tree.
    assert {loss["reason"] for loss in first.losses} <= {"not_recorded"}
    assert bool(first.losses) == ("not_recorded" in await notices(page))
    if levels <= DRAWN_LEVELS:
        await _shows_bottom(session, levels, sign_in, new_context, installation)

    count = len(first.of_type(FULL_SNAPSHOT))
    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await stored(installation, session, lambda one: len(one.of_type(FULL_SNAPSHOT)) > count)
    await settled(installation, page)
    if levels <= DRAWN_LEVELS:
        await _shows_bottom(session, levels, sign_in, new_context, installation)


async def _shows_bottom(session, levels, sign_in, new_context, installation):
    viewer = await (await new_context()).new_page()
    await sign_in(viewer, f"/sessions/{session}")
    player = PlayerPage(viewer)
    await player.until_ready()
    depth = "(bottom) => { let n = 0; for (let e = bottom; e !== null; e = e.parentElement) n += 1; return n; }"

    async def is_shown():
        bottom = player.recorded.locator("#bottom")
        return await bottom.count() == 1 and await bottom.evaluate(depth) == levels + 2

    await installation.until(is_shown, "the bottom is shown")
    await viewer.close()


def _has_bottom(window):
    return any(
        add["node"].get("textContent") == "the bottom"
        for mutation in window.of_source(MUTATION)
        for add in mutation["adds"]
    )


async def test_small_blob_pictures_are_inlined(installation, page, serve):
    """Also where the address was revoked at once, and one that is in a style."""
    session = await _recorded(installation, page, serve, _page(installation, BLOBS[0]))
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    await page.evaluate(BLOBS[1])
    await settled(installation, page)

    def uris(window):
        found = {}
        for mutation in window.of_source(MUTATION):
            for change in mutation["attributes"]:
                for name, value in change["attributes"].items():
                    if isinstance(value, str) and "data:image/webp" in value:
                        found.setdefault(name, []).append(value)
        return found

    window = await stored(installation, session, lambda one: [*map(len, uris(one).values())] == [2, 1])
    assert "blob:" not in json.dumps(window.events)
    assert (await status(page))["replacedContents"] == 1
    assert window.customs(REPLACED) == [{"pictures": 1, "fonts": 0, "other": 0, "bytes": 0, "limitBytes": 512 * 1024}]


BLOBS = (
    '<img id="kept"><img id="revoked"><div id="styled" style="width:50px;height:50px"></div><img id="large">',
    """(async () => {
      const blobOf = (width, height) => {
        const canvas = document.createElement("canvas");
        canvas.width = width;
        canvas.height = height;
        canvas.getContext("2d").fillRect(5, 5, 20, 20);
        return new Promise((done) => canvas.toBlob(done)).then((blob) => URL.createObjectURL(blob));
      };
      kept.src = await blobOf(40, 30);
      revoked.src = await blobOf(60, 30);
      await revoked.decode();
      URL.revokeObjectURL(revoked.src);
      styled.style.backgroundImage = `url("${await blobOf(50, 50)}")`;
      large.src = await blobOf(3000, 2000);
      await large.decode();
    })()""",
)
