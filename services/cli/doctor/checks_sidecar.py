"""Checks of entry points: the sidecar's WebSocket, share links, and empty heatmaps."""

from __future__ import annotations

from datetime import timedelta

import redis.asyncio
from afterimage_client.audit.v1 import ListPagesRequest

from services.cli.client import token_source
from services.cli.doctor.examination import Examination, Finding, note, ok, problem, skipped
from services.cli.local import with_running_redis
from services.runtime import redis_client
from services.runtime.errors import InvalidArgument, Unavailable
from services.runtime.identity.tokens import Scope
from services.runtime.link_keys import LinkKeys
from services.share.tokens import token_key
from sidecar.probe import check_redis, check_socket


async def check_sidecar(about: Examination) -> list[Finding]:
    """Checks that a browser's WebSocket works: address, sidecar, upstream services, token, upgrade, limits."""
    url = about.url or (about.running.sidecar if about.running else "")
    if not url:
        return [skipped("sidecar", "`afterimage up` runs none here; name one with --url https://replay.example")]
    token = about.token or token_source(about.settings, [Scope.VIEW], project=about.project)()
    socket = url.replace("http", "ws", 1).rstrip("/") + "/ws/replay"
    advice = "docs/websocket.md has the routes, the refusals and the limits"
    found = [*await check_socket(socket, token), await check_redis(with_running_redis(about.settings))]
    return [
        ok(f"ws {one.name}", one.text) if one.is_good else problem(f"ws {one.name}", one.text, advice) for one in found
    ]


async def check_links(about: Examination) -> list[Finding]:
    """Checks why a share link does not open: Redis, key prefix, remaining time."""
    settings = with_running_redis(about.settings)
    client = redis_client.connect(settings)
    if client is None and about.link:
        return [problem("share links", "no redis.url is set, which they need", "set redis.url, or use `afterimage up`")]
    if client is None:
        return [skipped("share links", "no redis.url is set, which they need")]
    keys = LinkKeys(settings)
    try:
        with redis_client.redis_errors():
            await client.ping()
            if not about.link:
                found = ok("share links", f"Redis answers; links of this environment are under {keys.prefix}")
                return [found]
            return [await _link(client, keys, about.link.rstrip("/").rpartition("/")[2])]
    except Unavailable:
        advice = "start Redis; unexpired links stay valid, revoke those that must not"
        return [problem("share links", "Redis does not answer: links answer UNAVAILABLE", advice)]
    finally:
        await client.aclose()


async def _link(client: redis.asyncio.Redis, keys: LinkKeys, token: str) -> Finding:
    try:
        link_id = token_key(token).link_id
    except InvalidArgument as error:
        return problem("share link", str(error), "copy the whole link; it is shown once, when it is created")
    left_s = await client.ttl(keys.link(link_id))
    if left_s > 0:
        return ok("share link", f"is valid, {timedelta(seconds=left_s)} left")
    if await client.exists(keys.origin(link_id)):
        return problem("share link", "has expired, was revoked, or has no views left", "make a new one")
    advice = "is it from another environment (the prefix above), or was Redis emptied? make a new one"
    return problem("share link", f"is not known under {keys.prefix}", advice)


async def check_heatmaps(about: Examination) -> list[Finding]:
    """Checks why a heatmap is empty: whether any page has interactions."""
    if not about.settings.ingest.detectors:
        return [
            problem("heatmaps", "ingest.detectors is off: no interactions are detected", "turn it on and record again")
        ]
    async with about.client(Scope.VIEW) as client:
        answer = await client.audit.list_pages(ListPagesRequest(page_size=3))
    if not answer.pages:
        advice = (
            "they are found while recording: record or import something, and look at its page by its normalised URL"
        )
        return [note("heatmaps", "no page has interactions in this project", advice)]
    pages = ", ".join(f"{page.page} ({page.interaction_count:,})" for page in answer.pages)
    return [ok("heatmaps", f"pages with interactions: {pages}; filters of time, device and kind can still empty one")]
