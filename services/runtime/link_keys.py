"""Redis keys and revocation of share links, shared by AuditService and ShareService.

ShareService writes links; AuditService checks that a link is still valid before it opens a stream for a grant,
receives revocations, and ends a session's links when the session is deleted. ExportService reads whether a link allows
downloads, and deletes its exports when it ends.

Every key begins with `afterimage:{environment}:share:` and has a TTL. The keys of a link do not share a hash slot:
Redis Cluster is not supported; one Redis (or Valkey) with replicas is.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from services.runtime.redis_client import key, messages, redis_errors
from services.runtime.settings import Settings

if TYPE_CHECKING:
    import redis.asyncio

END_LINK = """
-- KEYS: link. ARGV: prefix of all keys, id of the link, project ("": any), channel.
local link = redis.call('HMGET', KEYS[1], 'project', 'session', 'creator_key')
if not link[1] or (ARGV[3] ~= '' and link[1] ~= ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1])
local of_project = ARGV[1] .. 'of-project:' .. link[1]
redis.call('ZREM', of_project, ARGV[2])
redis.call('ZREM', ARGV[1] .. 'of-session:' .. link[1] .. ':' .. link[2], ARGV[2])
redis.call('ZREM', ARGV[1] .. 'of-creator:' .. link[1] .. ':' .. link[3], ARGV[2])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return 1
"""
_END_LINK_SHA = hashlib.sha1(END_LINK.encode()).hexdigest()  # noqa: S324 - Redis identifies scripts by SHA-1


DOWNLOAD_FIELDS = ("project", "session", "expires", "label", "download")
"""Fields of a link's hash that ExportService reads. ShareService writes them; `download` is "1" if it is allowed."""


class LinkKeys:
    """The names of all keys used by share links.

    Attributes:
        prefix: Prefix of every key.
        revoked_channel: Channel to which the id of each revoked link is published.
    """

    def __init__(self, settings: Settings) -> None:
        self.prefix = key(settings, "share", "")
        self.revoked_channel = key(settings, "revoked")

    def link(self, link_id: str) -> str:
        """The link itself, a hash. Exists as long as the link is valid."""
        return f"{self.prefix}link:{link_id}"

    def origin(self, link_id: str) -> str:
        """Project and session of a link; outlives it, so that the trail can name the session of a late visit."""
        return f"{self.prefix}origin:{link_id}"

    def renewal(self, link_id: str, digest: str) -> str:
        """A renewal handle, under its hash."""
        return f"{self.prefix}renewal:{link_id}:{digest}"

    def of_project(self, project: str) -> str:
        """Ids of a project's links by creation time, a sorted set."""
        return f"{self.prefix}of-project:{project}"

    def of_session(self, project: str, session_id: str) -> str:
        """Ids of the links to one session."""
        return f"{self.prefix}of-session:{project}:{session_id}"

    def of_creator(self, project: str, created_by: str) -> str:
        """Ids of the links created by one subject."""
        return f"{self.prefix}of-creator:{project}:{creator_key(created_by)}"

    def rate(self, bucket: str) -> str:
        """Request rate of one address."""
        return f"{self.prefix}rate:{bucket}"

    def wrong_by(self, link_id: str, bucket: str) -> str:
        """Wrong passcodes for one link from one address."""
        return f"{self.prefix}wrong-by:{link_id}:{bucket}"


def creator_key(created_by: str) -> str:
    """Returns a subject in the form used in keys: of bounded length, without separators."""
    return hashlib.sha256(created_by.encode(errors="replace")).hexdigest()[:32]


async def is_standing(client: redis.asyncio.Redis, keys: LinkKeys, link_id: str) -> bool:
    """Returns whether the link has neither ended nor been revoked.

    Raises:
        Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
    """
    with redis_errors():
        return bool(await client.exists(keys.link(link_id)))


async def end_link(client: redis.asyncio.Redis, keys: LinkKeys, link_id: str, project: str = "") -> bool:
    """Ends a link and notifies all subscribers; returns False when the link does not exist (in that project).

    Raises:
        Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
    """
    from redis.exceptions import NoScriptError

    arguments = (keys.link(link_id), keys.prefix, link_id, project, keys.revoked_channel)
    with redis_errors():
        try:
            return bool(await client.evalsha(_END_LINK_SHA, 1, *arguments))
        except NoScriptError:
            return bool(await client.eval(END_LINK, 1, *arguments))


async def end_links_of_session(client: redis.asyncio.Redis, keys: LinkKeys, project: str, session_id: str) -> int:
    """Ends all links to a session; returns the number of links that were valid.

    Raises:
        Unavailable: Redis does not answer (REDIS_UNAVAILABLE).
    """
    with redis_errors():
        ids: list[Any] = await client.zrange(keys.of_session(project, session_id), 0, -1)
    return sum([await end_link(client, keys, link_id.decode(), project) for link_id in ids])


async def revocations(client: redis.asyncio.Redis, keys: LinkKeys) -> AsyncIterator[str | None]:
    """Yields the id of each link revoked from now on, and None when revocations may have been missed.

    None comes first, and after each loss of the connection: the subscriber then checks the links of its
    open streams. Reconnects indefinitely; stops when the iterator is closed.
    """
    async for message in messages(client, keys.revoked_channel):
        yield message
