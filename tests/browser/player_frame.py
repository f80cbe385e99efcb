"""The document in which the console replays, by itself, with stored chunks as the console hands them over."""

from __future__ import annotations

import base64
import gzip
import json
from contextlib import asynccontextmanager

from .page_looks import LOOK

PATH = "/tests/player-frame"

CONSOLE = """<!doctype html><meta charset="utf-8"><title>Player</title><link rel="icon" href="data:,">
<style>html,body{margin:0;height:100%}iframe{border:0;width:100%;height:100%;display:block}</style>
<script>
const reports = [];
let port = null;
let order = 0;
let stage = 0;
window.odd = () => reports.filter(({type}) => type === "odd" || type === "fault");
const send = (command, handedOver = []) => port.postMessage(command, handedOver);
const until = async (isIt) => {
  for (;;) {
    const found = reports.find(isIt);
    if (found !== undefined) return found;
    await new Promise((done) => setTimeout(done, 5));
  }
};
const shown = () => until((report) => report.type === "shown" && report.order === order);
window.build = (stored, atMs, isPlaying) => {
  reports.length = 0;
  order += 1;
  stage += 1;
  const chunks = stored.map(({ text, firstMs, lastMs }, index) => {
    const payload = Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer;
    return { windowId: "1", seq: index + 1, firstMs, lastMs, isGzip: true, payload };
  });
  send({ type: "stage", stage, order, chunks, atMs, isPlaying, speed: 4 }, chunks.map(({ payload }) => payload));
  return shown();
};
window.seek = (atMs, isPlaying) => {
  order += 1;
  send({ type: "seek", order, atMs, isPlaying });
  if (isPlaying) send({ type: "play" });
  return shown();
};
window.ordered = () => reports.filter((report) => "order" in report);
window.reached = (atMs) => until((report) => report.type === "time" && report.order === order && report.atMs > atMs);
window.pause = () => send({ type: "pause" });
onload = () => {
  const frame = document.querySelector("iframe");
  onmessage = (event) => {
    if (event.data !== "afterimage.ready" || event.origin !== "null") return;
    frame.setAttribute("sandbox", "allow-scripts");
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }) => reports.push(data);
    frame.contentWindow.postMessage("afterimage.connect", "*", [channel.port2]);
  };
  frame.setAttribute("sandbox", "allow-scripts allow-same-origin");
  frame.src = "/player.html";
};
</script><iframe></iframe>"""
"""A console of the fewest lines: PlayerFrame.tsx and frameFeeder.ts."""

WITHOUT_POINTER = """() => {
  const style = document.createElement("style");
  style.textContent = ".replayer-mouse, .replayer-mouse-tail { display: none }";
  document.head.append(style);
}"""


class PlayerFrame:
    """A tab with the document."""

    def __init__(self, page, frame):
        self.page = page
        self._frame = frame

    async def build(self, payloads, at_ms, *, is_playing=False):
        """Shows a window at a moment, in milliseconds since 1970 UTC; `payloads` are its stored chunks."""
        stored = []
        for payload in payloads:
            times = [event["timestamp"] for event in json.loads(gzip.decompress(payload))]
            text = base64.b64encode(payload).decode()
            stored.append({"text": text, "firstMs": min(times), "lastMs": max(times)})
        await self.page.evaluate("(all) => build(...all)", [stored, at_ms, is_playing])

    async def seek(self, at_ms, *, is_playing=False):
        await self.page.evaluate("(all) => seek(...all)", [at_ms, is_playing])

    async def play_until(self, at_ms):
        await self.page.evaluate("(at) => reached(at)", at_ms)
        await self.page.evaluate("pause()")

    async def ordered(self):
        """Returns all reports about a moment that was to be shown (its `order`), in the order of their arrival."""
        return await self.page.evaluate("ordered()")

    async def odd(self):
        """Returns the reports about events that are not shown."""
        return await self.page.evaluate("odd()")

    async def look(self):
        """Returns the look of the replayed page, as JSON."""
        return await self.evaluate(LOOK)

    async def evaluate(self, function):
        """Returns the result of a JavaScript function of the replayed page's document."""
        return await self._frame.evaluate(
            f"() => ({function})(document.querySelector('.stage:not([hidden]) iframe').contentDocument)"
        )

    async def picture(self):
        return await self.page.screenshot(caret="initial")


@asynccontextmanager
async def player_frame(installation, context):
    """Yields the document, in a window of the size of the recorded ones."""
    page = await context.new_page()
    await page.route(f"**{PATH}", lambda route: route.fulfill(body=CONSOLE, content_type="text/html"))
    await page.goto(f"{installation.url}{PATH}")
    await installation.until(lambda: page.evaluate("reports.length > 0"), "the document is ready")
    frame = page.frames[1]
    await frame.evaluate(WITHOUT_POINTER)
    yield PlayerFrame(page, frame)
    await page.close()
