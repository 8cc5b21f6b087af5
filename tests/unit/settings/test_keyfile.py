"""The generated key is made once, belongs to one user, and a damaged one is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import Settings


def settings(data: Path, **values: str) -> Settings:
    return Settings(_env_file=None, data=data, **values)  # type: ignore[arg-type]  # pydantic turns them


def test_the_key_is_generated_once_and_only_for_its_user(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    key = settings(data).digest_key()
    assert len(key) == 64
    assert settings(data).digest_key() == key
    assert (data / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["secret"]


def test_a_key_that_is_set_needs_no_file(tmp_path: Path) -> None:
    assert settings(tmp_path, secret="k" * 32).digest_key() == b"k" * 32
    assert not list(tmp_path.iterdir())


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    settings(tmp_path).digest_key()
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(SettingsError, match="run chmod 600"):
        settings(tmp_path).digest_key()


def test_a_key_cut_short_is_refused(tmp_path: Path) -> None:
    settings(tmp_path).digest_key()
    (tmp_path / "secret").write_text("abc")
    with pytest.raises(SettingsError, match="cut short"):
        settings(tmp_path).digest_key()


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="MEMBRANE_DATA names the folder"):
        settings(tmp_path / "file" / "data").digest_key()
