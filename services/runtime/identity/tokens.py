"""Caller identity: verifies and mints tokens (JWT), and keeps the caller's identity for the rest of the call.

Claims: `sub`, `project`, `scope` (words), `exp`, `aud`; a grant for one session also `session`, `range`
([start, end] in ms, either null), `range_origin` (the time from which they count, in ms since 1970; without it the
session's first event, which moves when earlier events are recorded) and `link`. The algorithm in a token's header
picks the key and never the other way round: HS256 goes with the secret only, the asymmetric ones with the key set only.
The scope `internal` counts only in tokens signed with the secret, and the sidecar refuses them.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import jwt

from services.runtime.errors import Unauthenticated
from services.runtime.identity.jwks import KeySet
from services.runtime.identity.signing_secret import signing_secret
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from services.runtime.settings import Settings

_MAX_TOKEN_CHARS = 8192  # gRPC metadata has no room for more
_CACHE_SIZE = 10_000
# Times are checked separately, against the clock passed in.
_DECODE_OPTIONS: jwt.types.Options = {
    "require": ["sub", "exp", "aud"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}


class Scope(StrEnum):
    """Permission of a token. INTERNAL is for calls between Afterimage's own processes, never given to a person."""

    RECORD = "record"
    VIEW = "view"
    SHARE = "share"
    ADMIN = "admin"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Identity:
    """The caller, as stated by the token.

    Attributes:
        subject: Subject, as named by the issuer of the token.
        project: The only project this caller sees.
        scopes: Permissions of the caller.
        expires_at: Expiry of the token, in seconds since 1970.
        session_id: Of a grant: the only session it opens. None: not a grant.
        range_start_ms: Of a grant: start of the range, as an offset into the session. None: the session's start.
        range_end_ms: Of a grant: end of the range. None: the session's end.
        range_origin_ms: Of a grant: the time that the range counts from, in milliseconds since 1970. None: the
            session's first event.
        link_id: Of a grant: the redeemed share link.
    """

    subject: str
    project: str
    scopes: frozenset[Scope]
    expires_at: float
    session_id: str | None = None
    range_start_ms: int | None = None
    range_end_ms: int | None = None
    link_id: str | None = None
    range_origin_ms: int | None = None


_identity: ContextVar[Identity] = ContextVar("afterimage_identity")


def current_identity() -> Identity:
    """Returns the caller of the current RPC.

    Raises:
        Unauthenticated: There is no caller: the method is open, or no call is being served.
    """
    try:
        return _identity.get()
    except LookupError:
        raise Unauthenticated("this needs a token", reason="TOKEN_MISSING") from None


@contextmanager
def acting_as(identity: Identity) -> Iterator[None]:
    """Makes `identity` the caller for the duration of the block; the interceptor does this for every call."""
    token = _identity.set(identity)
    try:
        yield
    finally:
        _identity.reset(token)


class TokenVerifier:
    """Verifies tokens. Caches the identities of valid tokens, by the token's hash, until they expire.

    Args:
        settings: Secret, key set, audience and configured projects.
        now: The clock, in seconds since 1970.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._now = now
        self._secret = signing_secret(settings)
        self._key_set = KeySet.of(settings.auth)
        self._held: OrderedDict[bytes, Identity] = OrderedDict()
        self.leeway_s = settings.auth.leeway_s

    async def verify(self, token: str) -> Identity:
        """Returns the identity in `token`.

        Raises:
            Unauthenticated: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED or PROJECT_UNKNOWN.
            Unavailable: JWKS_UNAVAILABLE: the key set cannot be fetched at present.
        """
        if not token:
            raise Unauthenticated("this needs a token", reason="TOKEN_MISSING")
        if len(token) > _MAX_TOKEN_CHARS:
            raise _invalid(f"longer than {_MAX_TOKEN_CHARS} characters")
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        identity = self._held.get(digest)
        if identity is None:
            identity = self._identity_of(await self._claims(token))
            self._held[digest] = identity
            if len(self._held) > _CACHE_SIZE:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(digest)
        if self.remaining_s(identity) <= 0:
            self._held.pop(digest, None)
            raise Unauthenticated("the token has expired", reason="TOKEN_EXPIRED")
        return identity

    def remaining_s(self, identity: Identity) -> float:
        """Returns the remaining validity of `identity` in seconds, leeway included.

        A share grant gets no leeway: it was issued here, so the clocks agree, and a link must not outlive its end.
        """
        leeway_s = self.leeway_s if identity.link_id is None else 0.0
        return identity.expires_at + leeway_s - self._now()

    async def _claims(self, token: str) -> dict[str, Any]:
        auth = self._settings.auth
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            key: bytes | jwt.PyJWK | None = None
            issuer = None
            if algorithm == "HS256":
                key = self._secret
            elif algorithm in auth.algorithms and self._key_set is not None:
                key, issuer = await self._key_set.key(header.get("kid"), algorithm), auth.issuer
            if key is None:
                raise _invalid("its algorithm or key is not accepted here")
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[algorithm], audience=auth.audience, issuer=issuer, options=_DECODE_OPTIONS
            )
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(f"without the claim {error.claim!r}") from None
        except jwt.InvalidAudienceError:
            raise _invalid("for another audience") from None
        except jwt.InvalidIssuerError:
            raise _invalid("from another issuer") from None
        # RecursionError, ValueError: hostile JSON in a header. No text, no cause: either may quote the token.
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            raise _invalid("malformed, or its signature is invalid") from None
        if algorithm != "HS256" and isinstance(scope := claims.get("scope"), str):
            # An identity provider issues tokens to people: none of them may act as an Afterimage process.
            claims["scope"] = " ".join(word for word in scope.split() if word != Scope.INTERNAL)
        return claims

    def _identity_of(self, claims: Mapping[str, Any]) -> Identity:
        not_before = claims.get("nbf")
        if not_before is not None and _number(not_before, "nbf") > self._now() + self.leeway_s:
            raise _invalid("not valid yet")
        project = claims.get("project")
        if not isinstance(project, str) or self._settings.project(project) is None:
            raise Unauthenticated("the token is for an unknown project", reason="PROJECT_UNKNOWN")
        scope = claims.get("scope", "")
        if not isinstance(scope, str):
            raise _invalid("its scope is not a string")
        session_id, link_id = _text(claims, "session"), _text(claims, "link")
        start_ms, end_ms = _range_ms(claims.get("range"))
        origin_ms = _time_ms(claims, "range_origin")
        if session_id is None and (start_ms, end_ms, origin_ms) != (None, None, None):
            raise _invalid("its range names no session")
        return Identity(
            subject=claims["sub"],
            project=project,
            # Scopes of other programs (openid, profile ...) are ignored.
            scopes=frozenset(known for known in Scope if known in scope.split()),
            expires_at=_number(claims["exp"], "exp"),
            session_id=session_id,
            range_start_ms=start_ms,
            range_end_ms=end_ms,
            link_id=link_id,
            range_origin_ms=origin_ms,
        )


class TokenMinter:
    """Issues tokens signed with the secret.

    Args:
        settings: Secret and audience.
        now: The clock, in seconds since 1970.

    Raises:
        SettingsError: No secret is configured.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.time) -> None:
        secret = signing_secret(settings)
        if secret is None:
            raise SettingsError("auth.secret: needed to issue tokens (a key set only verifies them)")
        self._secret = secret
        self._audience = settings.auth.audience
        self._now = now

    def mint(
        self,
        subject: str,
        project: str,
        scopes: Iterable[Scope | str],
        ttl_s: float,
        session_id: str | None = None,
        range_ms: tuple[int | None, int | None] | None = None,
        link_id: str | None = None,
        range_origin_ms: int | None = None,
    ) -> str:
        """Returns a token that is valid for `ttl_s` seconds.

        Args:
            subject: Subject of the token.
            project: Project of the token.
            scopes: Permissions of the token.
            ttl_s: Seconds until it expires, above 0.
            session_id: The only session it opens; None: not a grant.
            range_ms: Of a grant: start and end as offsets into the session; None in either position: open.
            link_id: Of a grant: its share link.
            range_origin_ms: Of a grant: the time that the range counts from; None: the session's first event.

        Raises:
            ValueError: A scope that does not exist, a `ttl_s` of 0 or less, or a range without a session.
        """
        if not ttl_s > 0:
            raise ValueError("ttl_s must be above 0")
        if (range_ms is not None or range_origin_ms is not None) and session_id is None:
            raise ValueError("range_ms and range_origin_ms need session_id")
        now = self._now()
        claims: dict[str, Any] = {
            "sub": subject,
            "project": project,
            "scope": " ".join(sorted(Scope(scope) for scope in scopes)),
            "aud": self._audience,
            "iat": int(now),
            "exp": math.ceil(now + ttl_s),
        }
        if session_id is not None:
            claims["session"] = session_id
        if range_ms is not None:
            claims["range"] = list(range_ms)
        if range_origin_ms is not None:
            claims["range_origin"] = range_origin_ms
        if link_id is not None:
            claims["link"] = link_id
        return jwt.encode(claims, self._secret, algorithm="HS256")


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated(f"the token is not valid: {why}", reason="TOKEN_INVALID")


def _number(value: Any, claim: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise _invalid(f"its {claim} is not a time")


def _text(claims: Mapping[str, Any], claim: str) -> str | None:
    value = claims.get(claim)
    if value is None or (isinstance(value, str) and value):
        return value
    raise _invalid(f"its {claim} is not a name")


def _time_ms(claims: Mapping[str, Any], claim: str) -> int | None:
    value = claims.get(claim)
    if value is None or (type(value) is int and value >= 0):
        return value
    raise _invalid(f"its {claim} is not a time in milliseconds")


def _range_ms(value: Any) -> tuple[int | None, int | None]:
    if value is None:
        return None, None
    if isinstance(value, list) and len(value) == 2 and all(end is None or type(end) is int for end in value):
        start, end = value
        if (start is None or start >= 0) and (end is None or end > (start or 0)):
            return start, end
    raise _invalid("its range is not [start, end] in milliseconds")
