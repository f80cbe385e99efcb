"""Lost networks, killed servers, reloaded tabs: no acknowledged chunk is lost, stored sessions are complete."""

from __future__ import annotations

import signal

from . import sites
from .recorded import DROPPED, FULL_SNAPSHOT, META, notices, recording, settled, status, stored, window_of

MARK_MS = 60
BROKEN = "ERR_|WebSocket|426"
"""Errors of a broken connection; 426 answers the recorder's question why, when the connection is back by then."""


async def _open(page, serve, url, **options):
    head = f"<script>{sites.MARKING}</script>{sites.starter(url, **options)}"
    await page.goto(await serve({"/": sites.document(head)}))


async def _mark(page, count):
    """Makes marks, one by one, as a busy page changes."""
    await page.evaluate(
        """async ([count, ms]) => {
          for (let n = 0; n < count; n += 1) { mark(); await new Promise((done) => setTimeout(done, ms)); }
        }""",
        [count, MARK_MS],
    )


async def test_the_network_is_cut(installation, network, page, serve, guard):
    guard.allow(BROKEN)
    await _open(page, serve, network.url)
    session = await recording(installation, page)
    await _mark(page, 10)
    network.cut()
    await _mark(page, 60)
    await installation.until(lambda: _is_offline(page), "the recorder notices")
    assert (await status(page))["queuedEvents"] >= 50
    network.heal()
    await _mark(page, 10)
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    assert sites.marks(window.events) == list(range(1, 81))
    assert window.losses == []
    assert "unreachable" not in await notices(page)


async def test_the_server_dies_and_comes_back(installation, page, serve, guard):
    guard.allow(f"{BROKEN}|503")
    await _open(page, serve, installation.url)
    session = await recording(installation, page)
    await _mark(page, 20)
    await installation.restart("audit", number=signal.SIGKILL)
    await _mark(page, 20)
    await installation.restart("sidecar", "audit")
    await _mark(page, 20)
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    assert sites.marks(window.events) == list(range(1, 61))
    assert window.losses == []


async def test_the_tab_is_reloaded(installation, page, serve):
    await _open(page, serve, installation.url)
    session = await recording(installation, page)
    for _ in range(4):
        await _mark(page, 7)
        await page.reload()
        assert await recording(installation, page) == session
    await _mark(page, 3)
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    assert [sites.marks(window.events, run) for run in range(1, 6)] == [list(range(1, 8))] * 4 + [[1, 2, 3]]
    assert len(window.of_type(META)) == len(window.of_type(FULL_SNAPSHOT)) == 5
    assert window.losses == []
    got = await installation.audit.session(session)
    assert len(got.pages) == 5  # a reload is a page view


async def test_the_tab_is_reloaded_while_the_network_is_cut(installation, network, page, serve, guard):
    guard.allow(BROKEN)
    head = f"<script>{sites.MARKING}</script>{sites.tag(installation.url, endpoint=network.url)}"
    await page.goto(await serve({"/": sites.document(head)}))
    session = await recording(installation, page)
    await _mark(page, 5)
    network.cut()
    await _mark(page, 5)
    await page.reload()
    await _mark(page, 5)
    await page.reload()
    await _mark(page, 5)
    network.heal()
    assert await recording(installation, page) == session
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    made = {1: 10, 2: 5, 3: 5}
    assert {run: sites.marks(window.events, run) for run in made} == {
        run: list(range(1, count + 1)) for run, count in made.items()
    }
    assert window.losses == []


async def test_the_tab_is_closed(installation, page, serve):
    await _open(page, serve, installation.url)
    session = await recording(installation, page)
    await settled(installation, page)
    await page.evaluate("mark()")
    await page.goto("about:blank")
    window = await stored(installation, session, lambda one: sites.marks(one.events) == [1], "the beacon has come")
    assert window.is_whole


async def test_a_queue_that_is_full_says_what_is_missing(installation, network, page, serve, guard):
    guard.allow(BROKEN)
    await _open(page, serve, network.url, maxQueueBytes=60_000)
    session = await recording(installation, page)
    await settled(installation, page)
    network.cut()
    await page.evaluate(
        """async () => {
          for (let turn = 0; turn < 40; turn += 1) {
            const bytes = crypto.getRandomValues(new Uint8Array(8000));
            const noise = Array.from(bytes, (byte) => byte.toString(16)).join("");
            document.body.append(Object.assign(document.createElement("p"), {textContent: noise}));
            if (document.body.childElementCount > 6) document.body.lastElementChild.previousElementSibling.remove();
            await new Promise((resolve) => setTimeout(resolve, 120));
          }
          mark();
        }"""
    )
    assert (await status(page))["queuedBytes"] < 200_000
    network.heal()
    await installation.until(lambda: _has_dropped(page), "something was given up")
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    assert sites.marks(window.events) == [1]
    losses = window.losses
    assert {loss["reason"] for loss in losses} == {"queue_full"}
    assert sum(loss["events"] for loss in losses) == (await status(page))["droppedEvents"]
    assert all(loss["fromMs"] <= loss["toMs"] for loss in losses)
    # After a gap a replay starts again: the first event after it is a snapshot.
    events = window.events
    for index, event in enumerate(events):
        if event["type"] == 5 and event["data"]["tag"] == DROPPED:
            assert [later["type"] for later in events[index + 1 : index + 3]] == [META, FULL_SNAPSHOT]
    assert "were dropped" in (await notices(page))["queue_full"]


async def test_a_snapshot_that_finds_no_room_does_not_push_out_the_newest_events(
    installation, network, page, serve, guard
):
    guard.allow(BROKEN)
    await _open(page, serve, network.url, maxQueueBytes=60_000)
    session = await recording(installation, page)
    await settled(installation, page)
    network.cut()
    # Continuous additions make a snapshot necessary, which is taken after the mark and fits only alone.
    await page.evaluate(
        """async () => {
          for (let turn = 0; turn < 7; turn += 1) {
            const bytes = crypto.getRandomValues(new Uint8Array(8000));
            const noise = Array.from(bytes, (byte) => byte.toString(16)).join("");
            document.body.append(Object.assign(document.createElement("p"), {textContent: noise}));
            await Promise.resolve();
          }
          mark();
        }"""
    )
    await installation.until(lambda: _holds_more(page, 60_000), "the snapshot is in the queue")
    network.heal()
    await settled(installation, page)
    window = await window_of(installation, session)
    assert window.is_whole
    assert sites.marks(window.events) == [1]
    assert len(window.of_type(FULL_SNAPSHOT)) >= 2
    assert sum(loss["events"] for loss in window.losses) == (await status(page))["droppedEvents"]


async def _is_offline(page):
    return (await status(page))["state"] == "offline"


async def _holds_more(page, size_bytes):
    return (await status(page))["queuedBytes"] > size_bytes


async def _has_dropped(page):
    return (await status(page))["droppedEvents"] > 0
