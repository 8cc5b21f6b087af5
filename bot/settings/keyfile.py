"""The generated key of the args digests: one file in the data folder, for the bot's user alone."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from bot.errors import SettingsError
from bot.settings.checks import SECRET_LENGTH


def read_or_generate(path: Path) -> bytes:
    """Return the key in this file, generating it the first time.

    Raises SettingsError if the file cannot be used, has been cut short, or is open to other users.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not path.exists():
            _generate(path)
        shared = path.stat().st_mode & 0o077
        key = path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; MEMBRANE_DATA names the folder") from error
    if shared:
        raise SettingsError(f"{path} can be read by other users; run chmod 600 {path}")
    if len(key) < SECRET_LENGTH:
        raise SettingsError(f"{path} has been cut short; restore it, or what was approved no longer matches")
    return key


def _generate(path: Path) -> None:
    """Write a new key. The link makes it appear whole, and from one writer only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
        file.flush()
        os.fsync(descriptor)
    with suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
