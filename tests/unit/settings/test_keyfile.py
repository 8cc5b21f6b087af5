"""The generated key is made once, belongs to one user, and a damaged one is not used."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import SettingsError
from bot.settings import Settings, keyfile, load


def settings(data: Path, **values: str) -> Settings:
    return Settings(_env_file=None, data=data, **values)  # type: ignore[arg-type]  # pydantic turns them


def test_the_key_is_generated_once_and_only_for_its_user(tmp_path: Path) -> None:
    data = tmp_path / "deep" / "data"
    key = settings(data).keyring().current.secret
    assert len(key) == 64
    assert settings(data).keyring().current.secret == key
    assert (data / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in data.iterdir()] == ["secret"]


def test_a_key_that_is_set_needs_no_file(tmp_path: Path) -> None:
    assert settings(tmp_path, secret="k" * 32).keyring().current.secret == b"k" * 32
    assert not list(tmp_path.iterdir())


def test_a_key_open_to_others_is_refused(tmp_path: Path) -> None:
    settings(tmp_path).keyring()
    (tmp_path / "secret").chmod(0o644)
    with pytest.raises(SettingsError, match="run chmod 600"):
        settings(tmp_path).keyring()


def test_a_key_cut_short_is_refused(tmp_path: Path) -> None:
    settings(tmp_path).keyring()
    (tmp_path / "secret").write_text("abc")
    with pytest.raises(SettingsError, match="cut short"):
        settings(tmp_path).keyring()


def test_an_impossible_data_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="MEMBRANE_DATA names the folder"):
        settings(tmp_path / "file" / "data").keyring()


def test_older_keys_stand_below_the_current_one(tmp_path: Path) -> None:
    first = settings(tmp_path).keyring().current
    keyfile.write(tmp_path / "secret", [b"n" * 32, first.secret])
    ring = settings(tmp_path).keyring()
    assert (ring.current.secret, ring.older) == (b"n" * 32, (first,))
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_older_keys_are_set_beside_the_current_one(tmp_path: Path) -> None:
    ring = settings(tmp_path, secret="n" * 32, secret_old=f"{'a' * 32}, {'b' * 32}").keyring()
    assert [key.secret for key in ring.keys] == [b"n" * 32, b"a" * 32, b"b" * 32]


def test_older_keys_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="set both, or neither"):
        settings(tmp_path, secret_old="a" * 32).keyring()


def test_an_older_key_that_could_be_guessed_is_refused_and_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEMBRANE_SECRET_OLD", "hunter2")
    with pytest.raises(SettingsError, match="has 7 characters") as caught:
        load(slack=False)
    assert "hunter2" not in str(caught.value)


def test_a_second_key_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    settings(tmp_path).keyring()
    with (tmp_path / "secret").open("a") as file:
        file.write("\nabc")
    with pytest.raises(SettingsError, match="cut short"):
        settings(tmp_path).keyring()
