"""The harness of this folder's tests: errors of pages are seen, a cut network is cut, processes come back."""

from __future__ import annotations

from . import sites


async def test_signed_in(installation, page, sign_in):
    await sign_in(page)
    assert page.url == f"{installation.url}/"
    assert await page.evaluate("sessionStorage.length") == 1


async def test_errors_of_pages_are_seen(installation, page, guard):
    await page.goto(f"{installation.url}/signin")
    await page.evaluate("setTimeout(() => { throw new Error('thrown'); })")
    await page.evaluate("console.error('printed on purpose')")
    await page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://elsewhere.example/x.png'}))")
    await page.evaluate("fetch('/nothing-here')")
    await installation.until(lambda: len(guard.problems) >= 4)
    for what in ("thrown", "printed on purpose", "Content Security Policy", "404"):
        assert [text for text in guard.problems if what in text], (what, guard.problems)
        guard.allow(what)


async def test_a_context_that_is_used_again_has_nothing_that_was_stored(serve, used_contexts):
    url = await serve({"/": sites.document()})
    stored = "[localStorage.length, document.cookie]"
    found = []
    for _ in range(2):
        context = await used_contexts.take(locale="en")
        found.append(context)
        page = await context.new_page()
        await page.goto(url)
        assert await page.evaluate(stored) == [0, ""]
        await page.evaluate("localStorage.setItem('kept', '1'), document.cookie = 'kept=1'")
        assert await page.evaluate(stored) == [1, "kept=1"]
        await used_contexts.give_back(context, locale="en")
    assert found[0] is found[1]
    assert found[0].pages == []


async def test_a_cut_network_is_cut(network, page, guard):
    guard.allow("ERR_")
    await page.goto(f"{network.url}/signin")
    reach = "fetch('/healthz').then((answer) => answer.status, () => 0)"
    network.cut()
    assert await page.evaluate(reach) == 0
    network.heal()
    assert await page.evaluate(reach) == 200


async def test_processes_come_back(installation, page):
    await installation.restart("sidecar", "audit")
    response = await page.goto(f"{installation.url}/signin")
    assert response.status == 200
    await installation.until(lambda: _is_ready(page, installation), "audit serves")


async def _is_ready(page, installation):
    response = await page.request.get(f"{installation.url}/readyz")
    return response.status == 200
