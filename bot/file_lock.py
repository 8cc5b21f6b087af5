"""Locks between processes, each held by one process on one file.

The system releases a lock when its process ends, even when it is killed. The file stays and is never deleted:
a process that waits to open it would then lock a file that no other process can see.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Self

UNKNOWN = "unknown"
"""The holder, where the file does not name it."""


class FileLock:
    """A lock that this process holds, until `release` or the end of a `with` block."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def release(self) -> None:
        """Let another process take the lock. Safe to call twice."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def acquire(path: Path) -> FileLock | None:
    """Take the lock without waiting, and write this process's id into the file.

    Returns None if another holder has it. Raises OSError if the file cannot be opened or locked.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    file = os.fdopen(descriptor, "a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
    except BlockingIOError:
        file.close()
        return None
    except BaseException:
        file.close()
        raise
    return FileLock(file)


def holder_of(path: Path) -> str | None:
    """Return the id of the process that holds the lock, `UNKNOWN` if the file does not name it.

    Returns None if nobody holds it, or there is no such file. Raises OSError if it cannot be read.
    """
    try:
        file = path.open()
    except FileNotFoundError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or UNKNOWN
    return None
