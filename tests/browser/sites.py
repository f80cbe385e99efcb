"""Third-party sites recorded by Afterimage: any page, under any policy, on a separate origin."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

from aiohttp import web


def tag(installation_url, **data):
    """Returns the script tag that records a page."""
    words = "".join(f' data-{name.replace("_", "-")}="{value}"' for name, value in {"key": "pk_demo", **data}.items())
    return f'<script src="{installation_url}/recorder.js"{words} async></script>'


def starter(installation_url, **options):
    """Returns a script that records a page with options that a tag has no words for."""
    given = json.dumps({"key": "pk_demo", "endpoint": installation_url, **options})
    return f'<script src="{installation_url}/recorder.js"></script><script>Afterimage.start({given})</script>'


def document(head="", body="<h1>A page</h1>"):
    """Returns a page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>'
        f'<link rel="icon" href="data:,">{head}</head><body>{body}</body></html>'
    )


@asynccontextmanager
async def served(pages, **headers):
    """Serves pages (by path) with headers (underscores are dashes); yields the site's address.

    It is an origin of the project "demo". The same pages under 127.0.0.1 are another one.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def answer(request):
        page = pages.get(request.path)
        if page is None:
            return web.Response(status=404)
        return web.Response(text=page, content_type="text/html", headers=named)

    async with answered(answer) as url:
        yield url


@asynccontextmanager
async def answered(answer):
    """Serves the responses of `answer`, an aiohttp handler for all methods; yields the address of the site."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


MARKING = """
window.marks = 0;
window.mark = () => {
  window.marks += 1;
  const mark = document.createElement("p");
  mark.textContent = `mark ${window.run}-${window.marks}`;
  document.body.append(mark);
};
window.run = window.run ?? Number(sessionStorage.getItem("run") ?? 0) + 1;
sessionStorage.setItem("run", window.run);
"""
"""Lets a page make marks that are numbered over its reloads: `mark 2-7` is the seventh of the second load."""


def marks(events, run=1):
    """Returns the numbers of a load's marks that were recorded as they were made, in order."""
    prefix = f"mark {run}-"
    found = []
    for event in events:
        if event["type"] == 3 and event["data"]["source"] == 0:
            for added in event["data"]["adds"]:
                text = added["node"].get("textContent", "")
                if text.startswith(prefix):
                    found.append(int(text.removeprefix(prefix)))
    return found
