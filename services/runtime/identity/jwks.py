"""The keys of an identity provider (JWKS), from a file or an address."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import jwt

from services.runtime.errors import Unavailable
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.runtime.settings import AuthSettings

_FETCH_TIMEOUT_S = 5.0
_RETRY_AFTER_S = 5.0


class KeySet:
    """Finds the key named by a token.

    Args:
        keys: Keys already loaded, by id.
        client: Fetches other keys; None: no other keys exist.
        monotonic: A clock that never goes back, in seconds.
    """

    def __init__(
        self,
        keys: dict[str, jwt.PyJWK],
        client: jwt.PyJWKClient | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._client = client
        self._monotonic = monotonic
        self._fetching = asyncio.Lock()
        self._away_until = 0.0

    @classmethod
    def of(cls, auth: AuthSettings) -> KeySet | None:
        """Returns the key set named by the settings, or None.

        Raises:
            SettingsError: The file is not a key set.
        """
        keys: dict[str, jwt.PyJWK] = {}
        if auth.jwks_file is not None:
            try:
                found = jwt.PyJWKSet.from_json(auth.jwks_file.read_text()).keys
            except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError):
                raise SettingsError(f"auth.jwks_file: {auth.jwks_file} contains no key set") from None
            keys = {key.key_id: key for key in found if key.key_id and key.public_key_use in {"sig", None}}
            if not keys:
                raise SettingsError(f"auth.jwks_file: {auth.jwks_file} contains no key for signatures with a `kid`")
        client = None
        if auth.jwks_url is not None:
            client = jwt.PyJWKClient(auth.jwks_url, timeout=_FETCH_TIMEOUT_S)
        return cls(keys, client) if keys or client else None

    async def key(self, key_id: object, algorithm: str) -> jwt.PyJWK | None:
        """Returns the key with that id if it is for `algorithm`, or None.

        Fetches are serialised, so made-up ids cost at most one fetch at a time, and the underlying client
        requests an unknown id again only every 30 seconds.

        Raises:
            Unavailable: The set cannot be fetched; it is not requested again for 5 seconds.
        """
        key = await self._find(key_id) if isinstance(key_id, str) else None
        # A set may hold keys of other kinds, such as a symmetric one that is public.
        return key if key is not None and key.algorithm_name == algorithm else None

    async def _find(self, key_id: str) -> jwt.PyJWK | None:
        if key_id in self._keys or self._client is None:
            return self._keys.get(key_id)
        async with self._fetching:
            if self._monotonic() < self._away_until:
                raise _unavailable()
            try:
                return await asyncio.to_thread(self._client.get_signing_key, key_id)
            except (jwt.PyJWKClientConnectionError, OSError, ValueError):
                self._away_until = self._monotonic() + _RETRY_AFTER_S
                raise _unavailable() from None
            except jwt.PyJWTError:
                return None


def _unavailable() -> Unavailable:
    return Unavailable(
        "the identity provider's keys cannot be fetched", reason="JWKS_UNAVAILABLE", retry_after_s=_RETRY_AFTER_S
    )
