"""The backend on SQLite: one file, one writer."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from sqlalchemy import ClauseElement, Connection, Engine, Table

from bot.errors import StoreError
from bot.file_lock import FileLock
from bot.store.backend import OPTION, Backend, Inserter, Runnable
from bot.store.sqlite import connecting, copying, damage, failures, spelling, transactions, triggers
from bot.store.sqlite.bulk import DriverBulk
from bot.store.sqlite.prepared import DriverStatement


class Sqlite(Backend):
    """SQLite with a write-ahead log."""

    errors = failures.ERRORS

    def __init__(self) -> None:
        spelling.register()

    def engine(self, path: Path, *, readonly: bool = False) -> Engine:
        """Return an engine on the file, made 0600 if it is new. Transactions are begun by hand (`begin`)."""
        return connecting.engine_for(path, readonly=readonly, options={OPTION: self})

    def lock(self, folder: Path) -> FileLock:
        """Take the folder for this process until it ends, however it ends. Raises AlreadyRunning."""
        return connecting.lock_folder(folder)

    def runnable(self, statement: ClauseElement) -> Runnable:
        """Return a statement that the driver runs."""
        return DriverStatement(statement)

    def inserter(self, table: Table) -> Inserter:
        """Return an insert of many rows that the driver runs."""
        return DriverBulk(table)

    def begin(self, connection: Connection) -> None:
        """Begin a transaction that writes."""
        transactions.begin(connection)

    def commit(self, connection: Connection) -> None:
        """Commit the transaction. It is on disk when this returns."""
        transactions.commit(connection)

    def rollback(self, connection: Connection) -> None:
        """Roll the transaction back. Harmless without one."""
        transactions.rollback(connection)

    def savepoint(self, connection: Connection) -> None:
        """Mark where one unit of a group begins."""
        transactions.savepoint(connection)

    def release(self, connection: Connection) -> None:
        """Keep the unit."""
        transactions.release(connection)

    def undo(self, connection: Connection) -> None:
        """Drop the unit and keep the rest of the group."""
        transactions.undo(connection)

    def snapshot(self, connection: Connection) -> AbstractContextManager[None]:
        """See the database as it is now in every query within."""
        return transactions.snapshot(connection)

    def create_triggers(self, connection: Connection) -> None:
        """Create the triggers that keep the journal append-only."""
        triggers.create_triggers(connection)

    def begin_rebuild(self, connection: Connection) -> None:
        """Begin a transaction that may rebuild tables."""
        transactions.begin_rebuild(connection)

    def end_rebuild(self, connection: Connection) -> None:
        """Create the triggers again and commit. Raises StoreError if a reference leads nowhere."""
        transactions.end_rebuild(connection)

    def lost(self, path: Path) -> str | None:
        """Return the name of the file which shows that a database was here and is gone, or None."""
        return damage.lost(path)

    def damage_at_start(self, path: Path) -> str | None:
        """Return the damage that a quick look at a small file finds, or None."""
        return damage.damage_at_start(path)

    def damage_of(self, path: Path) -> str | None:
        """Return the damage that a thorough look finds, or None."""
        return damage.damage_of(path)

    def copy(self, source: Path, target: Path) -> None:
        """Copy a database, also while it is in use. Raises StoreError."""
        copying.copy(source, target)

    def of_the_store(self, error: BaseException) -> bool:
        """Whether the database itself failed."""
        return failures.of_the_store(error)

    def explain(self, error: BaseException, path: Path) -> StoreError:
        """Translate a failure of the database into a sentence that a person can act on."""
        return failures.explain(error, path)


SQLITE = Sqlite()
"""The only backend today."""
