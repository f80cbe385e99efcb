"""The first page of a session on servers of its own: masked as the recording is, and kept across a restart."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from support.audit_server import AuditServer, audit_settings, meta, move, new_session, running, start_of
from support.intruders import SECRET

SITE = "https://shop.example"


def page(at_ms: int, path: str) -> list[dict[str, Any]]:
    """Returns the first events of a page of the site."""
    return [{"type": 0, "data": {}, "timestamp": at_ms}, meta(at_ms, SITE + path), move(at_ms + 1)]


def start(path: str, **fields: Any) -> dict[str, Any]:
    return {"session_secret": SECRET, "first_url": SITE + path, **fields}


async def first_urls(audit: AuditServer, session: str) -> list[str]:
    """Returns the first page as GetSession and a list show it."""
    [listed] = [one for one in await audit.sessions() if one.session_id == session]
    return [(await audit.session(session)).session.first_url, listed.first_url]


async def test_the_first_page_is_masked_like_the_recording(tmp_path):
    session, card = new_session(), "4111 1111 1111 1111".replace(" ", "")
    async with running(audit_settings(tmp_path, privacy={"preset": "default"})) as masking:
        async with masking.recorder(session, **start("/second")) as one:
            await one.send(1, page(start_of(session), f"/cards/{card}"))
            await one.ack(1)
        found = await first_urls(masking, session)
    assert all(url.startswith(f"{SITE}/cards/") and card not in url for url in found), found


async def test_a_restarted_server_keeps_the_first_page(tmp_path):
    session, window = new_session(), str(uuid4())
    at, settings = start_of(session), audit_settings(tmp_path)
    async with running(settings) as before, before.recorder(session, window, **start("/first")) as one:
        await one.send(1, page(at, "/first"))
        await one.ack(1)
    async with running(settings) as after:
        async with after.recorder(session, window, **start("/second", language="en")) as one:
            await one.send(2, page(at + 900, "/second"))
            await one.ack(2)
        assert {*await first_urls(after, session)} == {SITE + "/first"}
