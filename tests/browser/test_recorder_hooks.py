"""The recorder's hooks in a page: other tools' hooks stay, the page's own calls and errors do, and all is recorded."""

from __future__ import annotations

import json

import pytest

from . import sites
from .player_page import PlayerPage
from .recorded import CLICK, FULL_SNAPSHOT, MOUSE_INTERACTION, MUTATION, recording, settled, status, stored, windows

STYLE_SHEET_RULE, ADOPTED = 8, 15

TOOL = """
window.points = {
  "CSSStyleSheet.insertRule": [CSSStyleSheet.prototype, "insertRule"],
  "CSSStyleSheet.deleteRule": [CSSStyleSheet.prototype, "deleteRule"],
  "CSSStyleSheet.replaceSync": [CSSStyleSheet.prototype, "replaceSync"],
  "CSSMediaRule.insertRule": [CSSMediaRule.prototype, "insertRule"],
  "CSSGroupingRule.insertRule": [CSSGroupingRule.prototype, "insertRule"],
  "CSSStyleDeclaration.setProperty": [CSSStyleDeclaration.prototype, "setProperty"],
  "Element.attachShadow": [Element.prototype, "attachShadow"],
  "customElements.define": [customElements, "define"],
  "console.log": [console, "log"],
  "console.error": [console, "error"],
  "History.pushState": [History.prototype, "pushState"],
  "history.replaceState": [history, "replaceState"],
  "fetch": [window, "fetch"],
  "XMLHttpRequest.open": [XMLHttpRequest.prototype, "open"],
  "XMLHttpRequest.send": [XMLHttpRequest.prototype, "send"],
};
window.called = [];
// As another tool does it: it keeps the earlier function, and calls it.
window.hook = () => {
  window.hooked = {};
  for (const [key, [object, name]] of Object.entries(points)) {
    const before = object[name];
    hooked[key] = object[name] = function (...args) { called.push(key); return before.apply(this, args); };
  }
  const value = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
  hooked.value = function (text) { called.push("value"); value.set.call(this, text); };
  Object.defineProperty(HTMLInputElement.prototype, "value", {...value, set: hooked.value});
  const sheets = Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets");
  hooked.sheets = function (list) { called.push("sheets"); sheets.set.call(this, list); };
  Object.defineProperty(Document.prototype, "adoptedStyleSheets", {...sheets, set: hooked.sheets});
};
window.gone = () => Object.keys(hooked).filter((key) => {
  if (key === "value") {
    return Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set !== hooked.value;
  }
  if (key === "sheets") {
    return "adoptedStyleSheets" in Object.getOwnPropertyDescriptors(document) ||
      Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets").set !== hooked.sheets;
  }
  const [object, name] = points[key];
  return object[name] !== hooked[key];
});
window.use = (text) => {
  called.length = 0;
  sheet.sheet.insertRule(`#${text} { color: red }`);
  console.log(text);
  document.body.append(document.createElement("div"));
  document.body.lastChild.attachShadow({mode: "open"}).innerHTML = `<p>${text}</p>`;
  history.pushState(null, "", `#${text}`);
  field.value = text;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets];
  return [...new Set(called)].sort();
};
"""
BODY = '<h1>hooks</h1><style id="sheet">p { margin: 0 }</style><input id="field"><p>x</p>'
USED = ["CSSStyleSheet.insertRule", "Element.attachShadow", "History.pushState", "console.log", "sheets", "value"]


async def _opened(installation, page, serve, **options):
    head = sites.starter(installation.url, **options) if options else sites.tag(installation.url)
    await page.goto(await serve({"/": sites.document(head, f"{BODY}<script>{TOOL}</script>")}))
    session = await recording(installation, page)
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    return session


def _rules(window, text):
    return [
        add
        for each in window.of_source(STYLE_SHEET_RULE)
        for add in each.get("adds", ())
        if add["rule"] == f"#{text} {{ color: red }}"
    ]


def _logs(window, text):
    return [each for each in window.plugin("rrweb/console@1") if each["payload"] == [json.dumps(text)]]


def _is_recorded_once(window, text):
    """Whether `use(text)` is in the recording."""
    shadows = [
        add
        for each in window.of_source(MUTATION)
        for add in each["adds"]
        if add["node"].get("textContent") == text and add["node"]["type"] == 3
    ]
    urls = [each for each in window.customs("afterimage.url") if each["href"].endswith(f"#{text}")]
    inputs = [each for each in window.of_source(5) if "id" in each]
    found = [len(_rules(window, text)), len(_logs(window, text)), len(shadows), len(urls)]
    assert all(count <= 1 for count in found), found
    return found == [1, 1, 1, 1] and len(inputs) == 1


async def test_hooks_of_other_tools_outlive_the_recording(installation, page, serve):
    await _opened(installation, page, serve)
    await page.evaluate("hook(); Afterimage.stop()")
    assert await page.evaluate("gone()") == []
    assert await page.evaluate("use('after')") == USED


async def test_hooks_of_other_tools_outlive_a_full_snapshot(installation, page, serve):
    session = await _opened(installation, page, serve)
    await page.evaluate("hook(); dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await stored(installation, session, lambda one: len(one.of_type(FULL_SNAPSHOT)) == 2)
    assert await page.evaluate("gone()") == []
    assert await page.evaluate("use('after')") == USED
    await stored(installation, session, lambda one: _is_recorded_once(one, "after"))


async def test_hooks_of_other_tools_outlive_a_session(installation, page, serve):
    session = await _opened(installation, page, serve, idleMinutes=0.05)
    await page.evaluate("hook()")

    async def has_ended():
        return (await status(page))["state"] == "idle"

    await installation.until(has_ended, "the session has ended")
    await page.mouse.move(50, 50)
    assert await recording(installation, page) != session
    assert await page.evaluate("gone()") == []
    assert await page.evaluate("use('after')") == USED
    after = (await status(page))["sessionId"]
    await stored(installation, after, lambda one: _is_recorded_once(one, "after"))


async def test_starting_again_and_again_leaves_one_hook(installation, page, serve):
    await _opened(installation, page, serve)
    for _ in range(12):
        await page.evaluate("hook(); Afterimage.stop(); Afterimage.start({key: 'pk_demo'})")
        session = await recording(installation, page)
    await settled(installation, page)
    await page.evaluate("use('again')")
    window = (await status(page))["windowId"]

    async def is_recorded():
        found = await windows(installation, session)
        return window in found and _is_recorded_once(found[window], "again")

    await installation.until(is_recorded, "it is recorded once")
    await page.evaluate("Afterimage.stop()")
    assert await page.evaluate("gone()") == []
    assert await page.evaluate("use('last') && called.filter((key) => key === 'console.log').length") == 12


async def test_without_other_tools_nothing_is_left(installation, page, serve):
    await page.goto(await serve({"/": sites.document("", BODY)}))
    functions = """() => [CSSStyleSheet.prototype.insertRule, CSSStyleSheet.prototype.addRule, console.log,
        console.error, Element.prototype.attachShadow, history.pushState, customElements.define,
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set,
        Object.getOwnPropertyDescriptor(Document.prototype, "adoptedStyleSheets").set]"""
    await page.evaluate(f"window.natives = ({functions})()")
    await page.add_script_tag(url=f"{installation.url}/recorder.js")
    for _ in range(2):
        await page.evaluate(f"Afterimage.start({{key: 'pk_demo', endpoint: '{installation.url}'}})")
        await recording(installation, page)
        assert await page.evaluate(f"({functions})().filter((each, index) => each === natives[index]).length") == 0
        await page.evaluate("Afterimage.stop()")
        assert await page.evaluate(f"({functions})().filter((each, index) => each !== natives[index]).length") == 0
    assert await page.evaluate("Object.getOwnPropertyNames(document).includes('adoptedStyleSheets')") is False


async def test_the_pages_own_errors_reach_the_page(installation, page, serve):
    await _opened(installation, page, serve)
    errors = await page.evaluate(
        """() => [
          () => sheet.sheet.insertRule("not a rule"),
          () => sheet.sheet.deleteRule(99),
          () => document.createElement("br").attachShadow({mode: "open"}),
          () => customElements.define("bad", class extends HTMLElement {}),
          () => { document.adoptedStyleSheets = [1]; },
          () => new CSSStyleSheet().insertRule(),
          () => history.pushState(null, "", "https://elsewhere.example/"),
        ].map((work) => { try { work(); return "none"; } catch (error) { return error.name; } })"""
    )
    assert errors == [
        "SyntaxError",
        "IndexSizeError",
        "NotSupportedError",
        "SyntaxError",
        "TypeError",
        "TypeError",
        "SecurityError",
    ]
    assert (await status(page))["notices"] == []


ODD_ARGUMENTS = """
const cyclic = {name: "cyclic"};
cyclic.self = cyclic;
const revoked = Proxy.revocable({}, {});
revoked.revoke();
const error = new Error("x");
Object.defineProperty(error, "stack", {get() { throw new Error("no stack"); }});
window.odd = {
  getter: {before: 1, get bad() { throw new Error("no"); }, after: 2},
  json: {toJSON() { throw new Error("no JSON"); }},
  words: {toString() { throw new Error("no words"); }, fine: true},
  proxy: new Proxy({}, {ownKeys() { throw new Error("no keys"); }, get() { throw new Error("no get"); }}),
  revoked: revoked.proxy,
  cyclic,
  error,
  huge: "x".repeat(5_000_000),
  wide: Object.fromEntries(Array.from({length: 5000}, (_, index) => [`key${index}`, index])),
  deep: Array.from({length: 5000}).reduce((inner) => ({inner}), {}),
  list: Array.from({length: 100_000}, (_, index) => index),
  symbol: Symbol("sign"),
  big: 10n,
  nothing: undefined,
  logs: {get now() { console.log("within"); return 1; }},
  call: Object.assign(() => 1, {toString() { throw new Error("no source"); }}),
  date: new Date(0),
};
"""


async def test_console_arguments_that_cannot_be_written(installation, page, serve, guard):
    guard.allow("a real error|uncaught")
    session = await _opened(installation, page, serve)
    await page.evaluate(f"{{ {ODD_ARGUMENTS} }} for (const key in odd) console.info(key, odd[key]);")
    await page.evaluate("setTimeout(() => { throw new Error('a real error'); })")
    await page.evaluate("Promise.reject(odd.json); Promise.reject(odd.proxy); 1")
    await settled(installation, page)
    keys = await page.evaluate("Object.keys(odd)")

    def messages(window):
        found = [each for each in window.plugin("rrweb/console@1") if each["level"] == "info"]
        return {json.loads(each["payload"][0]): json.loads(each["payload"][1]) for each in found}

    window = await stored(installation, session, lambda one: set(messages(one)) == set(keys))
    said = messages(window)
    assert said["getter"] == {"before": 1, "bad": "[unreadable: Error: no]", "after": 2}
    assert said["json"] == "[unreadable: Error: no JSON]"
    assert said["words"]["fine"] is True
    assert "unreadable" in said["proxy"]
    assert "unreadable" in said["revoked"]
    assert said["cyclic"] == {"name": "cyclic", "self": "[Circular]"}
    assert "unreadable" in said["error"]
    assert said["huge"].endswith("(5000000 characters)")
    assert said["wide"]["key0"] == 0
    assert said["list"][:3] == [0, 1, 2]
    assert said["symbol"] == "Symbol(sign)"
    assert said["big"] == "10n"
    assert said["nothing"] == "undefined"
    assert said["logs"] == {"now": 1}
    assert said["date"] == "1970-01-01T00:00:00.000Z"
    errors = [each for each in window.plugin("rrweb/console@1") if each["level"] == "error"]
    assert "Uncaught Error: a real error" in json.loads(errors[0]["payload"][0])
    assert len(errors) == 3
    assert len(json.dumps(window.events)) < 200_000
    assert (await status(page))["notices"] == []


async def test_a_message_has_the_line_of_the_page(installation, page, serve):
    script = "<script>function speak() {\n console.log('here'); }\nfunction listen() {\n speak(); }</script>"
    url = await serve({"/": sites.document(sites.tag(installation.url), f"{script}<h1>x</h1>")})
    await page.goto(url)
    session = await recording(installation, page)
    await page.evaluate("listen()")
    window = await stored(installation, session, lambda one: _logs(one, "here"))
    trace = _logs(window, "here")[0]["trace"]
    assert [line.split(" ")[0] for line in trace[:2]] == ["speak", "listen"]
    assert url in trace[0]


SHEETS = """
window.color = (element) => getComputedStyle(element).color;
window.sheetOf = (text) => { const sheet = new CSSStyleSheet(); sheet.replaceSync(text); return sheet; };
window.root = host.attachShadow({mode: "open"});
root.innerHTML = "<p id=inner>inner</p>";
"""
CHANGES = {
    "push": "roots.forEach((r) => r.adoptedStyleSheets.push(sheetOf('p { color: rgb(1, 2, 3) }')))",
    "push later": "const kept = roots.map((r) => r.adoptedStyleSheets); await new Promise((d) => setTimeout(d, 50));"
    " kept.forEach((list) => list.push(sheetOf('p { color: rgb(1, 2, 3) }')))",
    "unshift": "roots.forEach((r) => r.adoptedStyleSheets.unshift(sheetOf('p { color: rgb(1, 2, 3) !important }')))",
    "splice": "const [bad, good] = ['rgb(9, 9, 9)', 'rgb(1, 2, 3)'].map((c) => sheetOf(`p { color: ${c} }`));"
    " roots.forEach((r) => { r.adoptedStyleSheets = [good, bad]; }); await new Promise((d) => setTimeout(d, 50));"
    " roots.forEach((r) => r.adoptedStyleSheets.splice(1, 1))",
    "index": "roots.forEach((r) => { r.adoptedStyleSheets[0] = sheetOf('p { color: rgb(1, 2, 3) }'); })",
    "replaced": "roots.forEach((r) => { r.adoptedStyleSheets = [sheetOf('p { color: rgb(1, 2, 3) }')]; })",
    "emptied": "roots.forEach((r) => { r.adoptedStyleSheets = [sheetOf('p { color: rgb(9, 9, 9) }')]; });"
    " await new Promise((d) => setTimeout(d, 50)); roots.forEach((r) => { r.adoptedStyleSheets = []; })",
    "cleared": "roots.forEach((r) => { r.adoptedStyleSheets = [sheetOf('p { color: rgb(9, 9, 9) }')]; });"
    " await new Promise((d) => setTimeout(d, 50)); roots.forEach((r) => { r.adoptedStyleSheets.length = 0; })",
}


@pytest.mark.catalogue("push later", "splice", "cleared")
@pytest.mark.parametrize("change", CHANGES)
async def test_adopted_sheets_changed_in_place(change, installation, page, serve):
    body = f"<p id='outer'>outer</p><div id='host'></div><script>{SHEETS}</script>"
    await page.goto(await serve({"/": sites.document(sites.tag(installation.url), body)}))
    session = await recording(installation, page)
    await stored(installation, session, lambda one: one.of_type(FULL_SNAPSHOT))
    await page.evaluate(f"(async () => {{ const roots = [document, root]; {CHANGES[change]}; }})()")
    looks = "[color(outer), color(root.querySelector('p'))]"
    colour = "rgb(0, 0, 0)" if change in ("emptied", "cleared") else "rgb(1, 2, 3)"
    assert await page.evaluate(looks) == [colour] * 2
    texts = "[document, root].map((r) => [...r.adoptedStyleSheets].map((s) => s.cssRules[0].cssText))"
    expected = await page.evaluate(texts)
    await stored(installation, session, lambda one: sorted(_adopted(one).values()) == sorted(expected), "as the page")


def _adopted(window):
    """Returns the rules of the sheets that each root has at last, by the root's id."""
    rules, roots = {}, {}
    for each in window.of_source(ADOPTED):
        for style in each.get("styles", ()):
            rules[style["styleId"]] = style["rules"][0]["rule"]
        roots[each["id"]] = [rules[style] for style in each["styleIds"]]
    return roots


FULLSCREENS = {
    "a box": "<div id=v style='width:300px;height:200px;background:rgb(0,0,120)'>video box</div>",
    "in a transformed box": "<div style='transform:rotate(5deg);overflow:hidden;opacity:0.5;width:99px;height:99px'>"
    "<div id=v style='width:30px;height:20px'>video box</div></div>"
    "<div style='position:relative;z-index:9'>above</div>",
    "a table cell": "<table><tr><td id=v style='max-width:20px;padding:7px'>video box</td></tr></table>",
}


@pytest.mark.catalogue("in a transformed box")
@pytest.mark.parametrize("kind", FULLSCREENS)
async def test_an_element_that_fills_the_screen(kind, installation, page, serve, sign_in, new_context):
    body = (
        f"<h1>player</h1>{FULLSCREENS[kind]}"
        "<button id=go onclick='document.getElementById(\"v\").requestFullscreen()'>full</button>"
    )
    await page.goto(await serve({"/": sites.document(sites.tag(installation.url), body)}))
    session = await recording(installation, page)
    await page.click("#go")
    await page.wait_for_function("document.fullscreenElement !== null")
    await page.mouse.click(640, 390)
    await settled(installation, page)
    window = await stored(installation, session, lambda one: len(_clicks(one)) == 2 and _marks(one) == [""])
    box = await page.evaluate("(({x, y, width, height}) => [x, y, width, height])(v.getBoundingClientRect())")
    assert box == [0, 0, 1280, 800]
    assert (_clicks(window)[-1]["x"], _clicks(window)[-1]["y"]) == (640, 390)
    assert await _box(session, installation, sign_in, new_context, box) == box

    await page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    await stored(installation, session, lambda one: _marks(one) == ["", ""], "the snapshot has it, too")
    await page.evaluate("document.exitFullscreen()")
    await page.wait_for_function("document.fullscreenElement === null")
    await stored(installation, session, lambda one: _marks(one) == ["", "", None])


def _clicks(window):
    return [each for each in window.of_source(MOUSE_INTERACTION) if each["type"] == CLICK]


def _marks(window):
    """Returns the values of the attribute of an element that fills the screen, in order."""
    name = "data-afterimage-fullscreen"
    changes = [change for each in window.of_source(MUTATION) for change in each["attributes"]]
    return [change["attributes"][name] for change in changes if name in change["attributes"]]


async def _box(session, installation, sign_in, new_context, expected):
    """Returns the box of the element #v in the replay, as soon as it is the expected one."""
    viewer = await (await new_context()).new_page()
    await sign_in(viewer, f"/sessions/{session}")
    player = PlayerPage(viewer)
    await player.until_ready()
    found = []

    async def is_there():
        found[:] = await player.recorded.locator("#v").evaluate(
            "(v) => (({x, y, width, height}) => [x, y, width, height])(v.getBoundingClientRect())"
        )
        return found == expected

    await installation.until(is_there, f"the box is {expected}")
    await viewer.close()
    return found
