"""`membrane secret`: list, rotate and drop the keys of args digests and sealed state."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import click
from sqlalchemy import Connection

from bot.cli.database_access import change, read
from bot.cli.doctor.local_checks import running
from bot.cli.output import json_option, print_json, print_table, say
from bot.database_keys import note
from bot.domain.digest import Key, Keyring
from bot.domain.policy_model import Limits
from bot.errors import PolicyError, SettingsError
from bot.membrane import sealed_under
from bot.policyfile import parse
from bot.settings import Settings, keyfile, load
from bot.store import policies, secret_keys
from bot.store.database import Database, Transaction

COSTS = """\
The new key is {new}. Consequences:
  - Restart the bot: a running bot uses {old} until then.
  - {old} stays in {file} until `membrane secret status` says that it may be dropped. Waiting and approved
    actions need it, and the saved state of hosted threads, until MEMBRANE_RETAIN_DAYS after each has ended.
  - Backups made before need {old} for ever. Copy the file to where you keep it.
  - Equal arguments before and after have different digests: the journal does not show that they are equal.
Actions that were proposed, approved, claimed or parked before continue: old cards and buttons still work.
Somebody who knows {old} can test guessed arguments against digests and open old copies of the databases.
A rotation cannot undo that. Drop the key as soon as nothing needs it: `membrane secret drop {old}`."""


@dataclass(frozen=True, slots=True)
class Needs:
    """The uses of one key: open actions, remembered rejections, rows of hosted threads, saved state."""

    key: str
    current: bool
    open_actions: int
    rejections: int
    rows: int
    threads: int

    @property
    def may_be_dropped(self) -> bool:
        """Whether nothing needs the key."""
        return not (self.current or self.open_actions or self.rejections or self.rows or self.threads)


@click.group("secret")
def secret_group() -> None:
    """Rotate the bot's secret, and see which older keys are still needed."""


@secret_group.command("status")
@json_option
def status(*, as_json: bool) -> None:
    """List the keys and what still needs each. Reads both databases, also while the bot runs."""
    settings = load(slack=False)
    found = _needs(settings, _ring(settings))
    if as_json:
        print_json([{**_row(each), "may_be_dropped": each.may_be_dropped} for each in found])
        return
    print_table(
        (
            "KEY",
            "USE",
            "OPEN ACTIONS",
            "REJECTIONS",
            "ROWS OF THREADS",
            "THREADS WITH SAVED STATE",
            "MAY BE DROPPED",
        ),
        [(*_row(each).values(), "yes" if each.may_be_dropped else "no") for each in found],
    )


@secret_group.command("rotate")
def rotate() -> None:
    """Make a new key, and keep the present one as an older key. The bot uses the new key after a restart.

    The command works while the bot runs. If MEMBRANE_SECRET is set, rotate it there; the command says how.
    """
    settings = load(slack=False)
    ring = _ring(settings)
    if settings.secret is not None:
        raise SettingsError(
            "MEMBRANE_SECRET is set in the environment or in .env, so rotate it there: put its present value "
            "first in MEMBRANE_SECRET_OLD, set MEMBRANE_SECRET to a new value (`openssl rand -hex 32` "
            "makes one), and restart the bot. `membrane secret status` then says when the old one may be "
            "dropped"
        )
    key = keyfile.new_key()
    keyfile.write(settings.secret_file, [key, *(each.secret for each in ring.keys)])
    new, old = Key.of(key).id, ring.current.id
    if settings.database.exists():
        change(lambda db: _note(db, "secret.rotated", {"from": old, "to": new}))
    say(COSTS.format(new=new, old=old, file=settings.secret_file))


@secret_group.command("drop")
@click.argument("key_id", metavar="KEY")
def drop(key_id: str) -> None:
    """Delete an older key that nothing needs any more. Stop the bot first.

    The command refuses a key that is still needed; `membrane secret status` says by what.
    """
    settings = load(slack=False)
    ring = _ring(settings)
    if settings.secret is not None:
        raise SettingsError(
            "MEMBRANE_SECRET is set, so older keys are in MEMBRANE_SECRET_OLD: remove the key there"
        )
    if (process := running(settings)) is not None:
        raise SettingsError(
            f"the bot runs (process {process}) and may still write with {key_id}; stop it, drop the key, "
            "and start it again"
        )
    found = next((each for each in _needs(settings, ring) if each.key == key_id), None)
    if found is None:
        raise SettingsError(f"there is no key {key_id}; `membrane secret status` lists the keys")
    if not found.may_be_dropped:
        raise SettingsError(
            f"the key {key_id} is still needed: it is {_words(found)}. Nothing was dropped; see "
            "`membrane secret status`"
        )
    keyfile.write(settings.secret_file, [each.secret for each in ring.keys if each.id != key_id])
    if settings.database.exists():
        change(lambda db: _note(db, "secret.dropped", {"key": key_id}, current=ring.current.id))
    say(f"{key_id} is dropped. Backups from its time cannot be used without it.")


def _ring(settings: Settings) -> Keyring:
    if settings.secret is None and not settings.secret_file.exists():
        raise SettingsError(f"there is no secret yet at {settings.secret_file}; the first start makes one")
    return settings.keyring(generate=False)


def _needs(settings: Settings, ring: Keyring) -> list[Needs]:
    """Return the uses of each key. Data written before keys had ids counts for the oldest key."""
    from bot.graph.state_keys import keys_of_saved_state  # noqa: PLC0415  # the other commands stay quick

    has_database = settings.database.exists()
    actions = read(secret_keys.of_open_actions) if has_database else Counter[str]()
    rejections = read(_remembered) if has_database else Counter[str]()
    rows = read(sealed_under) if has_database else Counter[str]()
    threads = keys_of_saved_state(settings.threads_database)
    for counted in (actions, rejections, rows, threads):
        counted[ring.keys[-1].id] += counted.pop(secret_keys.UNNAMED, 0)
    ids = [key.id for key in ring.keys]
    ids += sorted({*actions, *rejections, *rows, *threads} - {*ids})
    return [
        Needs(each, each == ring.current.id, actions[each], rejections[each], rows[each], threads[each])
        for each in ids
    ]


def _remembered(connection: Connection) -> Counter[str]:
    """Count the rejections and expiries that the policy in force still remembers, by key."""
    try:
        limits = parse(policies.in_force(connection) or "").limits
    except PolicyError:
        limits = Limits()
    now = time.time()
    return secret_keys.of_remembered(
        connection, now - limits.remember_rejection_s, now - limits.remember_expiry_s
    )


def _row(needs: Needs) -> dict[str, object]:
    return {
        "key": needs.key,
        "use": "current" if needs.current else "older",
        "open_actions": needs.open_actions,
        "rejections": needs.rejections,
        "rows": needs.rows,
        "threads": needs.threads,
    }


def _words(needs: Needs) -> str:
    if needs.current:
        return "the current one"
    return (
        f"of {needs.open_actions} open actions, {needs.rejections} remembered rejections, "
        f"{needs.rows} rows of hosted threads and the saved state of {needs.threads} threads"
    )


async def _note(db: Database, event: str, body: dict[str, str], *, current: str | None = None) -> None:
    def work(tx: Transaction) -> None:
        tx.journal(time.time(), event, body)
        if current is not None:
            note(tx, current)

    await db.write(work)
