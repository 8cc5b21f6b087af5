"""One file with both databases, made beside a running bot and verified after writing."""

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
    """A finished backup. `members` maps its files to their SHA-256; `journal` is the result of verifying."""

    path: Path
    at: float
    revision: str
    members: Mapping[str, str]
    anchor: Anchor
    journal: Verified


def make(folder: Path, target: Path, at: float, *, extra: Sequence[str] = ()) -> Backup:
    """Copy a data folder's databases into one tar file. Raises StoreError, and then leaves nothing behind.

    Each database is copied as it is at one instant, `threads.db` first. So the copy of `membrane.db` is never
    older. Every interrupt in the copy of `threads.db` has its row, and a thread that ran between the two
    copies resumes from rows. An effect that was claimed between them is in the ledger and does not run twice.
    In the other order, a thread could have passed an effect that is missing in the ledger.

    `extra` names further files of the folder, which are added if they exist.
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
    # The copy itself says that it is one, so the bot that starts on it knows about the restore.
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
    """Read the file again. Delete it if its contents differ."""
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
