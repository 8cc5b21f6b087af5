"""The keys of the bot's secret that the database still needs, by id, and the columns that they seal."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, and_, bindparam, or_, select, text, update

from bot.domain.states import ActionState, ReviewState
from bot.store import facts
from bot.store.statements import Prepared
from bot.store.tables import UNANSWERED, actions, interrupts, literally, reviews, threads

UNNAMED = ""
"""The key of rows from before keys had ids."""
_PENDING = Prepared(
    select(actions.c.args_digest)
    .join(reviews, reviews.c.action_id == actions.c.id)
    .where(literally(reviews.c.state, ReviewState.PENDING))
)
_HELD = tuple(
    Prepared(select(actions.c.args_digest).where(literally(actions.c.state, state)))
    for state in (ActionState.APPROVED, ActionState.FROZEN, ActionState.QUEUED)
)
_THREADS = Prepared(
    select(threads.c.id, threads.c.input.label("sealed"))
    .where(threads.c.id > bindparam("after"))
    .order_by(threads.c.id)
    .limit(bindparam("most"))
)
_INTERRUPTS = Prepared(
    select(interrupts.c.id, interrupts.c.payload.label("sealed"))
    .where(interrupts.c.id > bindparam("after"))
    .order_by(interrupts.c.id)
    .limit(bindparam("most"))
)
_SEAL_THREAD = Prepared(
    update(threads).where(threads.c.id == bindparam("row")).values(input=bindparam("sealed"))
)
_RESULTS = Prepared(
    select(threads.c.id, threads.c.result.label("sealed"))
    .where(and_(threads.c.id > bindparam("after"), threads.c.result.is_not(None)))
    .order_by(threads.c.id)
    .limit(bindparam("most"))
)
_SEAL_RESULT = Prepared(
    update(threads).where(threads.c.id == bindparam("row")).values(result=bindparam("sealed"))
)
_SEAL_INTERRUPT = Prepared(
    update(interrupts).where(interrupts.c.id == bindparam("row")).values(payload=bindparam("sealed"))
)
_REJECTED = and_(
    literally(actions.c.state, ActionState.REJECTED),
    actions.c.remembers.is_(None),
    actions.c.settled_at >= bindparam("since"),
)
_UNANSWERED = and_(
    text(UNANSWERED),
    # A withdrawn action's pages are found by the current key alone.
    literally(actions.c.state, ActionState.ABORTED),
    actions.c.settled_at >= bindparam("since_unanswered"),
)
_REMEMBERED = select(actions.c.args_digest).where(or_(_REJECTED, _UNANSWERED))
_LAST = "key"
SEALED = {
    "threads": (_THREADS, _SEAL_THREAD),
    "results": (_RESULTS, _SEAL_RESULT),
    "interrupts": (_INTERRUPTS, _SEAL_INTERRUPT),
}
"""The sealed columns: the statement that reads each in the order of ids, and the one that writes it."""


def of_open_actions(connection: Connection) -> Counter[str]:
    """Count the args digests of waiting and approved actions by key."""
    found = (row[0] for query in (_PENDING, *_HELD) for row in query.all(connection))
    return Counter(key_of_digest(digest) for digest in found)


def of_remembered(connection: Connection, since: float, since_unanswered: float) -> Counter[str]:
    """Count the remembered rejections and expiries by key, each since an instant.

    Reads every action: only for commands.
    """
    values = {"since": since, "since_unanswered": since_unanswered}
    found = connection.execute(_REMEMBERED, values).scalars()
    return Counter(key_of_digest(digest) for digest in found)


def last_key(connection: Connection) -> str | None:
    """Return the id of the key that was current at the bot's last start, or None."""
    return facts.fact(connection, _LAST)


def set_last_key(connection: Connection, key: str) -> None:
    """Note the id of the current key."""
    facts.set_fact(connection, _LAST, key)


def key_of_digest(digest: str) -> str:
    """Return the id of an args digest's key, or UNNAMED."""
    version, _, rest = digest.partition(".")
    return rest.partition(".")[0] if version == "2" else UNNAMED


def sealed_rows(connection: Connection, table: str, *, after: str, most: int) -> list[tuple[str, str]]:
    """Return the sealed columns of a table in SEALED, with their rows' ids, after an id."""
    found = SEALED[table][0].all(connection, {"after": after, "most": most})
    return [(row.id, row.sealed) for row in found]


def seal(connection: Connection, table: str, row: str, sealed: str) -> None:
    """Write the sealed column of a row."""
    SEALED[table][1].changed(connection, {"row": row, "sealed": sealed})
