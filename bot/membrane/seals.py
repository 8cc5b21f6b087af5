"""Seals the rows of hosted threads under the current key, so that an older one can be dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import orjson
import structlog
from sqlalchemy import Connection

from bot.errors import StoreError
from bot.membrane.core import Core
from bot.membrane.vault import named_key
from bot.store import secret_keys
from bot.store.database import Transaction

ROWS = 200
"""Rows checked in one sweep; that takes some milliseconds."""

BATCH = 1000
"""Rows read at once when all are counted."""

log = structlog.get_logger(__name__)


class Seals:
    """The sweep that walks through the sealed rows once after each start, if there are older keys."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._walk = iter(()) if not core.keyring.older else self._places()
        self._at: tuple[str, str] | None = next(self._walk, None)

    @staticmethod
    def _places() -> Iterator[tuple[str, str]]:
        for table in secret_keys.SEALED:
            yield table, ""

    async def renew(self) -> int:
        """Seal the next rows under the current key. Return how many had an older one."""
        if self._at is None:
            return 0
        table, after = self._at
        rows = await self._core.db.read(
            lambda connection: secret_keys.sealed_rows(connection, table, after=after, most=ROWS)
        )
        done = await self._core.db.write(lambda tx: self._seal(tx, table, rows)) if rows else 0
        self._at = (table, rows[-1][0]) if len(rows) == ROWS else next(self._walk, None)
        if self._at is None:
            log.info("every row of hosted threads is sealed under the current key")
        return done

    def _seal(self, tx: Transaction, table: str, rows: list[tuple[str, str]]) -> int:
        done = 0
        for row, sealed in rows:
            try:
                renewed = self._core.vault.reseal(orjson.loads(sealed), row)
            except StoreError as error:
                log.warning("a row of a hosted thread could not be sealed again", row=row, why=str(error))
                continue
            if renewed is not None:
                secret_keys.seal(tx.connection, table, row, orjson.dumps(renewed).decode())
                done += 1
        return done


def sealed_under(connection: Connection) -> Counter[str]:
    """Return how many rows of hosted threads are sealed under each key id; "" if a row names none."""
    found: Counter[str] = Counter()
    for table in secret_keys.SEALED:
        after = ""
        while rows := secret_keys.sealed_rows(connection, table, after=after, most=BATCH):
            found.update(named_key(orjson.loads(sealed)) for _, sealed in rows)
            after = rows[-1][0]
    return found
