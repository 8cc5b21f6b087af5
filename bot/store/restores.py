"""Queries on actions, threads and tokens that are uncertain since a restore from a backup.

A subject is an action that may have run since the backup, or a thread that may have gone on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, and_, bindparam, delete, func, select, update

from bot.domain.record import ActionRecord
from bot.domain.states import UNSETTLED, ActionState, InterruptState
from bot.store import actions as acts
from bot.store.facts import fact, set_fact
from bot.store.journal import writers
from bot.store.statements import InsertNew, Prepared
from bot.store.tables import actions, interrupts, journal, restored, threads, tokens

BACKUP = "backup"
"""Fact of a copy: it is a backup, and when it was made."""
INSTANCE, EPOCH, RESTORED = "instance", "epoch", "restored"
WRITTEN_AT = "written_at"
"""Fact: when a bot last tried to write, in seconds since the epoch."""

STARTABLE = frozenset({ActionState.PASSED, ActionState.APPROVED})
"""States of an action that may start now."""


def _values(states: Iterable[ActionState]) -> list[str]:
    return sorted(state.value for state in states)


_OPEN = restored.c.closed_at.is_(None)
_SINCE = Prepared(select(restored.c.since).where(and_(restored.c.subject == bindparam("of"), _OPEN)))
_DOUBT = Prepared(InsertNew(restored))
_CLOSE = Prepared(
    update(restored)
    .where(and_(restored.c.subject == bindparam("of"), _OPEN))
    .values(closed_at=bindparam("now"))
)
_ASKABLE = (
    select(actions.c.id)
    .select_from(restored.join(actions, actions.c.id == restored.c.subject))
    .where(and_(_OPEN, actions.c.state.in_(_values(STARTABLE))))
    .limit(bindparam("most"))
)
_LEFT_ACTIONS = (
    select(func.count())
    .select_from(restored.join(actions, actions.c.id == restored.c.subject))
    .where(and_(_OPEN, actions.c.state.in_(_values(UNSETTLED))))
)
_LEFT_THREADS = (
    select(func.count())
    .select_from(restored.join(threads, threads.c.id == restored.c.subject))
    .where(and_(_OPEN, threads.c.settled_at.is_(None)))
)
_UNCONFIRMED = and_(tokens.c.unconfirmed_since.is_not(None), tokens.c.revoked_at.is_(None))


@dataclass(frozen=True, slots=True)
class Restore:
    """A restore: when a start noticed it, the time of the backup (`since`), and the sign of it (`why`)."""

    at: float
    since: float
    why: str


def restore(connection: Connection) -> Restore | None:
    """Return the unconfirmed restore, or None."""
    value = fact(connection, RESTORED)
    return Restore(**orjson.loads(value)) if value is not None else None


def keep(connection: Connection, found: Restore | None) -> None:
    """Set the unconfirmed restore. None: everything about it is confirmed."""
    value = None
    if found is not None:
        value = orjson.dumps({"at": found.at, "since": found.since, "why": found.why}).decode()
    set_fact(connection, RESTORED, value)


def last_entry_at(connection: Connection) -> float | None:
    """Return the time of the journal's last entry, or None."""
    found = []
    for writer in writers(connection):
        query = select(journal.c.at).where(journal.c.writer == writer).order_by(journal.c.seq.desc()).limit(1)
        found.append(float(connection.execute(query).scalar_one()))
    return max(found, default=None)


def since(connection: Connection, subject: str) -> float | None:
    """Return the time of the backup since which a subject is uncertain, or None if it is certain."""
    at: float | None = _SINCE.scalar(connection, {"of": subject})
    return at


def doubt(connection: Connection, subject: str, at: float) -> None:
    """Note that a subject is uncertain since a backup of that time."""
    connection.execute(delete(restored).where(and_(restored.c.subject == subject, ~_OPEN)))
    _DOUBT.changed(connection, {"subject": subject, "since": at})


def close(connection: Connection, subject: str, now: float) -> None:
    """Note that a subject is certain."""
    _CLOSE.changed(connection, {"of": subject, "now": now})


def unsettled(connection: Connection) -> list[ActionRecord]:
    """Return every action that may run or runs. Reads all actions: only for a restore."""
    query = select(actions.c.id).where(actions.c.state.in_(_values(UNSETTLED - {ActionState.UNKNOWN})))
    ids = list(connection.execute(query).scalars())
    return [found for each in ids if (found := acts.get(connection, each)) is not None]


def unsettled_threads(connection: Connection) -> list[str]:
    """Return the ids of the unsettled threads."""
    return list(connection.execute(select(threads.c.id).where(threads.c.settled_at.is_(None))).scalars())


def hold_answers(connection: Connection, of: Iterable[str]) -> None:
    """Take back the undelivered answers, so that nothing starts before people have looked."""
    for interrupt_id in of:
        query = update(interrupts).where(
            and_(interrupts.c.id == interrupt_id, interrupts.c.state == InterruptState.ANSWERED.value)
        )
        connection.execute(query.values(state=InterruptState.WAITING.value, answered_at=None))


def askable(connection: Connection, most: int) -> list[str]:
    """Return the ids of actions that could start and may already have run."""
    return list(connection.execute(_ASKABLE, {"most": most}).scalars())


def left(connection: Connection) -> tuple[int, int, int]:
    """Return the numbers of uncertain tokens, actions and threads."""
    of_tokens = connection.execute(select(func.count()).where(_UNCONFIRMED)).scalar_one()
    of_actions = connection.execute(_LEFT_ACTIONS).scalar_one()
    return of_tokens, of_actions, connection.execute(_LEFT_THREADS).scalar_one()


def unconfirm_tokens(connection: Connection, now: float) -> int:
    """Refuse every live token until it is confirmed. Return their number."""
    query = update(tokens).where(tokens.c.revoked_at.is_(None)).values(unconfirmed_since=now)
    return connection.execute(query).rowcount


def confirm_tokens(connection: Connection, token_id: str | None) -> list[str]:
    """Confirm a token, or all of them. Return the ids of the tokens that were unconfirmed."""
    one = _UNCONFIRMED if token_id is None else and_(_UNCONFIRMED, tokens.c.id == token_id)
    ids = list(connection.execute(select(tokens.c.id).where(one).order_by(tokens.c.id)).scalars())
    connection.execute(update(tokens).where(one).values(unconfirmed_since=None))
    return ids


def backup_of(at: float) -> str:
    """Return the value of BACKUP for a copy of that time."""
    return orjson.dumps({"at": at}).decode()


def is_used(connection: Connection) -> bool:
    """Whether the database holds any action or journal entry."""
    return bool(
        connection.execute(select(journal.c.id).limit(1)).first()
        or connection.execute(select(actions.c.id).limit(1)).first()
    )
