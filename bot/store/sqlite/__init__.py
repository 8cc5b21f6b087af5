"""The backend on SQLite: pragmas, transactions, prepared statements, triggers, copies, the folder's lock.

A second backend is a package beside this one, with its own `Backend`. It passes the same contract suite.
"""

from bot.store.sqlite.backend import SQLITE
from bot.store.sqlite.connecting import TEMPORARY, lock_folder
from bot.store.sqlite.copying import note_fact
from bot.store.sqlite.filesystem import check_folder

__all__ = ["SQLITE", "TEMPORARY", "check_folder", "lock_folder", "note_fact"]
