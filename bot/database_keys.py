"""Under which keys a database was written: a restore that forgot one, or has another, is noticed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from bot.domain.digest import Keyring
from bot.domain.record import ActionRecord
from bot.errors import SettingsError
from bot.membrane import matches_keyring
from bot.settings import Settings
from bot.store import actions, keyed
from bot.store.database import Transaction

LOOK_AT = 20
"""So many of the newest actions are looked at."""


@dataclass(frozen=True, slots=True)
class Written:
    """What tells under which keys a database was written: its newest actions, and the keys that are named.

    `last` is the current key of the bot's last start; None before a start noted it.
    """

    newest: Sequence[ActionRecord] = ()
    needed: Sequence[str] = field(default=())
    last: str | None = None


def written(connection: Connection) -> Written:
    """Return that by which `keyring_of` tells."""
    newest = actions.of_agent(connection, None, most=LOOK_AT)
    needed = sorted({key for key in keyed.of_open_actions(connection) if key})
    return Written(newest, needed, keyed.last_key(connection))


def note(tx: Transaction, key: str) -> None:
    """Note which key is the current one, so that older ones can go although the newest actions name them."""
    keyed.set_last_key(tx.connection, key)


def keyring_of(settings: Settings, kept: Written) -> Keyring:
    """Return the keys of the settings; one is generated where nothing is kept that needs another.

    Raises SettingsError where what is kept was written under other keys, or one that open actions need is
    not there.
    """
    ring = settings.keyring(generate=not kept.newest)
    which = "MEMBRANE_SECRET" if settings.secret is not None else settings.secret_file
    ids = {key.id for key in ring.keys}
    if kept.last not in ids and not matches_keyring(ring, kept.newest):
        raise SettingsError(
            f"{which} is not the secret that {settings.database} was written under: put that one back, or "
            "start on an empty folder (MEMBRANE_DATA)"
        )
    if missing := set(kept.needed) - ids:
        raise SettingsError(
            f"open actions in {settings.database} need the key {', '.join(sorted(missing))}, which {which} "
            "does not hold any more: put it back below the current one (or into MEMBRANE_SECRET_OLD) until "
            "`membrane secret status` says that nothing needs it"
        )
    return ring
