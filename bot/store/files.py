"""Files that are written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bot.errors import NoFolder, StoreError, TargetExists


@contextmanager
def written(path: Path, *, replace: bool = False, parents: bool = False) -> Iterator[IO[bytes]]:
    """Yield a file to write. It gets its name only once it is complete and on disk. Its mode is 0600.

    A file named `.gz` is compressed. `parents` creates the folder. Raises StoreError if the file cannot be
    written, TargetExists if it exists and may not be replaced, and NoFolder if its folder is missing.
    """
    check_free(path, replace=replace, parents=parents)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as raw:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0, compresslevel=6) as packed:
                    yield packed  # type: ignore[misc]  # it writes bytes as any binary file does
            else:
                yield raw
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def check_free(path: Path, *, replace: bool = False, parents: bool = False) -> None:
    """Raise TargetExists or NoFolder unless a file can get this name.

    A missing folder is more often a typing error or an unmounted disk than a wish for a new folder.
    """
    if not replace and path.exists():
        raise TargetExists(f"{path} is there already; give another name, or move it away")
    if not parents and not path.parent.is_dir():
        raise NoFolder(
            f"there is no folder {path.parent} to write {path.name} into; make it, or correct the path"
        )


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex. Raises StoreError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file's bytes; a name that ends in `.gz` is decompressed. Raises StoreError."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield file  # type: ignore[misc]  # both read bytes by line
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise StoreError(
            f"{path} cannot be read: it is damaged, or was never compressed ({error})"
        ) from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
