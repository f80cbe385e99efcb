"""Simulated visits to the demo shop, always the same ones, for stable pictures."""

from __future__ import annotations

import random

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/149.0.0.0 Safari/537.36"
DESKS = [
    {"viewport": {"width": 1440, "height": 900}, "user_agent": _CHROME.format("Windows NT 10.0; Win64; x64")},
    {"viewport": {"width": 1440, "height": 900}, "user_agent": _CHROME.format("Macintosh; Intel Mac OS X 10_15_7")},
    {
        "viewport": {"width": 1920, "height": 1080},
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:152.0) Gecko/20100101 Firefox/152.0",
    },
]
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "user_agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.5 Mobile/15E148 Safari/604.1",
    "is_mobile": True,
    "has_touch": True,
}
PEOPLE = ["ada", "grace", "hedy", "mary", "lise", "emmy", "vera", "rosalind", "katherine", "jocelyn"]


async def visit(browser, url, number, *, stays=False):
    """Simulates a visit to the shop; returns the context, which is still open if the visitor `stays`."""
    chance = random.Random(number)
    phone = number % 4 == 3
    context = await browser.new_context(**(PHONE if phone else DESKS[number % 3]))
    page = await context.new_page()
    await page.goto(f"{url}/demo/")
    await page.wait_for_function("window.Afterimage !== undefined")
    await page.evaluate("name => window.Afterimage.identify?.(name)", f"{PEOPLE[number % len(PEOPLE)]}@loom.example")
    await _look(page, chance)
    for _ in range(chance.randint(2, 5)):
        await page.locator(".chip").nth(chance.choice([0, 1, 1, 2])).click()
        await _look(page, chance)
    for card in range(chance.randint(1, 3)):
        place = page.locator("#grid > *").nth(chance.randint(0, 3) + card)
        if await place.count():
            await place.hover()
            await page.wait_for_timeout(chance.randint(100, 400))
    if number % 3 == 0:
        await _calls(page, url, chance)
    if number % 2 == 0:
        await page.goto(f"{url}/demo/checkout.html")
        await page.fill("#full-name", "Somebody")
        await page.fill("#note", "Ring twice")
        await _look(page, chance)
    if stays:
        await page.goto(f"{url}/demo/")
        await _look(page, chance)
        return context
    await page.evaluate("window.Afterimage.stop()")
    await page.wait_for_timeout(2_500)  # the events leave the page
    await context.close()
    return None


async def _look(page, chance):
    """Moves the pointer and scrolls, as a reader does."""
    size = page.viewport_size
    for _ in range(chance.randint(2, 5)):
        await page.mouse.move(
            chance.gauss(0.5, 0.18) * size["width"], chance.gauss(0.45, 0.15) * size["height"], steps=4
        )
        await page.wait_for_timeout(chance.randint(60, 250))
    await page.mouse.wheel(0, chance.choice([0, 200, 500, 900]))
    await page.wait_for_timeout(200)
    await page.mouse.wheel(0, -2_000)


async def _calls(page, url, chance):
    """Meets the bugs of the account page: errors, and a button that does nothing."""
    await page.goto(f"{url}/demo/account.html")
    await page.wait_for_timeout(300)
    for place in (page.locator("[data-invoice]").first, page.locator("#refresh")):
        if await place.count():
            await place.click()
    button = page.locator("button").last
    for _ in range(chance.randint(4, 7)):
        await button.click(delay=20)
