"""Migrations from every earlier schema to the present one. Alembic runs them in the caller's transaction.

A migration is frozen: it names tables and columns itself and imports nothing of `bot`. There is no downgrade:
the opener copies the file before it migrates (`opening.py`). A new migration is a file in `versions/` with
the next number as its `revision`, which `tables.REVISION` names. A test compares the result with the tables.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent


def newest() -> str | None:
    """Return the revision of the last migration."""
    return ScriptDirectory(str(FOLDER)).get_current_head()


def upgrade(connection: Connection, found: str, to: str = "head") -> None:
    """Run every migration after the revision `found`. A database from before migrations names no revision."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.stamp(config, found)
    command.upgrade(config, to)
