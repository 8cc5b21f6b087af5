"""One file that holds both databases, taken beside a running bot, and verified after it was written."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import orjson

from bot.errors import StoreError
from bot.store import files, journal, opening, restores
from bot.store.journal import Anchor, Verified
from bot.store.sqlite import SQLITE, note_fact

MANIFEST = "backup.json"
KIND = "checkpoint-membrane backup"
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written. `members` are its files with their SHA-256; `journal` is what verifying said."""

    path: Path
    at: float
    revision: str
    members: Mapping[str, str]
    anchor: Anchor
    journal: Verified


def make(folder: Path, target: Path, at: float, *, extra: Sequence[str] = ()) -> Backup:
    """Copy the databases of a data folder into one tar file. Raises StoreError; nothing is left behind then.

    Each database is copied as it is at one instant, `threads.db` first. So the membrane's copy, the truth,
    is never behind the threads': every interrupt in the older copy has its row, a thread that went on between
    the two is resumed again from rows, and an effect that was claimed meanwhile is in the ledger and does not
    run twice. The other way round a thread could be past an effect that the ledger knows nothing of.

    `extra` are further files of the folder that go in where they exist.
    """
    if not (folder / "membrane.db").exists():
        raise StoreError(f"there is no database at {folder / 'membrane.db'}; set MEMBRANE_DATA")
    files.check_free(target)
    try:
        with TemporaryDirectory(dir=target.parent, prefix=".backup-") as name:
            return _make(folder, Path(name), target, at, extra)
    except OSError as error:
        raise StoreError(f"{target} cannot be written: {error.strerror or error}") from error


def _make(folder: Path, aside: Path, target: Path, at: float, extra: Sequence[str]) -> Backup:
    for name in ("threads.db", "membrane.db"):
        if (folder / name).exists():
            _copy(folder / name, aside / name)
    for name in extra:
        if (folder / name).exists():
            (aside / name).write_bytes((folder / name).read_bytes())
    # In the copy itself: the bot that starts on it knows that it was restored.
    note_fact(aside / "membrane.db", restores.BACKUP, restores.backup_of(at))
    members = {path.name: files.sha256_of(path) for path in sorted(aside.iterdir())}
    revision, verified, ends = _look_into(aside / "membrane.db")
    backup = Backup(target, at, revision, members, Anchor(at, ends), verified)
    with files.written(target) as out:
        _pack(backup, aside, out)
    _verify(backup)
    return backup


def _copy(source: Path, target: Path) -> None:
    SQLITE.copy(source, target)
    if damage := SQLITE.damage_of(target):
        raise StoreError(
            f"the database {source} is damaged ({damage}), so its backup would be; none was made"
        )


def _look_into(path: Path) -> tuple[str, Verified, dict[str, journal.End]]:
    engine = SQLITE.engine(path, readonly=True)
    try:
        with engine.connect() as connection:
            revision = opening.revision_of(connection)
            if not opening.is_known(revision):
                return revision, Verified(0, []), {}
            return revision, journal.verify(connection), journal.ends(connection)
    finally:
        engine.dispose()


def _pack(backup: Backup, aside: Path, out: IO[bytes]) -> None:
    manifest = {
        "backup": KIND,
        "at": backup.at,
        "revision": backup.revision,
        "sha256": dict(backup.members),
        "journal": journal.plain(backup.anchor.ends),
    }
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
    with tarfile.open(fileobj=out, mode="w|") as tar:
        _add(tar, MANIFEST, io.BytesIO(text), backup.at)
        for name in backup.members:
            with (aside / name).open("rb") as file:
                _add(tar, name, file, backup.at)


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes], at: float) -> None:
    member = tarfile.TarInfo(name)
    member.size = file.seek(0, io.SEEK_END)
    file.seek(0)
    member.mtime, member.mode = int(at), 0o600
    tar.addfile(member, file)


def _verify(backup: Backup) -> None:
    """Read the file again. One that does not read as it was written does not stay."""
    try:
        if _members_in(backup.path) == backup.members:
            return
        what = "its members are not those that were copied"
    except (StoreError, tarfile.TarError) as error:
        what = str(error)
    backup.path.unlink()
    raise StoreError(
        f"{backup.path} does not read as it was written ({what}), so it was removed; look at its disk"
    )


def _members_in(path: Path) -> dict[str, str]:
    """Return the SHA-256 of each member of a backup, read to its end."""
    found: dict[str, str] = {}
    with files.opened(path) as packed, closing(tarfile.open(fileobj=packed, mode="r|")) as tar:
        for member in tar:
            content = tar.extractfile(member)
            digest = hashlib.sha256()
            while content is not None and (block := content.read(BLOCK)):
                digest.update(block)
            found[member.name] = digest.hexdigest()
    found.pop(MANIFEST, None)
    return found
