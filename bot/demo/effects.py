"""The effects of the action kinds on Northwind's books. Each takes a connection and arguments.

An effect runs inside the caller's transaction and raises EffectFailed, which rolls it back.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

Args = Mapping[str, Any]
Effect = Callable[[sqlite3.Connection, Args], Any]

READABLE = re.compile(r"customers|orders|articles|sessions|services|flags|refunds")
WRITABLE = re.compile(r"(UPDATE|DELETE FROM) (customers|orders|articles|sessions) [^;]+")
MOST_ROWS = 20


class EffectFailed(Exception):
    """The books do not allow the effect; nothing has changed."""


def _read(db: sqlite3.Connection, args: Args) -> Any:
    table = args["table"]
    if not READABLE.fullmatch(table):
        raise EffectFailed(f"there is no table {table}")
    column, _, value = str(args.get("where") or "").partition("=")
    query, values = f"SELECT * FROM {table}", []  # noqa: S608 - one of the names above
    if column:
        if column not in {
            row["name"] for row in db.execute("SELECT name FROM pragma_table_info(?)", (table,))
        }:
            raise EffectFailed(f"{table} has no column {column}")
        query, values = f"{query} WHERE {column} = ?", [value]
    return [dict(row) for row in db.execute(f"{query} LIMIT {MOST_ROWS}", values)]


def _search(db: sqlite3.Connection, args: Args) -> Any:
    like = f"%{args['query']}%"
    found = db.execute("SELECT text FROM articles WHERE title LIKE ? OR text LIKE ?", (like, like))
    return [row["text"] for row in found]


def _write(db: sqlite3.Connection, args: Args) -> Any:
    """Run a statement if it changes exactly the approved number of rows."""
    if not WRITABLE.fullmatch(args["statement"]):
        raise EffectFailed("it is not one UPDATE or DELETE FROM of a table that may be changed by hand")
    try:
        changed = db.execute(args["statement"]).rowcount
    except sqlite3.Error as error:
        raise EffectFailed(f"the statement does not run: {error}") from error
    if changed != args["rows"]:
        raise EffectFailed(f"it would change {changed} rows, and {args['rows']} were announced")
    return {"rows": changed}


def _refund(db: sqlite3.Connection, args: Args) -> Any:
    order = db.execute("SELECT usd, state FROM orders WHERE id = ?", (args["order"],)).fetchone()
    if order is None or args["amount"] > order["usd"]:
        raise EffectFailed(f"order {args['order']} is not there, or was cheaper than {args['amount']}")
    db.execute("UPDATE orders SET state = 'refunded' WHERE id = ?", (args["order"],))
    return _insert(db, "refunds", order_id=args["order"], usd=args["amount"], recipient=args["recipient"])


def _transfer(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "transfers", account=args["account"], usd=args["amount"], purpose=args["purpose"])


def _send(db: sqlite3.Connection, args: Args) -> Any:
    to = ", ".join(args["to"])
    return _insert(db, "mails", recipients=to, subject=args["subject"], body=args["body"], sent=1)


def _draft(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "mails", recipients="", subject=args["subject"], body=args["body"], sent=0)


def _note(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "notes", customer=args["customer"], text=args["text"])


def _report(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "reports", name=args["name"], usd=args["cost"])


def _export(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "exports", columns=json.dumps(args["columns"]), destination=args["destination"])


def _grant(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "grants", who=args["who"], role=args["role"], until=args.get("until"))


def _broadcast(db: sqlite3.Connection, args: Args) -> Any:
    return _insert(db, "broadcasts", audience=args["audience"], text=args["text"])


def _delete(db: sqlite3.Connection, args: Args) -> Any:
    if args["what"] != "stale sessions":
        raise EffectFailed(f"nobody knows how to delete {args['what']}")
    return {"deleted": db.execute("DELETE FROM sessions WHERE stale").rowcount}


def _flag(db: sqlite3.Connection, args: Args) -> Any:
    db.execute("INSERT OR REPLACE INTO flags VALUES (?, ?)", (args["flag"], args["percent"]))
    return {"flag": args["flag"], "percent": args["percent"]}


def _point(db: sqlite3.Connection, args: Args) -> Any:
    db.execute("INSERT OR REPLACE INTO domains VALUES (?, ?)", (args["name"], args["target"]))
    return {"name": args["name"], "target": args["target"]}


def _deploy(stage: str) -> Effect:
    def deploy(db: sqlite3.Connection, args: Args) -> Any:
        service, version = args["service"], args["version"]
        db.execute("INSERT OR REPLACE INTO services VALUES (?, ?, ?)", (service, stage, version))
        return _insert(db, "deploys", service=service, stage=stage, version=version)

    return deploy


def _insert(db: sqlite3.Connection, table: str, **values: Any) -> Any:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    statement = f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
    return {table: db.execute(statement, tuple(values.values())).lastrowid}


EFFECTS: Mapping[str, Effect] = {
    "db.read": _read,
    "kb.search": _search,
    "crm.note": _note,
    "report.generate": _report,
    "mail.newsletter-draft": _draft,
    "mail.send": _send,
    "payment.refund": _refund,
    "deploy.staging": _deploy("staging"),
    "db.write": _write,
    "config.feature-flag": _flag,
    "data.export": _export,
    "payment.transfer": _transfer,
    "data.delete": _delete,
    "permission.grant": _grant,
    "message.broadcast": _broadcast,
    "deploy.production": _deploy("production"),
    "dns.update": _point,
}
"""Every kind with an effect, including one that the policy does not name."""
