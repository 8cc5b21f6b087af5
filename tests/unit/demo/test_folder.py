"""The demo's folder is fresh for every run, and never somebody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.demo.folder import prepare
from bot.errors import AlreadyRunning, SettingsError
from bot.store.sqlite import lock_folder


def test_only_files_of_an_earlier_run_are_deleted(tmp_path: Path) -> None:
    folder = prepare(tmp_path / "demo")
    for name in ("membrane.db", "membrane.db-wal", "threads.db", "northwind.db", "bot.log", "secret", "mine"):
        (folder.path / name).touch()
    prepare(tmp_path / "demo")
    assert {file.name for file in folder.path.iterdir()} == {"membrane.lock", "northwind.db", "mine"}


def test_a_copy_that_somebody_made_of_a_database_is_not_deleted(tmp_path: Path) -> None:
    for name in ("membrane.db.bak", "threads.db-old.tar"):
        (tmp_path / name).touch()
    prepare(tmp_path)
    assert {"membrane.db.bak", "threads.db-old.tar"} < {file.name for file in tmp_path.iterdir()}


def test_keep_takes_the_next_free_name(tmp_path: Path) -> None:
    assert prepare(tmp_path / "demo", keep=True).path == tmp_path / "demo"
    assert prepare(tmp_path / "demo", keep=True).path == tmp_path / "demo-2"
    assert prepare(tmp_path / "demo", keep=True).path == tmp_path / "demo-3"


def test_the_default_is_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert prepare(None).books == Path(".membrane/demo/northwind.db")


@pytest.mark.parametrize("name", ["membrane.db", "threads.db", "secret", "bot.log"])
def test_a_bots_data_are_never_touched(tmp_path: Path, name: str) -> None:
    """A half-restored backup is left alone too."""
    (tmp_path / name).touch()
    with pytest.raises(SettingsError, match=f"holds {name} of something else than a demo; name another"):
        prepare(tmp_path)
    assert (tmp_path / name).exists()


def test_an_interrupted_start_can_be_repeated(tmp_path: Path) -> None:
    prepare(tmp_path).log.touch()
    prepare(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(SettingsError, match="is not a folder"):
        prepare(tmp_path / "x")


def test_a_second_demo_on_one_folder_is_refused_and_deletes_nothing(tmp_path: Path) -> None:
    (tmp_path / "northwind.db").touch()
    with lock_folder(tmp_path), pytest.raises(AlreadyRunning, match="another demo is running"):
        prepare(tmp_path)
    assert (tmp_path / "northwind.db").exists()
