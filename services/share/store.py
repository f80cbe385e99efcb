"""Links in Redis. `services.runtime.link_keys` describes the keys; every one of them has a TTL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import redis.asyncio

from services.runtime.link_keys import LinkKeys, creator_key, end_link
from services.runtime.redis_client import redis_errors, required
from services.share.lua_scripts import creation, passcode_attempts, redemption
from services.share.lua_scripts.link_fields import FIELDS
from services.share.model import Act, FixedSpan, Gone, Limited, Link, LinkCursor, Locked, Opened, Origin, Span
from services.share.redis_batcher import RedisBatcher
from services.share.tokens import Key

ORIGIN_KEPT_MS = 7 * 86_400_000
"""Time after a link's end during which the trail can still name the session of a visit."""

MAX_AT_ONCE = 64
"""Maximum number of commands in flight. The client opens a connection for each, with a maximum of 100: beyond that, it
would report Redis as unavailable."""

_MINUTE_MS = 60_000
_PAGE_SLACK = 20
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder().decode


@dataclass(frozen=True, slots=True)
class GuessLimit:
    """Limit of wrong passcodes: `most` at once, and one more each `forgiven_ms`."""

    most: int
    forgiven_ms: int


class LinkStore:
    """Share links in Redis.

    Args:
        client: None: Redis is not configured, every call raises Unavailable.
        script_pipeline: Runs scripts on the same Redis.
        keys: The names of the keys.
        requests_per_minute: Maximum request rate of an address. 0: no limit.
        renewal_ttl_ms: Lifetime of a renewal handle after its last use.
        guesses_by_address: Wrong passcodes of one address for one link, after which it waits.
        guesses_at_link: Wrong passcodes for one link in all, which lock it.

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
        guesses_by_address: GuessLimit,
        guesses_at_link: GuessLimit,
    ) -> None:
        self._maybe_client = client
        self._scripts = script_pipeline
        self._keys = keys
        self._interval_ms = -(-_MINUTE_MS // requests_per_minute) if requests_per_minute else 0
        self._renewal_ttl_ms = renewal_ttl_ms
        self._by_address = guesses_by_address
        self._at_link = guesses_at_link
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
        """Counts a passcode as wrong; returns the required wait before it may be checked, in milliseconds; 0: none."""
        address, link = self._by_address, self._at_link
        limits = [address.most, address.forgiven_ms, link.most, link.forgiven_ms]
        keys = [self._keys.link(link_id), self._keys.wrong_by(link_id, bucket)]
        return int(await self._scripts.run(passcode_attempts.ATTEMPT, keys, [now_ms, *limits]))

    async def right(self, link_id: str, bucket: str, now_ms: int) -> None:
        """Uncounts the last passcode, which was right."""
        keys = [self._keys.link(link_id), self._keys.wrong_by(link_id, bucket)]
        intervals = [self._by_address.forgiven_ms, self._at_link.forgiven_ms]
        await self._scripts.run(passcode_attempts.RIGHT, keys, [now_ms, *intervals])

    async def wrong(self, link_id: str, now_ms: int) -> int:
        """Notes that the last passcode was wrong; returns the number of wrong ones if this locked the link, else 0."""
        limit = self._at_link
        arguments = [now_ms, limit.most, limit.forgiven_ms]
        return int(await self._scripts.run(passcode_attempts.WRONG, [self._keys.link(link_id)], arguments))

    async def fix(self, link_id: str, part: FixedSpan) -> FixedSpan | None:
        """Fixes the range of a link of an older version; returns its range, which another call may have fixed.

        None: the link has ended.
        """
        arguments = [_text(value) for value in (part.origin_ms, part.span.start_ms, part.requested_start_ms)]
        fixed = await self._scripts.run(creation.FIX, [self._keys.link(link_id)], arguments)
        if not fixed:
            return None
        origin, start, requested = (_optional(value.decode()) for value in fixed)
        return FixedSpan(Span(start, part.span.end_ms), origin, requested)

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
            _link(link_id, [field and field.decode() for field in row]) if row[0] is not None else None
            for link_id, row in zip(ids, rows, strict=True)
        ]


def _row(link: Link) -> tuple[str | int, ...]:
    part = link.part
    return (
        link.project,
        link.session_id,
        link.created_by,
        link.created_ms,
        link.expires_ms,
        _text(part.span.start_ms),
        _text(part.span.end_ms),
        _text(link.max_views),
        link.view_count,
        link.passcode_hash,
        link.label,
        _text(part.origin_ms),
        _text(part.requested_start_ms),
        link.wrong_passcodes,
        _text(link.locked_ms),
        "1" if link.allow_download else "",
    )


def _link(link_id: str, row: Sequence[Any]) -> Link:
    """Returns the link of a row of FIELDS; a missing field is empty."""
    project, session, created_by, created, expires, start, end, max_views, views, passcode, label, *later = row
    origin, requested, wrong, locked, download = map(_optional, later)
    return Link(
        link_id=link_id,
        project=project,
        session_id=session,
        created_by=created_by,
        created_ms=int(created),
        expires_ms=int(expires),
        part=FixedSpan(Span(_optional(start), _optional(end)), origin, requested),
        max_views=_optional(max_views),
        view_count=int(views),
        passcode_hash=passcode,
        label=label,
        wrong_passcodes=wrong or 0,
        locked_ms=locked,
        allow_download=bool(download),
    )


def _optional(value: str | bool | None) -> int | None:
    return int(value) if value else None


def _text(value: int | None) -> str:
    return "" if value is None else str(value)


def _origin(value: str) -> Origin:
    project, session_id = value.split(" ")
    return Origin(project, session_id)
