"""Checks before a database is used: it is whole, and this bot knows its version."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select
from sqlalchemy.exc import DBAPIError

from bot.errors import StoreError, WrongVersion
from bot.store import facts, restores
from bot.store.backend import Backend, backend_of
from bot.store.journal.chain import ROWS, Ends
from bot.store.tables import REVISION, alembic_version, metadata

FIRST = "0001"
"""The revision of databases from before migrations. They name none."""


def prepare(engine: Engine, path: Path, writer: str, *, readonly: bool, exclusive: bool) -> None:
    """Create a new database, or check and migrate an existing one. Raises WrongVersion or StoreError."""
    backend = backend_of(engine)
    if exclusive and (sign := backend.lost(path)):
        raise StoreError(
            f"the database {path} is empty or not there, and {sign} beside it says that there was one. Every "
            "approval, claim and token would be forgotten: restore a backup (`membrane backup --help` says "
            "how), or set an empty folder with MEMBRANE_DATA"
        )
    if exclusive and (damage := backend.damage_at_start(path)):
        raise StoreError(
            f"the database {path} cannot be used: it is damaged ({damage}). Keep the file aside and restore "
            "a backup (`membrane backup --help` says how); nothing is repaired by guessing"
        )
    with engine.connect() as connection:
        if not readonly:
            _make(connection)
        found = revision_of(connection)
        if is_known(found):
            return
        if not _older(found):
            raise WrongVersion(
                f"the database {path} has revision {found or 'unknown'}, which this bot (revision "
                f"{REVISION}) does not know. Install the version that wrote it, restore a backup, or set "
                "another data folder with MEMBRANE_DATA."
            )
        if not exclusive:
            raise WrongVersion(
                f"the database {path} has revision {found}; this bot writes {REVISION}. Start the bot once "
                "(`membrane run`), which migrates it."
            )
        _migrate(connection, path, found, writer)


def revision_of(connection: Connection) -> str:
    """Return the revision of a database. Empty: it is not a database of this bot."""
    tables = inspect(connection).get_table_names()
    if alembic_version.name in tables:
        return str(connection.execute(select(alembic_version.c.version_num)).scalar() or "")
    return FIRST if {"meta", "journal"} <= set(tables) else ""


def is_known(revision: str) -> bool:
    """Whether this bot reads that revision without migrating."""
    return revision == REVISION


def _older(found: str) -> bool:
    return found.isdigit() and found < REVISION


def _make(connection: Connection) -> None:
    """Create everything in an empty database, also if two processes open it at once."""
    if inspect(connection).get_table_names():
        return
    backend = backend_of(connection)
    backend.begin(connection)
    try:
        if not inspect(connection).get_table_names():
            metadata.create_all(connection)
            connection.execute(alembic_version.insert(), {"version_num": REVISION})
            facts.set_fact(connection, restores.EPOCH, "0")  # no bot has started on it, so none is restored
            backend.create_triggers(connection)
        backend.commit(connection)
    except BaseException:
        backend.rollback(connection)
        raise


def _migrate(connection: Connection, path: Path, found: str, writer: str) -> None:
    """Copy the database, then migrate it in one transaction: a crash leaves the old one whole."""
    now, backend = time.time(), backend_of(connection)
    failures: tuple[type[Exception], ...] = (StoreError, *backend.errors)
    kept = path.with_name(f"{path.name}.{found}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    backend.copy(path, kept)
    try:
        _check_copy(backend, kept)
        backend.begin_rebuild(connection)
        _upgrade(connection, found)
        said = {"from": found, "to": REVISION, "copy": kept.name}
        ROWS.insert(connection, [Ends(writer).link(connection, now, "schema.migrated", said)])
        backend.end_rebuild(connection)
    except failures as error:
        backend.rollback(connection)
        kept.unlink(missing_ok=True)
        why = error.orig if isinstance(error, DBAPIError) else error
        raise StoreError(
            f"the database {path} could not be migrated from revision {found} to {REVISION}, and is as it "
            f"was: {why}"
        ) from error


def _check_copy(backend: Backend, kept: Path) -> None:
    if damage := backend.damage_of(kept):
        raise StoreError(f"it is damaged ({damage}); restore a backup (`membrane backup --help` says how)")


def _upgrade(connection: Connection, found: str) -> None:
    from bot.store import migrations  # noqa: PLC0415 - alembic takes long to import, and is rarely needed

    migrations.upgrade(connection, found)
