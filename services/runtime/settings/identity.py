"""Tokens, and TLS between processes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from services.runtime.settings.values import MIN_SECRET_BYTES, Group, existing

_PLACEHOLDERS = ("replace", "changeme", "change-me", "change me", "at least 32 bytes")
"""Words of sample secrets; the last one is from an earlier README of this project."""

_MAKE_ONE = "make one with `openssl rand -base64 48`"

MAX_SECRETS = 4
"""Maximum number of `auth.secrets`: a token that none of them signed costs one hash for each."""

MAX_REPEATED_BYTES = 8
"""Maximum length of the part that `repeats_itself` finds: such a secret is guessed as easily as its part."""

DAY_S = 86_400.0
MIN_TOKEN_LIFE_S = 3_600.0
"""Minimum of `auth.max_token_life_s`: the longest life of a token that Afterimage needs for itself."""


def _strong(secret: SecretStr) -> SecretStr:
    """Returns a secret that is neither short nor from the documentation. Raises ValueError."""
    text = secret.get_secret_value()
    if any(word in text.casefold() for word in _PLACEHOLDERS):
        raise ValueError(f"is a placeholder from the documentation: {_MAKE_ONE}")
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes: {_MAKE_ONE}")
    return secret


def repeats_itself(secret: bytes) -> bool:
    """Returns whether a secret is a part of at most 8 bytes over and over, such as "aaaa..." or "secret-secret-..."."""
    return any(secret[length:] == secret[:-length] for length in range(1, MAX_REPEATED_BYTES + 1))


class AuthSettings(Group):
    """Authentication: how tokens (JWT) are signed and verified."""

    secret: SecretStr | None = Field(
        default=None,
        description="Secret of HS256 tokens, at least 32 bytes. It signs the tokens issued by Afterimage: record "
        'tokens and share grants. "": in development one is created in data_dir/secret (unless JWKS is set); '
        "elsewhere this or JWKS must be set.",
    )
    secrets: tuple[SecretStr, ...] = Field(
        default=(),
        max_length=MAX_SECRETS,
        description="Secrets of HS256 tokens while one replaces another, instead of `secret`: the first one signs, all "
        "of them verify. At most 4, each at least 32 bytes, all different. Empty: `secret` alone.",
    )
    max_token_life_s: float = Field(
        default=7 * DAY_S,
        ge=0,
        allow_inf_nan=False,
        description="Maximum life of a token in seconds, from its `iat` (without one: from now) to its `exp`, of any "
        "issuer: longer ones are refused (TOKEN_LIFE_TOO_LONG). At least 3600; 0: no limit.",
    )
    require_revocations: bool = Field(
        default=False,
        description="Refuses all tokens (UNAVAILABLE) until the list of revoked tokens has been read from Redis once "
        "after the start. false: until then revoked tokens are accepted. Once read, the list stays in force while "
        "Redis is away.",
    )
    jwks_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description="Address of the identity provider's key set, fetched on demand and again after 5 minutes; known "
        'keys are served meanwhile. Outside development https, or loopback. "": none.',
    )
    jwks_max_stale_s: float = Field(
        default=DAY_S,
        ge=0,
        allow_inf_nan=False,
        description="Seconds for which the keys of jwks_url stay valid when they cannot be fetched again. 0: no limit.",
    )
    jwks_file: Path | None = Field(
        default=None, description='File with the identity provider\'s key set, read at start. "": none.'
    )
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = Field(
        default=("RS256", "ES256", "EdDSA"), min_length=1, description="Algorithms accepted from the key set."
    )
    issuer: str | None = Field(
        default=None,
        description="Issuer (`iss`) that tokens verified with the key set must carry; needed outside development. "
        '"": any.',
    )
    audience: str = Field(
        default="afterimage", min_length=1, description="Audience (`aud`) that every token must carry."
    )
    leeway_s: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Maximum clock difference between issuer and server, in seconds. 0: none.",
    )

    @field_validator("secret")
    @classmethod
    def _is_strong(cls, secret: SecretStr | None) -> SecretStr | None:
        return secret if secret is None else _strong(secret)

    @field_validator("secrets")
    @classmethod
    def _are_strong(cls, secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for secret in secrets:
            _strong(secret)
        if len({secret.get_secret_value() for secret in secrets}) < len(secrets):
            raise ValueError("holds a secret twice")
        return secrets

    @field_validator("max_token_life_s")
    @classmethod
    def _lets_an_hour_through(cls, seconds: float) -> float:
        if 0 < seconds < MIN_TOKEN_LIFE_S:
            raise ValueError("must be at least 3600, for the tokens of Afterimage's own processes and commands, or 0")
        return seconds

    @field_validator("jwks_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return existing(path)

    @model_validator(mode="after")
    def _one_way_to_name_secrets(self) -> AuthSettings:
        if self.secret is not None and self.secrets:
            raise ValueError("secret and secrets are both set: put the secret into secrets, the new one first")
        return self

    @property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """The secrets of HS256 tokens: the first one signs, all of them verify. Empty: none is configured."""
        named = (self.secret,) if self.secret is not None else self.secrets
        return tuple(secret.get_secret_value().encode() for secret in named)

    @property
    def has_jwks(self) -> bool:
        """Whether tokens of an identity provider are accepted."""
        return self.jwks_url is not None or self.jwks_file is not None


class TlsSettings(Group):
    """TLS of the gRPC servers and of the clients that talk to them."""

    cert_file: Path | None = Field(default=None, description='Certificate chain of the servers, PEM. "": plain text.')
    key_file: Path | None = Field(default=None, description="Private key of cert_file, PEM.")
    ca_file: Path | None = Field(
        default=None,
        description="CA certificates that clients trust, PEM; enables TLS in clients. "
        '"": the system\'s roots when cert_file is set.',
    )
    client_ca_file: Path | None = Field(
        default=None,
        description="CA certificates that servers trust, PEM: clients must present a certificate (mutual TLS). "
        '"": no client certificate.',
    )
    client_cert_file: Path | None = Field(
        default=None, description='Certificate chain that clients present, PEM. "": none.'
    )
    client_key_file: Path | None = Field(default=None, description="Private key of client_cert_file, PEM.")
    allow_plaintext: bool = Field(
        default=False,
        description="Allows services to listen and connect beyond loopback without TLS. "
        "Only for networks with their own encryption.",
    )

    @field_validator(
        "cert_file", "key_file", "ca_file", "client_ca_file", "client_cert_file", "client_key_file", mode="after"
    )
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return existing(path)

    @model_validator(mode="after")
    def _pairs(self) -> TlsSettings:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("cert_file and key_file go together")
        if (self.client_cert_file is None) != (self.client_key_file is None):
            raise ValueError("client_cert_file and client_key_file go together")
        if self.client_ca_file and not self.cert_file:
            raise ValueError("client_ca_file (mutual TLS) needs cert_file and key_file")
        return self
