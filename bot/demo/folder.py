"""The demo's data folder: emptied for each run, and never one of another program."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bot.errors import AlreadyRunning, SettingsError
from bot.store.sqlite import lock_folder

DEFAULT = Path(".membrane/demo")
BOOKS = "northwind.db"
OURS = ("membrane.db", "threads.db", BOOKS)
"""The databases of a run. SQLite keeps files of its own beside each."""
MORE = ("secret", "bot.log")


@dataclass(frozen=True, slots=True)
class Folder:
    """The data folder of a run."""

    path: Path

    @property
    def books(self) -> Path:
        """Northwind's books: the executed effects."""
        return self.path / BOOKS

    @property
    def log(self) -> Path:
        """The bot's log."""
        return self.path / "bot.log"


def prepare(data: Path | None, *, keep: bool = False) -> Folder:
    """Return an empty folder for a run: `data`, or `.membrane/demo`.

    Files of an earlier run are deleted; with `keep` they stay, and the next free name is used (demo-2).
    Raises SettingsError if the folder belongs to another program, AlreadyRunning if a demo runs on it.
    """
    wanted = data or DEFAULT
    path = _free(wanted) if keep else wanted
    if path.exists() and not path.is_dir():
        raise SettingsError(f"{path} is not a folder; name another with --data")
    if theirs := [name for name in (*OURS, *MORE) if (path / name).exists() and not (path / BOOKS).exists()]:
        raise SettingsError(
            f"{path} holds {' and '.join(theirs)} of something else than a demo; name another folder "
            "with --data"
        )
    try:
        lock = lock_folder(path)
    except AlreadyRunning as running:
        raise AlreadyRunning(
            f"another demo is running on {path}; stop it, or give this one a folder of its own with --data"
        ) from running
    except OSError as error:
        raise SettingsError(f"{path} cannot be used ({error.strerror}); name another with --data") from error
    with lock:
        _wipe(path)
        (path / BOOKS).touch()  # marks the folder as a demo's, even if this run fails later
    return Folder(path)


def _free(path: Path) -> Path:
    names = (path.with_name(f"{path.name}-{number}") for number in count(2))
    return path if not path.exists() else next(each for each in names if not each.exists())


def _wipe(path: Path) -> None:
    sqlites = [f"{name}{suffix}" for name in OURS for suffix in ("-wal", "-shm", "-journal", "")]
    for name in (*MORE, *sqlites):  # the books last: without them the rest would count as another program's
        (path / name).unlink(missing_ok=True)
