"""Reading entries in the order they were written."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, bindparam, func, select

from bot.domain.record import JournalEntry
from bot.store.tables import journal

_COLUMNS = (
    journal.c.writer,
    journal.c.seq,
    journal.c.at,
    journal.c.event,
    journal.c.action_id,
    journal.c.review_id,
    journal.c.body,
    journal.c.hash,
)
ENTRIES = select(*_COLUMNS)
_SINCE = (
    select(journal.c.id, *_COLUMNS)
    .where(journal.c.id > bindparam("after"))
    .order_by(journal.c.id)
    .limit(bindparam("most"))
)
_HAS = select(journal.c.id).where(journal.c.hash == bindparam("digest")).limit(1)
_LAST_BEFORE = (
    select(journal.c.id).where(journal.c.at < bindparam("instant")).order_by(journal.c.id.desc()).limit(1)
)
BATCH = 1000


def entries(
    connection: Connection,
    *,
    action_id: str | None = None,
    review_id: str | None = None,
    event: str | None = None,
    last: int | None = None,
) -> Iterator[JournalEntry]:
    """Yield entries in the order of writing. `last` limits them to the last ones."""
    query = ENTRIES
    for column, value in (
        (journal.c.action_id, action_id),
        (journal.c.review_id, review_id),
        (journal.c.event, event),
    ):
        if value is not None:
            query = query.where(column == value)
    if last is None:
        rows = iter(connection.execute(query.order_by(journal.c.id).execution_options(yield_per=BATCH)))
    else:
        newest_first = query.order_by(journal.c.id.desc()).limit(last)
        rows = iter(reversed(connection.execute(newest_first).all()))
    for row in rows:
        yield JournalEntry(*row)


def since(connection: Connection, after: int, most: int) -> list[tuple[int, JournalEntry]]:
    """Return the entries of all chains after a position, each with its own position.

    A reader that continues from its last position gets every entry once. 0 is before the first entry.
    """
    rows = connection.execute(_SINCE, {"after": after, "most": most})
    return [(row[0], JournalEntry(*row[1:])) for row in rows]


def has(connection: Connection, digest: str) -> bool:
    """Whether an entry has this hash. Reads all entries."""
    return connection.execute(_HAS, {"digest": digest}).first() is not None


def last_before(connection: Connection, at: float) -> int:
    """Return the position of the last entry before an instant, or 0."""
    found: int | None = connection.execute(_LAST_BEFORE, {"instant": at}).scalar()
    return found or 0


def count(connection: Connection) -> int:
    """Return the number of entries."""
    return connection.execute(select(func.count()).select_from(journal)).scalar_one()
