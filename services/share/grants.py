"""Grants: short-lived tokens for the session and span of a link."""

from __future__ import annotations

from collections.abc import Callable

from services.runtime.identity.tokens import Scope, TokenMinter
from services.share.model import Link

_MARGIN_S = 0.5


class Grants:
    """Mints grants.

    Args:
        minter: Signs the grants.
        ttl_s: Validity of a grant in seconds, unless its link ends sooner.
        now: The clock, in seconds since 1970.
    """

    def __init__(self, minter: TokenMinter, ttl_s: float, now: Callable[[], float]) -> None:
        self._minter = minter
        self._ttl_s = ttl_s
        self._now = now

    def mint(self, link: Link) -> tuple[str, int] | None:
        """Returns a token and its expiry in milliseconds since 1970; None: the link ends within the current second.

        `exp` counts whole seconds, and so do the ends of links: no grant outlives its link.
        """
        now = self._now()
        ends_s = int(min(now + self._ttl_s, link.expires_ms / 1000))
        # The minter rounds up, by its own clock a moment later: subtracting half a second lands on `ends_s`.
        ttl_s = ends_s - now - _MARGIN_S
        if ttl_s <= 0:
            return None
        token = self._minter.mint(
            subject=f"link:{link.link_id}",
            project=link.project,
            scopes=[Scope.VIEW, Scope.EXPORT] if link.allow_download else [Scope.VIEW],
            ttl_s=ttl_s,
            session_id=link.session_id,
            range_ms=(link.part.span.start_ms, link.part.span.end_ms),
            link_id=link.link_id,
            range_origin_ms=link.part.origin_ms,
        )
        return token, ends_s * 1000
