"""The keys of the bot's secret under which the saved state of threads is sealed."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from bot.errors import StoreError
from bot.graph.serializer import CIPHER
from bot.membrane.vault import HEAD, MARK, key_of

_THREADS = """
SELECT head, count(DISTINCT thread_id) FROM (
    SELECT thread_id, CASE WHEN substr(sealed, 1, :mark) = :is THEN substr(sealed, 1, :head) END AS head
    FROM (
        SELECT thread_id, checkpoint AS sealed FROM checkpoints WHERE type LIKE :sealed
        UNION ALL
        SELECT thread_id, value AS sealed FROM writes WHERE type LIKE :sealed
    )
) GROUP BY head
"""


def keys_of_saved_state(path: Path) -> Counter[str]:
    """Return the number of threads with saved state under each key, by key id; "" if the state names no key.

    Reads all of `threads.db`, also while a bot runs. Raises StoreError if the file cannot be read.
    """
    if not path.exists():
        return Counter()
    values = {"mark": len(MARK), "is": MARK, "head": HEAD, "sealed": f"%+{CIPHER}"}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute(_THREADS, values).fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    return Counter({(key_of(head or b"") or b"").hex(): count for head, count in rows})
