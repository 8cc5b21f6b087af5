"""What only SQLite needs: pragmas, how a write begins, many rows at once, triggers, copies, the lock.

Another backend brings its own package with these names and passes the same contract suite.
"""

from bot.store.sqlite.bulk import Bulk
from bot.store.sqlite.connecting import BUSY_TIMEOUT_S, TEMPORARY, engine_for, lock_folder, open_file
from bot.store.sqlite.copying import copy, damage_at_start, damage_of, note_fact
from bot.store.sqlite.failures import ERRORS, explain, of_the_store
from bot.store.sqlite.filesystem import check_folder
from bot.store.sqlite.prepared import Prepared
from bot.store.sqlite.transactions import (
    begin,
    begin_rebuild,
    commit,
    end_rebuild,
    insert_new,
    release,
    rollback,
    savepoint,
    snapshot,
    undo,
)
from bot.store.sqlite.triggers import create_triggers

__all__ = [
    "BUSY_TIMEOUT_S",
    "ERRORS",
    "TEMPORARY",
    "Bulk",
    "Prepared",
    "begin",
    "begin_rebuild",
    "check_folder",
    "commit",
    "copy",
    "create_triggers",
    "damage_at_start",
    "damage_of",
    "end_rebuild",
    "engine_for",
    "explain",
    "insert_new",
    "lock_folder",
    "note_fact",
    "of_the_store",
    "open_file",
    "release",
    "rollback",
    "savepoint",
    "snapshot",
    "undo",
]
