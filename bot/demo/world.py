"""Northwind's books: one SQLite file with the effects of the demo's agents.

Each effect is one transaction: the change of the books, and a row in `effects` with its idempotency key. A
known key changes nothing and returns the first result, so an effect that is run again after a crash happens
once.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot.demo.effects import EFFECTS, EffectFailed

VARIABLE = "NORTHWIND_BOOKS"
"""The environment variable with the path of the books, for the example agents."""
BUSY_S = 10.0

SCHEMA = """
CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT, email TEXT, phone TEXT);
CREATE TABLE orders (id TEXT PRIMARY KEY, customer TEXT, item TEXT, usd REAL, state TEXT);
CREATE TABLE articles (title TEXT PRIMARY KEY, text TEXT);
CREATE TABLE sessions (id TEXT PRIMARY KEY, customer TEXT, stale INTEGER);
CREATE TABLE services (name TEXT, stage TEXT, version TEXT, PRIMARY KEY (name, stage));
CREATE TABLE flags (name TEXT PRIMARY KEY, percent INTEGER);
CREATE TABLE refunds (id INTEGER PRIMARY KEY, order_id TEXT, usd REAL, recipient TEXT);
CREATE TABLE transfers (id INTEGER PRIMARY KEY, account TEXT, usd REAL, purpose TEXT);
CREATE TABLE mails (id INTEGER PRIMARY KEY, recipients TEXT, subject TEXT, body TEXT, sent INTEGER);
CREATE TABLE notes (id INTEGER PRIMARY KEY, customer TEXT, text TEXT);
CREATE TABLE reports (id INTEGER PRIMARY KEY, name TEXT, usd REAL);
CREATE TABLE exports (id INTEGER PRIMARY KEY, columns TEXT, destination TEXT);
CREATE TABLE grants (id INTEGER PRIMARY KEY, who TEXT, role TEXT, until TEXT);
CREATE TABLE deploys (id INTEGER PRIMARY KEY, service TEXT, stage TEXT, version TEXT);
CREATE TABLE broadcasts (id INTEGER PRIMARY KEY, audience TEXT, text TEXT);
CREATE TABLE domains (name TEXT PRIMARY KEY, target TEXT);
CREATE TABLE effects (
    key TEXT PRIMARY KEY, action_id TEXT, kind TEXT NOT NULL, args TEXT NOT NULL, result TEXT NOT NULL,
    at REAL NOT NULL
);
"""

SEED: Mapping[str, tuple[tuple[Any, ...], ...]] = {
    "customers": (
        ("C-07", "Acme", "sam@acme.example", "+1 555 0107"),
        ("C-11", "Globex", "kim@globex.example", "+1 555 0111"),
        ("C-23", "Initech", "lee@initech.example", "+1 555 0123"),
    ),
    "orders": (
        ("O-1041", "C-07", "kettle", 42.0, "delivered"),
        ("O-1042", "C-07", "grinder", 180.0, "delivered"),
        ("O-1043", "C-11", "espresso machine", 640.0, "delivered"),
        ("O-1044", "C-11", "roaster", 900.0, "cancelled"),
        ("O-1045", "C-07", "filters", 12.0, "delivered"),
    ),
    "articles": (
        ("Leaking kettles", "Batch K-19 leaks at the lid. Refund without asking for it back."),
        ("Double shipments", "Refund the second one; the customer keeps it."),
    ),
    "sessions": tuple((f"S-{number}", "C-23", int(number <= 6)) for number in range(1, 10)),
    "services": (("shop", "staging", "4.1"), ("shop", "production", "4.1")),
    "flags": (("new-checkout", 0),),
    "domains": (("northwind.example", "203.0.113.7"),),
}


class World:
    """The books at a path. Each call opens its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def from_environment(cls) -> World:
        """Return the books at the path in NORTHWIND_BOOKS."""
        path = os.environ.get(VARIABLE)
        if not path:
            raise EffectFailed(
                f"{VARIABLE} is not set; it holds the path of the books that `membrane demo` creates"
            )
        return cls(Path(path))

    def found(self) -> None:
        """Create the file, with customers, orders and services."""
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(SCHEMA)
            for table, rows in SEED.items():
                marks = ", ".join("?" * len(rows[0]))
                connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - our own names

    def perform(self, kind: str, args: Mapping[str, Any], *, key: str, action_id: str | None = None) -> Any:
        """Carry out an action once per `key`, and return its result.

        Raises EffectFailed if that is not possible; nothing has changed then.
        """
        effect = EFFECTS.get(kind)
        if effect is None:
            raise EffectFailed(f"nobody at Northwind knows how to do {kind}")
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            done = connection.execute("SELECT result FROM effects WHERE key = ?", (key,)).fetchone()
            if done is not None:
                return json.loads(done["result"])
            result = effect(connection, args)
            row = (key, action_id, kind, json.dumps(dict(args)), json.dumps(result), time.time())
            connection.execute("INSERT INTO effects VALUES (?, ?, ?, ?, ?, ?)", row)
        return result

    def effects(self) -> list[dict[str, Any]]:
        """Return every effect, oldest first."""
        return self.rows("SELECT key, action_id, kind, args, result, at FROM effects ORDER BY at, key")

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """Return the rows of a query on the books."""
        with self._connection() as connection:
            return [dict(row) for row in connection.execute(query, values)]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            yield connection
            if connection.in_transaction:
                connection.commit()
        finally:
            connection.close()
