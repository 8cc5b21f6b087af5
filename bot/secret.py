"""Under which keys a database was written: a restore that forgot one, or has another, is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bot.domain.digest import Keyring
from bot.domain.record import ActionRecord
from bot.errors import SettingsError
from bot.membrane import fits
from bot.settings import Settings
from bot.store import actions, keyed

LOOK_AT = 20
"""So many of the newest actions are looked at."""


@dataclass(frozen=True, slots=True)
class Written:
    """What tells under which keys a database was written: its newest actions, and the keys that are named."""

    newest: Sequence[ActionRecord] = ()
    needed: Sequence[str] = field(default=())


def written(connection: Connection) -> Written:
    """Return that by which `keyring_of` tells."""
    newest = actions.of_agent(connection, None, most=LOOK_AT)
    return Written(newest, sorted({key for key in keyed.of_open_actions(connection) if key}))


def keyring_of(settings: Settings, kept: Written) -> Keyring:
    """Return the keys of the settings; one is generated where nothing is kept that needs another.

    Raises SettingsError where what is kept was written under other keys, or one that open actions need is
    not there.
    """
    ring = settings.keyring(generate=not kept.newest)
    which = "MEMBRANE_SECRET" if settings.secret is not None else settings.secret_file
    if not fits(ring, kept.newest):
        raise SettingsError(
            f"{which} is not the secret that {settings.database} was written under: put that one back, or "
            "start on an empty folder (MEMBRANE_DATA)"
        )
    if missing := set(kept.needed) - {key.id for key in ring.keys}:
        raise SettingsError(
            f"open actions in {settings.database} need the key {', '.join(sorted(missing))}, which {which} "
            "does not hold any more: put it back below the current one (or into MEMBRANE_SECRET_OLD) until "
            "`membrane secret status` says that nothing needs it"
        )
    return ring
