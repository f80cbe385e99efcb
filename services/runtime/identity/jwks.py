"""The keys of an identity provider (JWKS), from a file or an address.

A known key is served at once, also while the provider is slow or away. Fetches run one at a time, beside the requests:
only the requests that name an unknown key wait for one, at most once per `MIN_INTERVAL_S`.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import jwt
import structlog

from services.runtime.errors import Unavailable
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from services.runtime.settings import AuthSettings

_log = structlog.get_logger("afterimage.jwks")

FRESH_S = 300.0
"""Age at which a fetched set is fetched again, with the next use of one of its keys."""
MIN_INTERVAL_S = 30.0
"""Minimum time between two fetches after one that succeeded: unknown key ids cost a stranger nothing."""
RETRY_AFTER_S = 5.0
"""Time between two fetches after one that failed."""
FETCH_TIMEOUT_S = 5.0
"""Maximum time of a whole fetch: a provider that sends a byte per second is as good as away."""
MAX_SET_BYTES = 1024**2
MAX_KEY_ID_CHARS = 256
MAX_UNKNOWN = 1_000
"""Number of unknown key ids that are remembered, the latest ones; for `FRESH_S` each they cause no fetch."""

Keys = Mapping[str, jwt.PyJWK]
Fetch = Callable[[], Awaitable[Keys]]


class KeysUnavailable(Exception):  # noqa: N818 - the state of the provider
    """A key set cannot be fetched; `str()` is the reason, without the answer's content."""


class KeySet:
    """Finds the key named by a token.

    Args:
        keys: Keys that are valid without a fetch, by id.
        fetch: Fetches the other keys, or raises KeysUnavailable; None: no other keys exist.
        max_stale_s: Seconds for which fetched keys stay valid when they cannot be fetched again. 0: no limit.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        keys: Keys,
        fetch: Fetch | None = None,
        *,
        max_stale_s: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._fetch = fetch
        self._max_stale_s = max_stale_s
        self._monotonic = monotonic
        self._fetched: Keys = {}
        self._fetched_at: float | None = None
        self._is_away = False
        self._next_fetch_at = 0.0
        self._fetching: asyncio.Task[None] | None = None
        self._unknown: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of(cls, auth: AuthSettings, monotonic: Callable[[], float] = time.monotonic) -> KeySet | None:
        """Returns the key set named by the settings, or None.

        Raises:
            SettingsError: The file is not a key set.
        """
        keys: Keys = {}
        if auth.jwks_file is not None:
            try:
                keys = parse_keys(auth.jwks_file.read_text())
            except (OSError, ValueError):
                raise SettingsError(f"auth.jwks_file: {auth.jwks_file} contains no key set") from None
            if not keys:
                raise SettingsError(f"auth.jwks_file: {auth.jwks_file} contains no key for signatures with a `kid`")
        url = auth.jwks_url
        if url is None:
            return cls(keys) if keys else None
        return cls(keys, lambda: fetch_keys(url), max_stale_s=auth.jwks_max_stale_s, monotonic=monotonic)

    async def key(self, key_id: object, algorithm: str) -> jwt.PyJWK | None:
        """Returns the key with that id if it is for `algorithm`, or None.

        Raises:
            Unavailable: The key is not known, and the set cannot be fetched; it is not requested again for 5 seconds.
        """
        key = await self._find(key_id) if isinstance(key_id, str) else None
        # A set may hold keys of other kinds, such as a symmetric one that is public.
        return key if key is not None and key.algorithm_name == algorithm else None

    async def _find(self, key_id: str) -> jwt.PyJWK | None:
        if key_id in self._keys or self._fetch is None:
            return self._keys.get(key_id)
        now = self._monotonic()
        if (key := self._known(now).get(key_id)) is not None:
            if self._fetched_at is None or now - self._fetched_at >= FRESH_S:
                self._start_fetch(self._fetch, now)
            return key
        if len(key_id) > MAX_KEY_ID_CHARS or now < self._unknown.get(key_id, 0.0):
            return None
        self._start_fetch(self._fetch, now)
        if self._fetching is not None:
            # Shielded: a caller that disconnects must not end the fetch for the others.
            await asyncio.shield(self._fetching)
        now = self._monotonic()
        key = self._known(now).get(key_id)
        if key is None:
            if self._is_away or self._fetched_at is None:
                raise _unavailable()  # it may be a new key of the provider
            self._remember_unknown(key_id, now)
        return key

    def _known(self, now: float) -> Keys:
        """Returns the fetched keys that are still valid."""
        if self._fetched_at is None or (self._max_stale_s and now - self._fetched_at >= FRESH_S + self._max_stale_s):
            return {}
        return self._fetched

    def _start_fetch(self, fetch: Fetch, now: float) -> None:
        if self._fetching is None and now >= self._next_fetch_at:
            self._fetching = asyncio.create_task(self._refresh(fetch))

    async def _refresh(self, fetch: Fetch) -> None:
        """Fetches the set; the old keys stay where that fails."""
        try:
            self._fetched = await fetch()
        except KeysUnavailable as error:
            self._is_away = True
            self._next_fetch_at = self._monotonic() + RETRY_AFTER_S
            known = len(self._known(self._monotonic()))
            _log.warning("the identity provider's keys cannot be fetched", error=str(error), known_keys=known)
        else:
            self._is_away = False
            self._fetched_at = self._monotonic()
            self._next_fetch_at = self._fetched_at + MIN_INTERVAL_S
        finally:
            self._fetching = None

    def _remember_unknown(self, key_id: str, now: float) -> None:
        self._unknown[key_id] = now + FRESH_S
        self._unknown.move_to_end(key_id)
        if len(self._unknown) > MAX_UNKNOWN:
            self._unknown.popitem(last=False)


def parse_keys(text: str | bytes) -> Keys:
    """Returns the keys for signatures in the JSON of a key set, by id.

    Raises:
        ValueError: It is not a key set.
    """
    try:
        found = jwt.PyJWKSet.from_json(text if isinstance(text, str) else text.decode()).keys
    except (ValueError, TypeError, AttributeError, RecursionError, jwt.PyJWTError):
        raise ValueError("not a key set") from None
    return {key.key_id: key for key in found if key.key_id and key.public_key_use in {"sig", None}}


async def fetch_keys(url: str) -> Keys:
    """Returns the keys at an address, by id.

    Raises:
        KeysUnavailable: No answer within `FETCH_TIMEOUT_S`, another answer than 200 (redirects are not followed: they
            could lead to plain text), or one that is not a key set.
    """
    import aiohttp  # 0.1 s, only with an identity provider

    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                raise KeysUnavailable(f"answered with status {answer.status}")
            content = bytearray()
            async for part in answer.content.iter_any():
                content += part
                if len(content) > MAX_SET_BYTES:
                    raise KeysUnavailable(f"the answer is larger than {MAX_SET_BYTES} bytes")
    except TimeoutError:
        raise KeysUnavailable(f"no answer within {FETCH_TIMEOUT_S:.0f} s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise KeysUnavailable(type(error).__name__) from None
    try:
        return parse_keys(bytes(content))
    except ValueError as error:
        raise KeysUnavailable(f"the answer is {error}") from None


def _unavailable() -> Unavailable:
    return Unavailable(
        "the identity provider's keys cannot be fetched", reason="JWKS_UNAVAILABLE", retry_after_s=RETRY_AFTER_S
    )
