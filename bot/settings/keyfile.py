"""The file of the generated keys of args digests, in the data folder. Only the bot's user may read it.

One key per line. The first is the current key; the others are older keys that are still needed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bot.errors import SettingsError
from bot.settings.value_checks import SECRET_LENGTH


def read_or_generate(path: Path) -> tuple[bytes, ...]:
    """Return the keys in this file, the current one first. Create the file with a new key if it is missing.

    Raises SettingsError if the file cannot be used, has been cut short, or is open to other users.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _write(path, [new_key()], replace=False)
        shared = path.stat().st_mode & 0o077
        keys = tuple(path.read_bytes().split())
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; MEMBRANE_DATA names the folder") from error
    if shared:
        raise SettingsError(f"{path} can be read by other users; run chmod 600 {path}")
    if not keys or any(len(key) < SECRET_LENGTH for key in keys):
        raise SettingsError(f"{path} has been cut short; restore it, or approvals no longer match")
    return keys


def new_key() -> bytes:
    """Return a key of 256 random bits, as text."""
    return secrets.token_hex(32).encode()


def write(path: Path, keys: Sequence[bytes]) -> None:
    """Replace the keys in this file, the current one first, in one step.

    Raises SettingsError if the file cannot be written; the old keys stay then.
    """
    try:
        _write(path, keys, replace=True)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}; nothing was changed") from error


def _write(path: Path, keys: Sequence[bytes], *, replace: bool) -> None:
    """Write keys, one per line. The file appears complete; of two writers that create it, the first wins."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(b"\n".join(keys))
        file.flush()
        os.fsync(descriptor)
    if replace:
        draft.replace(path)
    else:
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
