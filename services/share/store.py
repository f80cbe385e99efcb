"""Links in Redis. `services.runtime.link_keys` describes the keys; every one of them has a TTL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import redis.asyncio

from services.runtime.link_keys import LinkKeys, creator_key, end_link
from services.runtime.redis_client import redis_errors, required
from services.share.lua_scripts import creation, passcode_attempts, redemption
from services.share.lua_scripts.link_fields import FIELDS
from services.share.model import Act, Gone, Limited, Link, LinkCursor, Locked, Opened, Origin, Span
from services.share.redis_batcher import RedisBatcher
from services.share.tokens import Key

ORIGIN_KEPT_MS = 7 * 86_400_000
"""Time after a link's end during which the trail can still name the session of a visit."""

ATTEMPTS_KEPT_MS = 86_400_000
FREE_ATTEMPTS_AT_LINK = 20
LONGEST_WAIT_AT_LINK_MS = 300_000
FREE_ATTEMPTS_BY_ADDRESS = 5
LONGEST_WAIT_BY_ADDRESS_MS = 900_000
"""Wrong passcodes are free up to this number, then each doubles the wait, from 1 s on. An address has few; a link has
more, so that one stranger cannot lock out its visitors at once, and 1,000 addresses get only 12 guesses per hour."""

MAX_AT_ONCE = 64
"""Maximum number of commands in flight. The client opens a connection for each, with a maximum of 100: beyond that, it
would report Redis as unavailable."""

_MINUTE_MS = 60_000
_PAGE_SLACK = 20
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


class LinkStore:
    """Share links in Redis.

    Args:
        client: None: Redis is not configured, every call raises Unavailable.
        script_pipeline: Runs scripts on the same Redis.
        keys: The names of the keys.
        requests_per_minute: Maximum request rate of an address. 0: no limit.
        renewal_ttl_ms: Lifetime of a renewal handle after its last use.

    Every method raises Unavailable (REDIS_UNAVAILABLE) when Redis is unavailable.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis | None,
        script_pipeline: RedisBatcher,
        keys: LinkKeys,
        *,
        requests_per_minute: int,
        renewal_ttl_ms: int,
    ) -> None:
        self._maybe_client = client
        self._scripts = script_pipeline
        self._keys = keys
        self._interval_ms = -(-_MINUTE_MS // requests_per_minute) if requests_per_minute else 0
        self._renewal_ttl_ms = renewal_ttl_ms
        self._places = asyncio.Semaphore(MAX_AT_ONCE)

    @property
    def _client(self) -> redis.asyncio.Redis:
        return required(self._maybe_client)

    async def create(self, link: Link, digest: str, ttl_ms: int) -> None:
        """Stores a link that ends in `ttl_ms`."""
        keys = self._keys
        fields = {
            **dict(zip(FIELDS, _row(link), strict=True)),
            "digest": digest,
            "creator_key": creator_key(link.created_by),
        }
        await self._scripts.run(
            creation.CREATE,
            [
                keys.link(link.link_id),
                keys.origin(link.link_id),
                keys.of_project(link.project),
                keys.of_session(link.project, link.session_id),
                keys.of_creator(link.project, link.created_by),
            ],
            [
                link.link_id,
                link.created_ms,
                ttl_ms,
                ttl_ms + ORIGIN_KEPT_MS,
                f"{link.project} {link.session_id}",
                keys.link(""),
                *(part for field in fields.items() for part in field),
            ],
        )

    async def open(
        self, act: Act, key: Key, renewal: str, bucket: str | None, now_ms: int, matched_hash: str = ""
    ) -> Opened | Locked | Gone | Limited:
        """Performs a visitor's act in one step.

        Args:
            act: LOOK changes nothing, REDEEM counts a view and stores the renewal, RENEW extends the renewal.
            key: The link and the token's digest.
            renewal: Digest of the renewal handle; "" for LOOK.
            bucket: Address to rate-limit; None: no rate limit for this call.
            now_ms: The server's clock.
            matched_hash: The passcode hash that the visitor's passcode matched.
        """
        names = self._keys
        packed: bytes = await self._scripts.run(
            redemption.OPEN,
            [
                names.link(key.link_id),
                names.origin(key.link_id),
                names.renewal(key.link_id, renewal),
                names.rate(bucket or ""),
            ],
            [
                _pack(
                    (
                        act.value,
                        key.digest,
                        now_ms,
                        matched_hash,
                        self._renewal_ttl_ms,
                        0 if bucket is None else self._interval_ms,
                        _MINUTE_MS,
                    )
                )
            ],
        )
        answer: list[Any] = _unpack(packed)
        match answer[0]:
            case "opened":
                return Opened(_link(key.link_id, answer[1:]))
            case "locked":
                return Locked(_link(key.link_id, answer[1:]))
            case "limited":
                return Limited(int(answer[1]))
            case _:
                return Gone(_origin(answer[1]) if answer[1] else None)

    async def take_back(self, link_id: str, renewal: str) -> None:
        """Undoes a redemption with an undelivered grant."""
        await self._scripts.run(
            redemption.TAKE_BACK, [self._keys.link(link_id), self._keys.renewal(link_id, renewal)], []
        )

    async def attempt(self, link_id: str, bucket: str, now_ms: int) -> int:
        """Counts a passcode attempt; returns the required wait before the attempt, in milliseconds; 0: none."""
        return int(
            await self._scripts.run(
                passcode_attempts.ATTEMPT,
                [self._keys.attempts_at(link_id), self._keys.attempts_by(bucket)],
                [
                    now_ms,
                    ATTEMPTS_KEPT_MS,
                    FREE_ATTEMPTS_AT_LINK,
                    LONGEST_WAIT_AT_LINK_MS,
                    FREE_ATTEMPTS_BY_ADDRESS,
                    LONGEST_WAIT_BY_ADDRESS_MS,
                ],
            )
        )

    async def forgive(self, link_id: str, bucket: str) -> None:
        """Uncounts the last passcode attempt, which was correct."""
        await self._scripts.run(
            passcode_attempts.FORGIVE, [self._keys.attempts_at(link_id), self._keys.attempts_by(bucket)], []
        )

    async def get(self, project: str, link_id: str) -> Link | None:
        """Returns a link of a project."""
        [found] = await self._links([link_id])
        return found if found and found.project == project else None

    async def end(self, project: str, link_id: str) -> bool:
        """Ends a link and publishes its id; returns whether it was valid."""
        async with self._places:
            return await end_link(self._client, self._keys, link_id, project)

    async def find(
        self, project: str, session_id: str, created_by: str, count: int, after: LinkCursor | None
    ) -> list[Link]:
        """Returns up to `count` links that follow `after`, newest first; "" is any session, any creator."""
        if session_id:
            name = self._keys.of_session(project, session_id)
        elif created_by:
            name = self._keys.of_creator(project, created_by)
        else:
            name = self._keys.of_project(project)
        found: list[Link] = []
        # Links of `after`'s own millisecond are returned again and skipped.
        highest, offset = (after.created_ms if after else "+inf"), 0
        while len(found) < count:
            asked = count - len(found) + _PAGE_SLACK
            async with self._places:
                with redis_errors():
                    rows: list[Any] = await self._client.zrevrangebyscore(
                        name, highest, "-inf", start=offset, num=asked, withscores=True
                    )
            offset += len(rows)
            ids = [
                raw.decode()
                for raw, score in rows
                if after is None or (int(score), raw.decode()) < (after.created_ms, after.link_id)
            ]
            found += [
                link
                for link in await self._links(ids)
                if link and link.project == project and created_by in {"", link.created_by}
            ]
            if len(rows) < asked:
                break
        return found[:count]

    async def _links(self, ids: Sequence[str]) -> list[Link | None]:
        if not ids:
            return []
        async with self._places, self._client.pipeline(transaction=False) as pipeline:
            for link_id in ids:
                pipeline.hmget(self._keys.link(link_id), list(FIELDS))
            with redis_errors():
                rows = await pipeline.execute()
        return [
            _link(link_id, [field.decode() for field in row]) if row[0] is not None else None
            for link_id, row in zip(ids, rows, strict=True)
        ]


def _row(link: Link) -> tuple[str | int, ...]:
    return (
        link.project,
        link.session_id,
        link.created_by,
        link.created_ms,
        link.expires_ms,
        *("" if value is None else value for value in (link.span.start_ms, link.span.end_ms, link.max_views)),
        link.view_count,
        link.passcode_hash,
        link.label,
    )


def _link(link_id: str, row: Sequence[Any]) -> Link:
    project, session, created_by, created, expires, start, end, max_views, views, passcode, label = row
    return Link(
        link_id=link_id,
        project=project,
        session_id=session,
        created_by=created_by,
        created_ms=int(created),
        expires_ms=int(expires),
        span=Span(_optional(start), _optional(end)),
        max_views=_optional(max_views),
        view_count=int(views),
        passcode_hash=passcode,
        label=label,
    )


def _optional(value: str) -> int | None:
    return int(value) if value else None


def _origin(value: str) -> Origin:
    project, session_id = value.split(" ")
    return Origin(project, session_id)
