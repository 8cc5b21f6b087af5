"""Prepared statements take values by name, return typed rows and refuse mistakes."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import bindparam, select, update

from bot.domain.states import ReviewState
from bot.store.backend import Backend
from bot.store.database import Database
from bot.store.statements import Prepared
from bot.store.tables import digests, messages, meta

ROW = {"id": "msg_1", "kind": "notice", "recipient": "C1", "wanted": 1, "priority": 5, "created_at": 1.0}


async def _run(db: Database, prepared: Prepared, values: dict[str, Any]) -> int:
    return await db.write(lambda tx: prepared.changed(tx.connection, values))


async def test_columns_without_a_value_take_their_defaults(db: Database) -> None:
    """The table's default applies if there is one, otherwise NULL; a given value wins."""
    insert, found = Prepared(messages.insert()), Prepared(select(messages))
    assert await _run(db, insert, {**ROW, "position": 3}) == 1
    row = await db.read(found.first)
    assert (row.position, row.shown, row.attempts, row.body) == (3, 0, 0, None)


async def test_rows_have_the_types_of_their_columns(db: Database) -> None:
    """A database may store a boolean as a number. It is read back as a boolean."""
    await _run(db, Prepared(meta.insert()), {"name": "state", "value": "pending"})
    is_state = Prepared(select((meta.c.name == "state").label("yes"), (meta.c.name == "x").label("no")))
    row = await db.read(lambda connection: is_state.all(connection)[-1])
    assert row.yes is True
    assert row.no is False


async def test_a_value_that_the_statement_does_not_use_is_refused(db: Database) -> None:
    """Otherwise a misspelt name would silently write the default."""
    with pytest.raises(TypeError, match="nmae"):
        await _run(db, Prepared(meta.insert()), {"nmae": "x", "value": "y"})


async def test_a_missing_value_is_refused(db: Database) -> None:
    """A parameter of the statement has no default."""
    by_name = Prepared(select(meta).where(meta.c.name == bindparam("of")))
    with pytest.raises(KeyError, match="of"):
        await db.read(by_name.first)


async def test_literals_in_the_statement_are_bound(db: Database) -> None:
    """A compared constant and an explicit NULL belong to the statement, not to the call."""
    await _run(db, Prepared(messages.insert()), {**ROW, "error": "old"})
    clear = Prepared(update(messages).where(messages.c.kind == "notice").values(error=None, body="x"))
    assert await _run(db, clear, {}) == 1
    row = await db.read(Prepared(select(messages.c.error, messages.c.body)).first)
    assert tuple(row) == (None, "x")


async def test_a_failing_statement_undoes_only_its_own_unit(db: Database, backend: Backend) -> None:
    """The driver's errors drop one unit, as SQLAlchemy's do."""
    insert = Prepared(digests.insert())
    row = {"id": "dig_1", "channel": "C", "made_at": 1.0}
    assert await _run(db, insert, row) == 1
    with pytest.raises(backend.errors):
        await _run(db, insert, row)
    assert await _run(db, insert, {**row, "id": "dig_2"}) == 1


async def test_an_enum_member_is_bound_as_text(db: Database) -> None:
    """The domain's states and kinds are enums."""
    await _run(db, Prepared(meta.insert()), {"name": "state", "value": ReviewState.PENDING})
    by_name = Prepared(select(meta.c.value).where(meta.c.name == bindparam("of")))
    assert await db.read(lambda connection: by_name.scalar(connection, {"of": "state"})) == "pending"
