"""Queries find work by index: their cost grows with the due work, not with the parked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import ClauseElement, Connection, event

from bot.domain.action import Action
from bot.domain.record import Listing, Verdict
from bot.domain.risk import Tier
from bot.domain.states import ReviewState
from bot.membrane import Membrane
from bot.membrane.retention import Retention
from bot.store import (
    action_lines,
    actions,
    archive,
    audits,
    digested,
    doubts,
    equal_actions,
    executions,
    freezes,
    halted_actions,
    interrupts,
    journal,
    messages,
    review_counts,
    reviews,
    secret_keys,
    starts,
    threads,
    unknowns,
)
from bot.store.database import Database
from bot.store.journal import segments
from bot.store.sqlite.prepared import DriverStatement
from tests.fakes import CLEO, SECRET, Clock, FakeDirectory, placed, policy
from tests.unit.store.products import foreign, on_postgresql

NOW = 1_800_000_000.0
SMALL = {"digests", "tokens", "policies", "meta", "segments", "alembic_version", "rulings"}
"""Tables with a row an hour or less: reading one through is quicker than an index."""

Query = Callable[[Connection], object]

SWEEPS: dict[str, tuple[str, Query]] = {
    "expiry": ("reviews_expiry", lambda c: reviews.due_to_expire(c, NOW, 500)),
    "pages": ("reviews_pages", lambda c: reviews.due_to_page(c, NOW, 500)),
    "open of an agent": ("reviews_open_of_agent", lambda c: review_counts.pending(c, "ops")),
    "open": ("reviews_", review_counts.pending),
    "pending": ("reviews_pending", lambda c: reviews.listed(c, state=ReviewState.PENDING)),
    "messages": ("messages_to_post", lambda c: messages.lease(c, by="me", now=NOW, until=NOW, most=9)),
    "lag": ("messages_owed", messages.owed_since),
    "unreported": ("executions_unreported", lambda c: executions.unreported(c, NOW, 500)),
    "unknown of an agent": ("unknowns_open", lambda c: unknowns.open_count(c, "ops")),
    "in doubt": ("messages_doubted", lambda c: doubts.in_doubt(c, 9)),
    "live freezes": ("freezes_live", freezes.unthawed),
    "untold freezes": ("freezes_untold", freezes.untold),
    "frozen": ("actions_frozen", freezes.held),
    "shown as frozen": ("actions_approved", freezes.shown),
    "keys of open actions": ("actions_approved", secret_keys.of_open_actions),
    "receipts": ("messages_action", lambda c: messages.receipts_of(c, "act_1")),
    "wanted": ("threads_wanted", lambda c: starts.lease_wanted(c, by="me", now=NOW, until=NOW, most=9)),
    "unsettled": ("threads_open_of_agent", threads.unsettled),
    "answered": (
        "interrupts_answered",
        lambda c: interrupts.lease_answered(c, by="me", now=NOW, until=NOW, most=9),
    ),
    "undigested": ("actions_undigested", digested.oldest_undigested),
    "into a digest": ("actions_undigested", lambda c: digested.put_in_digest(c, "dig_1", 100)),
    "of a digest": ("actions_digest", lambda c: digested.of_digest(c, "dig_1")),
    "halted": ("actions_halted", halted_actions.listed),
    "remembered": ("actions_rejected", lambda c: equal_actions.rejected_since(c, "ops", ["d"], NOW, NOW)),
    "idempotency": ("actions_idempotency", lambda c: actions.by_key(c, "ops", "k")),
    "threads of an agent": (
        "threads_state",
        lambda c: threads.of_agent(c, "ops", most=9, wanted=Listing(("parked",), None, "thr_2")),
    ),
    "of a turn": ("actions_turn", lambda c: actions.of_turn(c, "trn_1")),
    "of an interrupt": ("actions_interrupt", lambda c: actions.of_interrupt(c, "int")),
    "of an agent": ("actions_agent", lambda c: actions.of_agent(c, "ops", most=9, before="act_2")),
    "in short of an agent": ("actions_agent", lambda c: action_lines.of_agent(c, "ops", most=9, now=NOW)),
    "in short in a state": (
        "actions_state",
        lambda c: action_lines.of_agent(
            c, "ops", most=9, now=NOW, wanted=Listing(("failed", "waiting"), None, "act_2")
        ),
    ),
    "in short by reference": (
        "actions_reference",
        lambda c: action_lines.of_agent(
            c, "ops", most=9, now=NOW, wanted=Listing(("failed",), "run-1", "act_2")
        ),
    ),
    "in short of a thread": ("actions_thread", lambda c: action_lines.of_thread(c, "thr_1", now=NOW)),
    "orphans": ("actions_halted", audits.halted_without_successor),
    "audited": ("reviews_pending", lambda c: audits.pending_after(c, "rev_", 100)),
    "cardless": ("reviews_pending", lambda c: audits.without_card(c, "rev_", "rev_z")),
    "journal of an action": ("journal_action", lambda c: list(journal.entries(c, action_id="act_1"))),
    "journal of a review": ("journal_review", lambda c: list(journal.entries(c, review_id="rev_1"))),
    "segment": ("sqlite_autoindex_journal_1", lambda c: segments.due(c, "bot.tier0", NOW, NOW, 100)),
    "old actions": (
        "sqlite_autoindex_actions_1",
        lambda c: archive.old(c, Tier(0), before=NOW, bound="act_9", now=NOW, most=9),
    ),
}


class Plans:
    """SQLite's query plans for every statement that ran."""

    def __init__(self) -> None:
        self.statements: dict[str, Any] = {}

    def of(self, connection: Connection) -> dict[str, list[str]]:
        return {
            statement: [
                str(step[3]) for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            ]
            for statement, values in self.statements.items()
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE", "WITH"))
        }


@contextmanager
def watched(db: Database) -> Iterator[Plans]:
    plans = Plans()

    def note(_: Any, __: Any, statement: str, values: Any, *___: Any) -> None:
        plans.statements[statement] = values

    def run(prepared: DriverStatement, connection: Connection, values: Mapping[str, Any]) -> Any:
        note(None, None, prepared.sql, prepared.bound(values))
        return unwatched(prepared, connection, values)

    unwatched = DriverStatement.run
    event.listen(db._engine, "before_cursor_execute", note)
    with patch.object(DriverStatement, "run", run):
        yield plans
    event.remove(db._engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", SWEEPS)
async def test_due_work_is_found_by_its_index(db: Database, name: str) -> None:
    index, query = SWEEPS[name]
    with watched(db) as plans:
        await db.write(lambda tx: query(tx.connection))
    steps = [step for found in (await db.read(plans.of)).values() for step in found]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if _reads_all(step)], steps


def _reads_all(step: str) -> bool:
    words = step.split()
    if words[:2] == ["SCAN", "(subquery-2)"]:  # rows that an index found before
        return False
    if words[:2] in (["SCAN", "queues"], ["SCAN", "q"]):  # one row for each queue, found by index
        return False
    return words[0] == "SCAN" and "INDEX" not in words and words[1] not in SMALL


async def test_no_step_of_an_action_scans_a_whole_table(db: Database, tmp_path: Path) -> None:
    clock, in_force = Clock(NOW), policy(open_per_agent=10)
    membrane = Membrane(db, lambda: in_force, FakeDirectory(), secret=SECRET, clock=clock)
    with watched(db) as plans:
        await _live(membrane, clock)
        clock.forward(86_400.0)
        await Retention(db, tmp_path / "archive", {Tier(0): 1.0, Tier(1): 1.0}, clock).prune()
    found = await db.read(plans.of)
    assert len(found) > 40
    scans = {step: statement for statement, steps in found.items() for step in steps if _reads_all(step)}
    assert scans == {}


async def test_statements_built_at_call_time_compile_for_postgresql(db: Database) -> None:
    """`tests/unit/store/test_backend_seam.py` checks the statements that are built once."""
    found: list[ClauseElement] = []

    def note(_: Any, statement: ClauseElement, *__: Any) -> None:
        found.append(statement)

    event.listen(db._engine, "before_execute", note)
    for _, query in SWEEPS.values():
        await db.write(lambda tx, query=query: query(tx.connection))  # type: ignore[misc]
    assert len(found) > 15
    wrong = {sql: what for each in found if (what := foreign(sql := on_postgresql(each)))}
    assert wrong == {}


async def _live(membrane: Membrane, clock: Clock) -> None:
    for kind in ("db.read", "report.make", "mail.send", "data.delete", "money.wire"):
        for _ in range(2):
            await membrane.proposals.propose(
                Action.of(kind, {"n": 1}, agent="ops"), idempotency_key=f"{kind}"
            )
    await membrane.proposals.propose(Action.of("db.read", {"n": 1}, agent="ops"))
    mail = await membrane.proposals.propose(Action.of("data.delete", {"n": 2}, agent="ops"))
    assert mail.review is not None
    await membrane.votes.acknowledge(mail.review.id, CLEO)
    await membrane.votes.cast(mail.review.id, CLEO, approve=True, args_digest=mail.action.args_digest)
    await membrane.claims.start(mail.action.id, mail.action.args_digest)
    await membrane.reports.record(mail.action.id, executed=True)
    for step in (300.0, 300.0, 900.0):
        for message in await membrane.outbox.lease(50):
            await membrane.outbox.facts(message)
            if await membrane.outbox.attempting(message.id):
                await placed(membrane, message.id, version=message.wanted)
        clock.forward(step)
        for sweep in (
            membrane.deadlines.page_due,
            membrane.deadlines.expire_due,
            membrane.digests.make_due,
            membrane.deadlines.unknown_due,
        ):
            await sweep()
    silent = await membrane.proposals.propose(Action.of("db.read", {"n": 3}, agent="ops"))
    await membrane.claims.start(silent.action.id, silent.action.args_digest)
    clock.forward(601.0)
    await membrane.deadlines.unknown_due()
    for message in await membrane.outbox.lease(50):
        await membrane.outbox.facts(message)
    digest = silent.action.args_digest
    await membrane.unknowns.resolve(silent.action.id, CLEO, Verdict.DID_NOT, number=1, args_digest=digest)
    await membrane.claims.start(silent.action.id, silent.action.args_digest)
    await membrane.reports.record(silent.action.id, executed=True)
    await membrane.proposals.listed("ops", most=10)
    await membrane.proposals.wait(mail.action.id, 0.0)
    await membrane.threads.due(10)
