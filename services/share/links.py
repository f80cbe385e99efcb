"""Share links: create, look up, redeem, list, revoke."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from services.runtime.access_actions import AccessAction, AccessOutcome
from services.runtime.errors import (
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
)
from services.runtime.identity.peer import Peer
from services.runtime.identity.tokens import Identity, Scope
from services.share.audit_client import AuditClient
from services.share.grants import Grants
from services.share.model import (
    Act,
    Gone,
    Grant,
    Limited,
    Link,
    LinkCursor,
    Locked,
    NewLink,
    Opened,
    Origin,
    Span,
    TrailEntry,
)
from services.share.passcode import Passcodes
from services.share.ranges import fixed_span, fixed_span_of_old_link
from services.share.store import LinkStore
from services.share.tokens import Key, NewSecret, handle_key, new_handle, new_token, token_key
from services.share.trail import Trail

_log = structlog.get_logger("afterimage.share")


@dataclass(frozen=True, slots=True)
class Links:
    """Domain logic of ShareService.

    Attributes:
        now_ms: The clock, milliseconds since 1970.
        new_secret: Source of random bytes.
    """

    store: LinkStore
    audit: AuditClient
    trail: Trail
    grants: Grants
    passcodes: Passcodes
    now_ms: Callable[[], int]
    new_secret: NewSecret

    async def create(self, by: Identity, caller: Peer, wanted: NewLink) -> tuple[Link, str]:
        """Creates a link; returns it and its token, which is not stored.

        Raises:
            InvalidArgument: The span is not inside the session, or no full snapshot begins it.
            NotFound: The session does not exist in the caller's project.
            PermissionDenied: The link is to allow downloads, and the caller may not export (SCOPE_MISSING).
            Unavailable: Redis, AuditService or the trail is unavailable; no link is created.
        """
        entry = TrailEntry(
            AccessAction.SHARE_CREATE, by.project, caller, session_id=wanted.session_id, subject=by.subject
        )
        if wanted.allow_download and Scope.EXPORT not in by.scopes:
            self.trail.refused(replace(entry, detail="with download"), AccessOutcome.DENIED)
            raise PermissionDenied(
                "a link that allows downloads needs the scope export, too",
                reason="SCOPE_MISSING",
                metadata={"scope": Scope.EXPORT},
            )
        try:
            session = await self.audit.session(by.project, wanted.session_id, _offset_of(wanted.span))
        except NotFound:
            self.trail.refused(entry, AccessOutcome.NOT_FOUND)
            raise
        part = fixed_span(wanted.span, session)
        token = new_token(self.new_secret)
        key = token_key(token)
        passcode_hash = await self.passcodes.hash(wanted.passcode) if wanted.passcode else ""
        now_ms = self.now_ms()
        link = Link(
            link_id=key.link_id,
            project=by.project,
            session_id=wanted.session_id,
            created_by=by.subject,
            created_ms=now_ms,
            # Whole seconds, like `exp` of the grants.
            expires_ms=math.ceil(now_ms / 1000 + wanted.ttl_s) * 1000,
            part=part,
            max_views=wanted.max_views,
            passcode_hash=passcode_hash,
            label=wanted.label,
            allow_download=wanted.allow_download,
        )
        await self.store.create(link, key.digest, link.expires_ms - now_ms)
        try:
            await self.trail.allowed(replace(entry, link_id=link.link_id, detail=_detail(link)))
        except BaseException:
            await self.store.end(link.project, link.link_id)
            raise
        return link, token

    async def look(self, token: str, caller: Peer) -> Link:
        """Returns the link of a token.

        Raises:
            InvalidArgument: The token is malformed.
            NotFound: The link does not exist or has ended.
            ResourceExhausted: The address exceeds its request rate.
        """
        answer = await self.store.open(Act.LOOK, token_key(token), "", caller.bucket, self.now_ms())
        match answer:
            case Opened(link) | Locked(link):
                return link
            case Limited(wait_ms):
                raise _too_fast(wait_ms)
            case Gone():
                raise _gone()

    async def redeem(self, token: str, passcode: str, caller: Peer) -> Grant:
        """Counts a view and returns a grant.

        Raises:
            InvalidArgument: The token is malformed.
            NotFound: The link does not exist, has ended, is locked, or has no views left.
            PermissionDenied: The passcode is missing or wrong.
            ResourceExhausted: The address exceeds its request rate, or too many passcodes were wrong.
        """
        key = token_key(token)
        handle, renewal = new_handle(key.link_id, self.new_secret)
        now_ms = self.now_ms()
        answer = await self.store.open(Act.REDEEM, key, renewal, caller.bucket, now_ms)
        if isinstance(answer, Locked):
            await self._check_passcode(answer.link, passcode, caller)
            matched = answer.link.passcode_hash
            answer = await self.store.open(Act.REDEEM, key, renewal, None, now_ms, matched)
        return await self._grant(answer, key, handle, renewal, caller)

    async def renew(self, handle: str, caller: Peer) -> Grant:
        """Returns another grant for an earlier one, without counting a view. Raises as `redeem`."""
        key = handle_key(handle)
        answer = await self.store.open(Act.RENEW, key, key.digest, caller.bucket, self.now_ms())
        return await self._grant(answer, key, handle, None, caller)

    async def list(
        self, by: Identity, session_id: str, created_by: str, count: int, after: LinkCursor | None
    ) -> list[Link]:
        """Returns links of the caller's project, newest first."""
        return await self.store.find(by.project, session_id, created_by, count, after)

    async def revoke(self, by: Identity, caller: Peer, link_id: str) -> int:
        """Ends a link and its open streams; returns the time, in milliseconds since 1970.

        Raises:
            NotFound: The link does not exist in the caller's project.
        """
        entry = TrailEntry(AccessAction.SHARE_REVOKE, by.project, caller, link_id=link_id, subject=by.subject)
        link = await self.store.get(by.project, link_id)
        if link is not None:
            await self.trail.allowed(replace(entry, session_id=link.session_id))
            if await self.store.end(by.project, link_id):
                return self.now_ms()
        self.trail.refused(entry, AccessOutcome.NOT_FOUND)
        raise _gone()

    def denied(self, action: AccessAction, by: Identity, caller: Peer, named: tuple[str, str]) -> None:
        """Records in the trail an action on a session or a link that the caller's token does not allow."""
        session_id, link_id = named
        entry = TrailEntry(action, by.project, caller, link_id=link_id, session_id=session_id, subject=by.subject)
        self.trail.refused(entry, AccessOutcome.DENIED)

    async def _grant(
        self, answer: Opened | Locked | Gone | Limited, key: Key, handle: str, renewal: str | None, caller: Peer
    ) -> Grant:
        """Turns the store's answer into a grant.

        Args:
            answer: Answer of the store.
            key: Of the token or handle.
            handle: The renewal handle to return.
            renewal: Digest of the handle if a view was counted for it; None: this is a renewal.
            caller: The caller.
        """
        entry = TrailEntry(
            AccessAction.SHARE_REDEEM, "", caller, link_id=key.link_id, detail="" if renewal else "renewal"
        )
        if isinstance(answer, Limited):
            raise _too_fast(answer.wait_ms)
        origin = answer.origin if isinstance(answer, Gone) else Origin(answer.link.project, answer.link.session_id)
        if origin is not None:
            entry = replace(entry, project=origin.project, session_id=origin.session_id)
        if not isinstance(answer, Opened):  # Locked: the passcode was checked against a hash that has changed since
            self.trail.refused(entry, AccessOutcome.NOT_FOUND)
            raise _gone()
        try:
            return await self._recorded(answer.link, handle, entry)
        except BaseException:
            if renewal:
                await self.store.take_back(answer.link.link_id, renewal)
            raise

    async def _recorded(self, opened: Link, handle: str, entry: TrailEntry) -> Grant:
        """Returns a grant for a link, once it is in the trail."""
        link = await self._with_fixed_part(opened)
        minted = None if link is None else self.grants.mint(link)
        if link is None or minted is None:
            self.trail.refused(entry, AccessOutcome.NOT_FOUND)
            raise _gone()
        await self.trail.allowed(entry)
        return Grant(minted[0], minted[1], handle, link)

    async def _with_fixed_part(self, link: Link) -> Link | None:
        """Returns a link with a range that stays where it is; None: the link or its session has ended.

        Links of older versions have offsets from the session's start. They are fixed at the first use, from the
        session's start when the link was made: events recorded since then do not move them.
        """
        if not link.part.is_open:
            return link
        span = link.part.span
        try:
            session = await self.audit.session(link.project, link.session_id, span.start_ms or 0, link.created_ms)
        except NotFound:
            return None
        part = await self.store.fix(link.link_id, fixed_span_of_old_link(span, session))
        return None if part is None else replace(link, part=part)

    async def _check_passcode(self, link: Link, passcode: str, caller: Peer) -> None:
        entry = TrailEntry(
            AccessAction.SHARE_REDEEM, link.project, caller, link_id=link.link_id, session_id=link.session_id
        )
        if not passcode:
            self.trail.refused(replace(entry, detail="without passcode"), AccessOutcome.DENIED, "passcode_missing")
            raise PermissionDenied("this link needs a passcode", reason="PASSCODE_REQUIRED")
        now_ms = self.now_ms()
        wait_ms = await self.store.attempt(link.link_id, caller.bucket, now_ms)
        if wait_ms > 0:
            self.trail.refused(
                replace(entry, detail="too many wrong passcodes"), AccessOutcome.DENIED, "passcode_attempts"
            )
            raise ResourceExhausted(
                "too many wrong passcodes; try again later", reason="PASSCODE_ATTEMPTS", retry_after_s=wait_ms / 1000
            )
        if await self.passcodes.matches(link.passcode_hash, passcode):
            await self.store.right(link.link_id, caller.bucket, now_ms)
            return
        self.trail.refused(replace(entry, detail="wrong passcode"), AccessOutcome.DENIED, "passcode_wrong")
        if count := await self.store.wrong(link.link_id, now_ms):
            _log.warning("too many wrong passcodes have locked a share link", link=link.link_id, project=link.project)
            entry = replace(entry, action=AccessAction.SHARE_LOCK, detail=f"{count} wrong passcodes")
            with suppress(Unavailable):  # logged and counted; the link is locked in any case
                await self.trail.allowed(entry)
        raise PermissionDenied("the passcode is wrong", reason="PASSCODE_WRONG")


def _gone() -> NotFound:
    return NotFound("there is no such link, or it has ended", reason="LINK_NOT_FOUND")


def _too_fast(wait_ms: int) -> ResourceExhausted:
    return ResourceExhausted(
        "too many link requests from this address", reason="RATE_LIMITED", retry_after_s=wait_ms / 1000
    )


def _offset_of(span: Span) -> int | None:
    return None if span == Span() else span.start_ms or 0


def _detail(link: Link) -> str:
    """Returns a description of the link's limits."""
    words = [f"until {link.expires_ms // 1000}"]
    if link.part.span != Span():
        start, end = (link.part.span.start_ms or 0), link.part.span.end_ms
        words.append(f"from {start / 1000:g} s to {'the end' if end is None else f'{end / 1000:g} s'}")
    if link.max_views is not None:
        words.append(f"{link.max_views} views")
    if link.passcode_hash:
        words.append("with passcode")
    if link.allow_download:
        words.append("with download")
    return ", ".join(words)
