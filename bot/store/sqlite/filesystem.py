"""Whether a folder's file system can hold a database with a write-ahead log.

SQLite's log needs memory that all its users share and locks that hold. Network file systems do not give
them (https://www.sqlite.org/wal.html, https://www.sqlite.org/howtocorrupt.html#_filesystems_with_broken_or_missing_lock_implementations).
Failures there show late: a vote is lost, or counted twice.
"""

from __future__ import annotations

import os
import re
import secrets
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bot.errors import StoreError
from bot.store.sqlite.connecting import open_file

MOUNTS = Path("/proc/self/mountinfo")
_UNFIT = """
    9p acfs afs beegfs ceph cifs coda davfs fhgfs fuse gfs2 glusterfs gpfs lustre ncpfs nfs nfs4 ocfs2
    orangefs panfs pvfs2 smb smb2 smb3 smbfs vboxsf virtiofs vmhgfs wekafs
"""
UNFIT = frozenset(_UNFIT.split())
"""Types of file systems on another machine, or behind a program."""
LOCAL_FUSE = frozenset(
    {"fuse.fuse-overlayfs", "fuse.ntfs-3g", "fuse.ntfs", "fuse.exfat", "fuse.ext2", "fuse.zfs"}
)
"""Types behind a program that are on a disk of this machine."""
_ESCAPED = re.compile(r"\\([0-7]{3})")
_NO_LOG = {sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS}
_NO_LOG_EXTENDED = {
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
    sqlite3.SQLITE_IOERR_SHMOPEN,
    sqlite3.SQLITE_IOERR_SHMSIZE,
    sqlite3.SQLITE_IOERR_SHMLOCK,
    sqlite3.SQLITE_IOERR_SHMMAP,
}


@dataclass(frozen=True, slots=True)
class Mounted:
    """A folder's file system: its type, its mount point, and the upper folder of an overlay."""

    kind: str
    at: str
    upper: str | None = None


def mounted(folder: Path, mounts: str) -> Mounted | None:
    """Return a folder's file system from the text of a mountinfo, or None if it is not listed."""
    found = None
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, told = before.split(), after.split()
        if len(fields) < 5 or len(told) < 1:
            continue
        at = _ESCAPED.sub(lambda code: chr(int(code[1], 8)), fields[4])
        if folder.is_relative_to(at) and (found is None or len(at) >= len(found.at)):
            options = dict(each.partition("=")[::2] for each in told[-1].split(","))
            found = Mounted(told[0], at, options.get("upperdir") if told[0] == "overlay" else None)
    return found


def unfit(kind: str) -> bool:
    """Whether a file system of this type cannot be trusted with a write-ahead log."""
    if kind.startswith("fuse."):
        return kind not in LOCAL_FUSE
    return kind in UNFIT


def check_folder(folder: Path, *, allowed: str | None = None, mounts: Path = MOUNTS) -> None:
    """Raise StoreError if a folder cannot hold the database. It writes and deletes a file of its own.

    `allowed` is a type of file system that the operator answers for.
    """
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    kind, at = _kind_of(existing.resolve(), mounts)
    if kind is not None and unfit(kind) and kind != allowed:
        raise StoreError(
            f"the data folder {folder} is on {kind} (mounted at {at}). SQLite's write-ahead log does not "
            "hold there: a decision could be lost, or counted twice. Set MEMBRANE_DATA to a folder on a "
            f"disk of this machine, or MEMBRANE_ALLOW_FILESYSTEM={kind} if you are sure that only this "
            "machine uses the folder, and that its locks and shared memory work"
        )
    if existing.is_dir() and (why := _no_log(existing)) is not None:
        raise StoreError(
            f"the data folder {folder} is on {kind or 'a file system'} where SQLite's write-ahead log does "
            f"not work ({why}). Set MEMBRANE_DATA to a folder on a disk of this machine"
        )


def _kind_of(folder: Path, mounts: Path) -> tuple[str | None, str]:
    """Return the type and the mount point of the file system that holds a folder's bytes."""
    try:
        told = mounts.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None, ""  # no Linux
    found = mounted(folder, told)
    if found is None:
        return None, ""
    if found.upper is not None and Path(found.upper).is_dir():
        below = mounted(Path(found.upper).resolve(), told)
        if below is not None and unfit(below.kind):
            return below.kind, below.at
    return found.kind, found.at


def _no_log(folder: Path) -> str | None:
    """Return why two connections cannot share a log in a folder, or None if they can or it is unknown."""
    path = folder / f".log-{secrets.token_hex(6)}.db"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with closing(open_file(path)) as one, closing(open_file(path)) as other:
            return _shared(one, other)
    except sqlite3.Error as error:
        code = error.sqlite_errorcode
        return str(error) if code in _NO_LOG_EXTENDED or code & 0xFF in _NO_LOG else None
    except OSError:
        return None  # opening the database reports it better
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with suppress(OSError):
                Path(f"{path}{suffix}").unlink(missing_ok=True)


def _shared(one: sqlite3.Connection, other: sqlite3.Connection) -> str | None:
    (mode,) = one.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        return f"SQLite keeps the journal mode {mode}"
    one.execute("CREATE TABLE seen (number INTEGER)")
    for number, (writer, reader) in enumerate(((one, other), (other, one))):
        writer.execute("INSERT INTO seen VALUES (?)", (number,))
        if reader.execute("SELECT max(number) FROM seen").fetchone() != (number,):
            return "one connection does not see what another wrote"
    return None
