"""The keys that a database was written with. Detects a restore with a missing or another key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bot.domain.digest import Keyring
from bot.domain.record import ActionRecord
from bot.errors import SettingsError
from bot.membrane import matches_keyring
from bot.settings import Settings
from bot.store import actions, secret_keys
from bot.store.database import Transaction

LOOK_AT = 20
"""How many of the newest actions are checked."""


@dataclass(frozen=True, slots=True)
class Written:
    """What shows the keys of a database: its newest actions, and the ids of needed keys.

    `last` is the current key at the bot's last start; None if no start recorded it.
    """

    newest: Sequence[ActionRecord] = ()
    needed: Sequence[str] = field(default=())
    last: str | None = None


def written(connection: Connection) -> Written:
    """Read what `keyring_of` needs to check the keys."""
    newest = actions.of_agent(connection, None, most=LOOK_AT)
    needed = sorted({key for key in secret_keys.of_open_actions(connection) if key})
    return Written(newest, needed, secret_keys.last_key(connection))


def note(tx: Transaction, key: str) -> None:
    """Record the current key, so that older keys can be dropped although the newest actions name them."""
    secret_keys.set_last_key(tx.connection, key)


def keyring_of(settings: Settings, kept: Written) -> Keyring:
    """Return the keys of the settings; generate one if the database is empty.

    Raises SettingsError if the database was written with other keys, or a key of open actions is missing.
    """
    ring = settings.keyring(generate=not kept.newest)
    which = "MEMBRANE_SECRET" if settings.secret is not None else settings.secret_file
    ids = {key.id for key in ring.keys}
    if kept.last not in ids and not matches_keyring(ring, kept.newest):
        raise SettingsError(
            f"{which} is not the secret that {settings.database} was written with: restore that secret, or "
            "start with an empty folder (MEMBRANE_DATA)"
        )
    if missing := set(kept.needed) - ids:
        raise SettingsError(
            f"open actions in {settings.database} need the key {', '.join(sorted(missing))}, which {which} "
            "no longer holds: put it back below the current one (or into MEMBRANE_SECRET_OLD) until "
            "`membrane secret status` says that nothing needs it"
        )
    return ring
