"""The seam between the store and a database product: what a backend supplies.

Statements are SQLAlchemy's and know no product. A backend says how they run, how a transaction begins and
ends, how a database is opened, copied and checked, and what its errors mean. Functions that products spell
differently are in `expressions.py`; a backend compiles them for its dialect. An engine names its backend in
an execution option, so every connection leads to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

from sqlalchemy import ClauseElement, Connection, Engine, Table

from bot.errors import StoreError
from bot.file_lock import FileLock

OPTION = "backend"
"""The execution option of an engine that holds its backend."""

Values = Mapping[str, Any]


class Runnable(Protocol):
    """A statement as one backend runs it. Its values have names. Its rows have the names of their columns."""

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """Return every row."""

    def first(self, connection: Connection, values: Values) -> Any:
        """Return the first row, or None."""

    def changed(self, connection: Connection, values: Values) -> int:
        """Write, and return the number of rows that changed."""


class Inserter(Protocol):
    """An insert of many rows as one backend runs it."""

    def insert(self, connection: Connection, rows: list[tuple[Any, ...]]) -> None:
        """Insert rows, each with a value for every column. They may not conflict."""


class Backend(ABC):
    """One database product."""

    errors: tuple[type[Exception], ...] = ()
    """The errors that a failing statement raises."""

    @abstractmethod
    def engine(self, path: Path, *, readonly: bool = False) -> Engine:
        """Return an engine on a database, made if it is new. Raises StoreError."""

    @abstractmethod
    def lock(self, folder: Path) -> FileLock:
        """Keep other bots out of a folder until the handle is closed. Raises AlreadyRunning or StoreError."""

    @abstractmethod
    def runnable(self, statement: ClauseElement) -> Runnable:
        """Return a statement in the form that is quickest to run often."""

    @abstractmethod
    def inserter(self, table: Table) -> Inserter:
        """Return an insert of many rows. A column that counts by itself is left out."""

    @abstractmethod
    def begin(self, connection: Connection) -> None:
        """Begin a transaction that writes."""

    @abstractmethod
    def commit(self, connection: Connection) -> None:
        """Commit the transaction. It is durable when this returns."""

    @abstractmethod
    def rollback(self, connection: Connection) -> None:
        """Roll the transaction back. Harmless without one."""

    @abstractmethod
    def savepoint(self, connection: Connection) -> None:
        """Mark where one unit of a group begins."""

    @abstractmethod
    def release(self, connection: Connection) -> None:
        """Keep the unit."""

    @abstractmethod
    def undo(self, connection: Connection) -> None:
        """Drop the unit and keep the rest of the group."""

    @abstractmethod
    def snapshot(self, connection: Connection) -> AbstractContextManager[None]:
        """See the database as it is now in every query within, whatever others commit meanwhile."""

    @abstractmethod
    def create_triggers(self, connection: Connection) -> None:
        """Create the triggers that keep the journal append-only."""

    @abstractmethod
    def begin_rebuild(self, connection: Connection) -> None:
        """Begin a transaction that may rebuild tables. No trigger fires in it."""

    @abstractmethod
    def end_rebuild(self, connection: Connection) -> None:
        """Create the triggers again and commit. Raises StoreError if a reference leads nowhere."""

    @abstractmethod
    def lost(self, path: Path) -> str | None:
        """Return the name of the file which shows that a database was here and is gone, or None."""

    @abstractmethod
    def damage_at_start(self, path: Path) -> str | None:
        """Return the damage that a quick look finds, or None."""

    @abstractmethod
    def damage_of(self, path: Path) -> str | None:
        """Return the damage that a thorough look finds, or None."""

    @abstractmethod
    def copy(self, source: Path, target: Path) -> None:
        """Copy a database as it is at one instant, also while it is in use. Raises StoreError."""

    @abstractmethod
    def of_the_store(self, error: BaseException) -> bool:
        """Whether the database itself failed, and so every unit of the transaction."""

    @abstractmethod
    def explain(self, error: BaseException, path: Path) -> StoreError:
        """Translate a failure of the database into a sentence that a person can act on."""


def backend_of(connection: Connection | Engine) -> Backend:
    """Return the backend of a connection. Raises KeyError where no backend made its engine."""
    return cast("Backend", connection.get_execution_options()[OPTION])
