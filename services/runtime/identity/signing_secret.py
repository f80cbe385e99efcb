"""The secrets of the tokens issued by Afterimage: one signs; while it is being replaced, older ones still verify."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from services.runtime.settings import MIN_SECRET_BYTES
from services.runtime.settings.loader import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from services.runtime.settings import Settings


def signing_secrets(settings: Settings) -> tuple[bytes, ...]:
    """Returns the HS256 secrets, the signing one first; none when only the keys of an identity provider are set.

    In development without either, one is created in data_dir/secret; processes that start at the same time
    get the same one.

    Raises:
        SettingsError: The file cannot be created or read, or is too short for a secret.
    """
    if configured := settings.auth.signing_secrets:
        return configured
    if settings.auth.has_jwks or not settings.is_development:
        return ()
    path = settings.data_dir / "secret"
    try:
        if not path.exists():
            _create(path)
        secret = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"data_dir: cannot keep a secret in {path}: {error.strerror}") from error
    if len(secret) < MIN_SECRET_BYTES:
        raise SettingsError(f"data_dir: {path} is shorter than {MIN_SECRET_BYTES} bytes: delete it to get a new one")
    return (secret,)


def signing_secret(settings: Settings) -> bytes | None:
    """Returns the secret that signs, or None. Raises SettingsError as `signing_secrets` does."""
    return next(iter(signing_secrets(settings)), None)


def _create(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".secret.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_urlsafe(48).encode())
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: it fails when another process was first, and readers only ever see whole files.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)
