"""Caller identity: verifies and mints tokens (JWT), and keeps the caller's identity for the rest of the call.

Claims: `sub`, `project`, `scope` (words), `exp`, `aud`; a grant for one session also `session`, `range`
([start, end] in ms, either null), `range_origin` (the time from which they count, in ms since 1970; without it the
session's first event, which moves when earlier events are recorded) and `link`. The algorithm in a token's header
picks the key and never the other way round: HS256 goes with the secret only, the asymmetric ones with the key set only.
The scope `internal` counts only in tokens signed with the secret, and the sidecar refuses them. While one secret
replaces another there are several: the first signs, all of them verify.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections import OrderedDict
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import jwt

from services.runtime.errors import Unauthenticated
from services.runtime.identity.jwks import KeySet
from services.runtime.identity.revoked import revoked_error
from services.runtime.identity.signing_secret import signing_secret, signing_secrets
from services.runtime.settings.identity import DAY_S
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from services.runtime.identity.revoked import RevokedTokens
    from services.runtime.settings import Settings

_MAX_TOKEN_CHARS = 8192  # gRPC metadata has no room for more
_CACHE_SIZE = 10_000
_CACHED_S = 300.0  # a key that the provider has withdrawn stays in force for no longer than its set is fresh
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
    EXPORT = "export"
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
        token_id: The name under which the token can be revoked: its `jti`, else "sha256:" and the hash of its
            header and claims.
        issued_at: `iat`, in seconds since 1970; None: the token does not state it.
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
    # Of the token, not of the caller: two tokens of one caller make equal identities.
    token_id: str = field(default="", compare=False)
    issued_at: float | None = field(default=None, compare=False)


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
    """Verifies tokens. Caches the identities of valid tokens for 5 minutes, by the token's hash.

    Args:
        settings: Secrets, key set, audience and configured projects.
        now: The clock, in seconds since 1970.
        monotonic: A clock that never goes back, in seconds.
        revoked: The revoked tokens; None: tokens are not revoked here.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        revoked: RevokedTokens | None = None,
    ) -> None:
        self._settings = settings
        self._now = now
        self._monotonic = monotonic
        self._revoked = revoked
        self._secrets = signing_secrets(settings)
        self._key_set = KeySet.of(settings.auth, monotonic)
        self._held: OrderedDict[bytes, tuple[Identity, float]] = OrderedDict()
        self.leeway_s = settings.auth.leeway_s

    async def verify(self, token: str) -> Identity:
        """Returns the identity in `token`.

        Raises:
            Unauthenticated: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_LIFE_TOO_LONG, TOKEN_REVOKED or
                PROJECT_UNKNOWN.
            Unavailable: JWKS_UNAVAILABLE, REVOCATIONS_UNAVAILABLE: the key set, or the list of revoked tokens, cannot
                be fetched at present.
        """
        if not token:
            raise Unauthenticated("this needs a token", reason="TOKEN_MISSING")
        if len(token) > _MAX_TOKEN_CHARS:
            raise _invalid(f"longer than {_MAX_TOKEN_CHARS} characters")
        digest = hashlib.sha256(token.encode(errors="replace")).digest()
        held = self._held.get(digest)
        if held is not None and self._monotonic() - held[1] < _CACHED_S:
            identity = held[0]
            self._held.move_to_end(digest)
        else:
            self._held.pop(digest, None)
            identity = self._identity_of(await self._claims(token), token)
            self._held[digest] = identity, self._monotonic()
            if len(self._held) > _CACHE_SIZE:
                self._held.popitem(last=False)
        if self.remaining_s(identity) <= 0:
            self._held.pop(digest, None)
            raise Unauthenticated("the token has expired", reason="TOKEN_EXPIRED")
        if self._revoked is not None:
            self._revoked.check(identity)
        return identity

    @contextmanager
    def standing(self, identity: Identity, scope: asyncio.Timeout) -> Iterator[None]:
        """Ends `scope` at once if the caller's token is revoked while the block runs.

        Raises:
            Unauthenticated: TOKEN_REVOKED: it was revoked before the block.
        """
        if self._revoked is None:
            yield
            return
        with self._revoked.standing(identity, scope):
            yield

    def ended(self, identity: Identity) -> Unauthenticated:
        """Returns the error of a stream that ended with its token: TOKEN_REVOKED or TOKEN_EXPIRED."""
        if self._revoked is not None and self._revoked.is_revoked(identity):
            return revoked_error()
        return Unauthenticated("the token has expired", reason="TOKEN_EXPIRED")

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
            keys: Sequence[bytes | jwt.PyJWK] = ()
            issuer = None
            if algorithm == "HS256":
                keys = self._secrets
            elif algorithm in auth.algorithms and self._key_set is not None:
                found, issuer = await self._key_set.key(header.get("kid"), algorithm), auth.issuer
                keys = () if found is None else (found,)
            if not keys:
                raise _invalid("its algorithm or key is not accepted here")
            claims = _decoded(token, keys, algorithm, auth.audience, issuer)
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

    def _identity_of(self, claims: Mapping[str, Any], token: str) -> Identity:
        not_before = claims.get("nbf")
        if not_before is not None and _number(not_before, "nbf") > self._now() + self.leeway_s:
            raise _invalid("not valid yet")
        issued_at = claims.get("iat")
        issued_at = None if issued_at is None else _number(issued_at, "iat")
        expires_at = _number(claims["exp"], "exp")
        self._check_life(issued_at, expires_at)
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
            expires_at=expires_at,
            session_id=session_id,
            range_start_ms=start_ms,
            range_end_ms=end_ms,
            link_id=link_id,
            range_origin_ms=origin_ms,
            token_id=_text(claims, "jti") or content_id(token),
            issued_at=issued_at,
        )

    def _check_life(self, issued_at: float | None, expires_at: float) -> None:
        most_s = self._settings.auth.max_token_life_s
        # Not after now: an `iat` in the future must not make a life look short.
        life_s = expires_at - min(issued_at if issued_at is not None else math.inf, self._now())
        if most_s and life_s > most_s + self.leeway_s + 1.0:  # `exp` counts whole seconds, rounded up
            raise Unauthenticated(
                f"the token is valid for {life_s / DAY_S:.1f} days, and at most {most_s / DAY_S:.4g} are accepted "
                "(auth.max_token_life_s): get one that ends sooner, and renew it",
                reason="TOKEN_LIFE_TOO_LONG",
            )


class TokenMinter:
    """Issues tokens signed with the secret.

    Args:
        settings: Secret and audience.
        now: The clock, in seconds since 1970.
        new_id: Makes the `jti` of a token, under which it can be revoked.

    Attributes:
        max_life_s: Maximum life of a token that this installation accepts; infinite without a limit.

    Raises:
        SettingsError: No secret is configured.
    """

    def __init__(
        self,
        settings: Settings,
        now: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        secret = signing_secret(settings)
        if secret is None:
            raise SettingsError("auth.secret: needed to issue tokens (a key set only verifies them)")
        self._secret = secret
        self._audience = settings.auth.audience
        self._now = now
        self._new_id = new_id
        self.max_life_s = settings.auth.max_token_life_s or math.inf

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
            "jti": self._new_id(),
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


def content_id(token: str) -> str:
    """Returns the name of a token without a `jti`: the hash of its header and claims, without the signature."""
    return "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode(errors="replace")).hexdigest()


def _decoded(
    token: str, keys: Sequence[bytes | jwt.PyJWK], algorithm: str, audience: str, issuer: str | None
) -> dict[str, Any]:
    """Returns the claims of a token that one of `keys` signed, or raises the last key's error."""
    *earlier, last = keys
    for key in earlier:
        with suppress(jwt.InvalidSignatureError):
            return jwt.decode(
                token, key, algorithms=[algorithm], audience=audience, issuer=issuer, options=_DECODE_OPTIONS
            )
    return jwt.decode(token, last, algorithms=[algorithm], audience=audience, issuer=issuer, options=_DECODE_OPTIONS)


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
