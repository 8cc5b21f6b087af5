"""The evidence after a run: the store, the journal, the ledger, the workspace, and the answers to agents.

The store is read with plain SQL, not through the bot's own queries: a fault in those is not to hide itself.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from bot.localslack import LocalSlack
from bot.membrane.deadlines import IN_DOUBT_S
from bot.store import journal
from bot.store.database import open_database
from tests.chaos import world
from tests.chaos.fleet import Told
from tests.chaos.ledger import Ledger

Row = dict[str, Any]

MOST_BEHIND = 80
NOT_SOON_S = 60
"""An unknown kind leaves its agent ten minutes to report: longer than anybody waits here."""
RUNNING = f"""
SELECT actions.id FROM actions JOIN executions ON executions.action_id = actions.id
WHERE actions.state = 'running' AND executions.report_by - executions.claimed_at <= {NOT_SOON_S}
"""
PENDING_PAST = f"""
SELECT reviews.*, coalesce(
    (SELECT min(coalesce(doubted_since, attempt_at)) FROM messages WHERE review_id = reviews.id AND ts IS NULL
     AND given_up_at IS NULL AND attempt_at IS NOT NULL AND reviews.shown_at IS NULL)
    + json_extract(ruling, '$.window_s') + {IN_DOUBT_S}, 0) AS may_wait_until
FROM reviews WHERE state = 'pending' AND expires_at <= ?
"""
TABLES = (
    "actions",
    "reviews",
    "votes",
    "messages",
    "interrupts",
    "threads",
    "thread_requests",
    "executions",
    "unknowns",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the bot in the workspace. `message_id` is what its metadata says."""

    channel: str
    ts: str
    message_id: str
    buttons: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Send:
    """A post as Slack got it: when, and what went wrong with it, if anything did."""

    at: float
    channel: str
    message_id: str
    fault: str = ""


@dataclass(frozen=True)
class Evidence:
    """Everything there is to hold against each other. Tables are lists of rows, oldest first."""

    actions: list[Row]
    reviews: list[Row]
    votes: list[Row]
    messages: list[Row]
    interrupts: list[Row]
    threads: list[Row]
    thread_requests: list[Row]
    executions: list[Row]
    unknowns: list[Row]
    journal: list[Row]
    """In the order of writing, over all writers."""
    runs: list[Row]
    told_graphs: list[Row]
    told_agents: list[Told]
    shown: list[Shown]
    sends: list[Send]
    """The posts in Slack's order."""
    disturbed: list[float]
    """When a call to Slack went wrong, and when the bot was killed."""
    broken: list[str]
    """Damage to the files themselves: the journal's chain, a database's pages."""

    @cached_property
    def action(self) -> dict[str, Row]:
        """The actions by id."""
        return {row["id"]: row for row in self.actions}

    @cached_property
    def thread(self) -> dict[str, Row]:
        """The threads by id."""
        return {row["id"]: row for row in self.threads}

    @cached_property
    def reviews_of(self) -> dict[str, list[Row]]:
        """The reviews by action, oldest first."""
        return _grouped(self.reviews, "action_id")

    @cached_property
    def entries_of(self) -> dict[str, list[Row]]:
        """The journal's entries by review or action."""
        found: dict[str, list[Row]] = defaultdict(list)
        for entry in self.journal:
            for of in {entry["review_id"], entry["action_id"]} - {None}:
                found[of].append(entry)
        return found

    @cached_property
    def runs_of(self) -> dict[str, list[Row]]:
        """The runs of effects by job."""
        return _grouped(self.runs, "job")


def _grouped(rows: list[Row], column: str) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


async def gather(
    data: Path, ledger: Ledger, slack: LocalSlack, told: list[Told], killed: Sequence[float] = ()
) -> Evidence:
    """Read everything. The bot must not run; `killed` is when it was."""
    with closing(_connect(data / "membrane.db")) as connection:
        tables = {name: _rows(connection, f"SELECT * FROM {name} ORDER BY rowid") for name in TABLES}
        entries = _rows(connection, "SELECT * FROM journal ORDER BY id")
    for row in tables["actions"]:
        row["job"] = json.loads(row["args"]).get("job")
    for row in tables["reviews"]:
        row["ruling"] = json.loads(row["ruling"])
        row["requesters"] = json.loads(row["requesters"])
    for entry in entries:
        entry["body"] = json.loads(entry["body"])
    return Evidence(
        **tables,
        journal=entries,
        runs=ledger.rows("runs"),
        told_graphs=ledger.rows("told"),
        told_agents=told,
        shown=list(_shown(slack)),
        sends=list(_sends(slack)),
        disturbed=[*killed, *(call.at for call in slack.calls if call.fault)],
        broken=[*await _chain_breaks(data / "membrane.db"), *_sick_pages(data)],
    )


def _sends(slack: LocalSlack) -> Iterator[Send]:
    for call in slack.calls.of("chat.postMessage"):
        metadata = call.args.get("metadata") or {}
        carried = json.loads(metadata) if isinstance(metadata, str) else metadata
        message_id = carried.get("event_payload", {}).get("message_id")
        if not call.error:
            yield Send(call.at, str(call.args.get("channel")), str(message_id), call.fault)


def _shown(slack: LocalSlack) -> Any:
    for conversation in slack.state.conversations.values():
        for message in conversation.messages.values():
            carried = (message.metadata or {}).get("event_payload", {})
            elements = (each for block in message.blocks or () for each in block.get("elements", ()))
            buttons = frozenset(str(each["action_id"]) for each in elements if "action_id" in each)
            yield Shown(
                conversation.id, message.ts, str(carried.get("message_id")), buttons, message.text[:80]
            )


async def _chain_breaks(path: Path) -> list[str]:
    database = open_database(path, readonly=True)
    try:
        read, breaks = await database.read(journal.verify)
    finally:
        await database.close()
    found = [f"the journal does not hold at {each.writer} {each.seq}: {each.what}" for each in breaks]
    return found if read else ["the journal is empty"]


def _sick_pages(data: Path) -> list[str]:
    found = []
    for name in ("membrane.db", "threads.db"):
        with closing(_connect(data / name)) as connection:
            said = connection.execute("PRAGMA integrity_check").fetchall()
        found += [f"{name}: {line[0]}" for line in said if line[0] != "ok"]
    return found


class Watch:
    """Looks into the store of a bot that runs, to tell whether it has settled."""

    def __init__(self, data: Path) -> None:
        self._path = data / "membrane.db"

    def pending_past(self, now: float) -> list[Row]:
        """Return the reviews that wait past their window, mandated sign-offs aside.

        One of which a post is in doubt may have been shown by it: it waits until that is settled, and for no
        longer than another window and the next look.
        """
        late = self._read(PENDING_PAST, now)
        return [row for row in late if not _mandated(row) and row["may_wait_until"] <= now]

    def last_window(self) -> float:
        """Return when the last open window ends, mandated sign-offs aside; 0 if none is open."""
        open_ones = self._read("SELECT * FROM reviews WHERE state = 'pending' AND expires_at IS NOT NULL")
        return max((row["expires_at"] for row in open_ones if not _mandated(row)), default=0.0)

    def behind(self) -> bool:
        """Whether so much waits to be shown that more would only wait with it."""
        query = "SELECT count(*) AS messages FROM messages WHERE due_at IS NOT NULL AND agent <> ?"
        (due,) = self._read(query, world.FLOODER)
        return bool(due["messages"] > MOST_BEHIND)

    def quiet_shown(self, since: float) -> Counter[str]:
        """Count the quiet agent's messages that were wanted since then and are in Slack, by their kinds."""
        query = "SELECT kind FROM messages WHERE agent = ? AND created_at >= ? AND posted_at IS NOT NULL"
        return Counter(row["kind"] for row in self._read(query, world.QUIET, since))

    def unsettled(self) -> dict[str, list[str]]:
        """Return what is not settled yet, by sort: ids."""
        unsettled = {
            "reviews pending": "SELECT id FROM reviews WHERE state = 'pending'",
            "messages due": "SELECT id FROM messages WHERE due_at IS NOT NULL",
            "interrupts open": "SELECT id FROM interrupts WHERE state IN ('waiting', 'answered')",
            "threads unsettled": "SELECT id FROM threads WHERE settled_at IS NULL",
            "actions running": RUNNING,
            "actions frozen": "SELECT id FROM actions WHERE state = 'frozen'",
            "actions queued": "SELECT id FROM actions WHERE state = 'queued'",
            "operators' requests": "SELECT id FROM thread_requests WHERE done_at IS NULL",
            "actions in no digest": "SELECT id FROM actions WHERE tier = 1 AND digest_id IS NULL",
        }
        found = {what: [row["id"] for row in self._read(query)] for what, query in unsettled.items()}
        return {what: ids for what, ids in found.items() if ids}

    def _read(self, query: str, *values: Any) -> list[Row]:
        with closing(_connect(self._path)) as connection:
            return _rows(connection, query, *values)


def _mandated(review: Row) -> bool:
    return bool(json.loads(review["ruling"])["default"] == "escalate")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10.0)
    connection.row_factory = sqlite3.Row
    return connection


def _rows(connection: sqlite3.Connection, query: str, *values: Any) -> list[Row]:
    return [dict(row) for row in connection.execute(query, values)]
