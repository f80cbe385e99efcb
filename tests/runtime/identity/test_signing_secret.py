from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.runtime.identity.signing_secret import signing_secret
from services.runtime.settings.loader import SettingsError, load_settings


def test_the_one_that_is_set_is_used(settings):
    assert signing_secret(settings) == settings.auth.secret.get_secret_value().encode()
    assert not settings.data_dir.exists()


def test_in_development_one_is_made_once_for_the_owner_only(tmp_path):
    settings = load_settings(data_dir=tmp_path / "deep" / "data")
    first = signing_secret(settings)
    assert first is not None
    assert len(first) >= 32
    assert signing_secret(settings) == first
    path = settings.data_dir / "secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(settings.data_dir.iterdir()) == [path]


def test_all_who_start_at_once_get_the_same(tmp_path):
    for round_ in range(20):
        settings = load_settings(data_dir=tmp_path / str(round_))
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(lambda _, s=settings: signing_secret(s), range(8)))) == 1


def test_with_a_key_set_none_is_made(tmp_path):
    settings = load_settings(data_dir=tmp_path / "data", auth={"jwks_url": "https://login.example/keys"})
    assert signing_secret(settings) is None
    assert not settings.data_dir.exists()


def test_a_file_too_short_is_refused(tmp_path):
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(SettingsError, match="shorter than 32 bytes"):
        signing_secret(load_settings(data_dir=tmp_path))


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"^data_dir: cannot keep a secret in"):
        signing_secret(load_settings(data_dir=Path(tmp_path / "file" / "data")))
