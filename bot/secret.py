"""Under which secret a database was written: a restore that forgot it, or has another one, is noticed."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from bot.domain.digest import Keyring
from bot.domain.record import ActionRecord
from bot.errors import SettingsError
from bot.membrane import fits
from bot.settings import Settings
from bot.store import actions

LOOK_AT = 20
"""So many of the newest actions are looked at."""


def newest(connection: Connection) -> list[ActionRecord]:
    """Return the actions by which `secret_of` tells."""
    return actions.of_agent(connection, None, most=LOOK_AT)


def secret_of(settings: Settings, kept: Sequence[ActionRecord]) -> bytes:
    """Return the secret of the settings; one is generated where nothing is kept that needs another.

    Raises SettingsError where these actions were written under another secret, or the one that they were
    written under is not there.
    """
    secret = settings.digest_key(generate=not kept)
    if fits(Keyring.of(secret), kept):
        return secret
    which = "MEMBRANE_SECRET" if settings.secret is not None else settings.data / "secret"
    raise SettingsError(
        f"{which} is not the secret that {settings.database} was written under: put that one back, or start "
        "on an empty folder (MEMBRANE_DATA)"
    )
