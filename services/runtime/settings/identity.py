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


class AuthSettings(Group):
    """Authentication: how tokens (JWT) are signed and verified."""

    secret: SecretStr | None = Field(
        default=None,
        description="Secret of HS256 tokens, at least 32 bytes. It signs the tokens issued by Afterimage: record "
        'tokens and share grants. "": in development one is created in data_dir/secret (unless JWKS is set); '
        "elsewhere this or JWKS must be set.",
    )
    jwks_url: str | None = Field(
        default=None,
        pattern=r"^https?://",
        description='Address of the identity provider\'s key set, fetched on demand, cached for 5 minutes. "": none.',
    )
    jwks_file: Path | None = Field(
        default=None, description='File with the identity provider\'s key set, read at start. "": none.'
    )
    algorithms: tuple[Literal["RS256", "ES256", "EdDSA"], ...] = Field(
        default=("RS256", "ES256", "EdDSA"), min_length=1, description="Algorithms accepted from the key set."
    )
    issuer: str | None = Field(
        default=None, description='Issuer (`iss`) that tokens verified with the key set must carry. "": any.'
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
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is None:
            return None
        text = secret.get_secret_value()
        if any(word in text.casefold() for word in _PLACEHOLDERS):
            raise ValueError(f"is a placeholder from the documentation: {_MAKE_ONE}")
        if len(text.encode()) < MIN_SECRET_BYTES:
            raise ValueError(f"must be at least {MIN_SECRET_BYTES} bytes: {_MAKE_ONE}")
        return secret

    @field_validator("jwks_file")
    @classmethod
    def _is_there(cls, path: Path | None) -> Path | None:
        return existing(path)

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
