"""The membrane on a real database, under any sequence of actions by agents, people, the clock and Slack."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from sqlalchemy import text

from bot.domain.action import Action
from bot.domain.message_steps import Place
from bot.domain.record import Claim, Standing, Verdict
from bot.domain.states import ActionState, ReviewState
from bot.errors import ClaimRefused, Conflict, NotFound, ReportRefused, TooMany, VoteRefused
from bot.membrane import Membrane
from bot.membrane.caps import TAKEN_BACK_S
from bot.store import journal
from bot.store.database import Database, open_database
from tests.fakes import ADA, BEN, CLEO, DIA, GUS, SECRET, Clock, FakeDirectory, policy

KINDS = st.sampled_from(
    ["db.read", "report.make", "mail.send", "data.delete", "money.wire", "job.run", "release.sign", "odd"]
)
STARTED = {ActionState.RUNNING, ActionState.EXECUTED, ActionState.FAILED, ActionState.UNKNOWN}
WINDOW_S = 1000.0


class Life(RuleBasedStateMachine):
    """`claims` is the model's own count of permitted starts.

    `again` counts how often somebody said that a start had no effect.
    """

    actions = Bundle("actions")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="membrane-machine-"))
        self.runner = asyncio.Runner()
        self.clock, self.people = Clock(), FakeDirectory()
        self.policy = policy(open_per_agent=4, window_s=WINDOW_S)
        self.claims: Counter[str] = Counter()
        self.keys: dict[str, str] = {}
        self.again: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.numbers = 0
        self.db: Database
        self.membrane: Membrane
        self.start()

    def start(self) -> None:
        self.db = open_database(self.folder / "membrane.db", exclusive=True)
        self.membrane = Membrane(self.db, lambda: self.policy, self.people, secret=SECRET, clock=self.clock)

    def teardown(self) -> None:
        self.run(self.db.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    def rows(self, query: str) -> list[dict[str, Any]]:
        def work(connection: Any) -> list[dict[str, Any]]:
            return [dict(row._mapping) for row in connection.execute(text(query))]

        found: list[dict[str, Any]] = self.run(self.db.read(work))
        return found

    def standing(self, action_id: str) -> Standing:
        found: Standing = self.run(self.membrane.proposals.standing(action_id))
        return found

    # Agents

    @rule(target=actions, kind=KINDS, agent=st.sampled_from(["one", "two"]), again=st.booleans())
    def propose(self, kind: str, agent: str, again: bool) -> Any:
        """Propose a new action; with `again`, twice under one key."""
        self.numbers += 1
        key = f"key-{self.numbers}"
        action = Action.of(kind, {"number": self.numbers}, agent=agent, owner=GUS)
        try:
            made = self.run(self.membrane.proposals.propose(action, idempotency_key=key))
        except TooMany:
            assert len(self.open_of(agent)) + self.taken_back(agent) >= 4
            return multiple()
        if again:
            assert (
                self.run(self.membrane.proposals.propose(action, idempotency_key=key)).action.id
                == made.action.id
            )
        assert len(self.open_of(agent)) <= 4
        return made.action.id

    def open_of(self, agent: str) -> list[dict[str, Any]]:
        return self.rows(f"SELECT id FROM reviews WHERE state = 'pending' AND agent = '{agent}'")

    def taken_back(self, agent: str) -> int:
        since = self.clock.now - TAKEN_BACK_S
        query = (
            f"SELECT id FROM reviews WHERE state = 'withdrawn' AND agent = '{agent}' AND closed_at > {since}"
        )
        return len(self.rows(query))

    @rule(action=actions)
    def withdraw(self, action: str) -> None:
        before = self.standing(action).action.state
        try:
            after = self.run(self.membrane.proposals.withdraw(action, why="moot")).action.state
        except Conflict:
            assert before in {*STARTED, ActionState.REJECTED, ActionState.ABORTED}
        else:
            assert after is ActionState.WITHDRAWN
            assert before not in STARTED

    @rule(action=actions, rerun=st.booleans(), right=st.sampled_from([True, True, True, False]))
    def claim(self, action: str, rerun: bool, right: bool) -> None:
        """Claim, with the right digest or another; the model says what may be granted."""
        before = self.standing(action)
        good_until = before.valid_until
        in_time = good_until is not None and self.clock.now <= good_until
        first = before.action.state in {ActionState.PASSED, ActionState.APPROVED} and in_time
        once_more = (
            rerun
            and before.action.kind == "job.run"
            and before.action.state
            in {
                ActionState.RUNNING,
                ActionState.UNKNOWN,
            }
        )
        digest = before.action.args_digest if right else "0" * 64
        try:
            claim: Claim = self.run(self.membrane.claims.start(action, digest, rerun=rerun))
        except ClaimRefused:
            assert not (right and (first or once_more))
            return
        assert right
        assert first or once_more
        assert self.keys.setdefault(action, claim.key) == claim.key
        self.claims[action] += 1
        assert claim.attempt == self.claims[action]

    @rule(action=actions, executed=st.booleans())
    def report(self, action: str, executed: bool) -> None:
        before = self.standing(action).action.state
        said = ActionState.EXECUTED if executed else ActionState.FAILED
        try:
            self.run(self.membrane.reports.record(action, executed=executed))
        except ReportRefused:
            assert before not in {ActionState.RUNNING, ActionState.UNKNOWN, said}
        else:
            assert self.standing(action).action.state is said

    # People

    @rule(action=actions, voter=st.sampled_from([ADA, BEN, CLEO, DIA, GUS]), approve=st.booleans())
    def vote(self, action: str, voter: str, approve: bool) -> None:
        review = self.standing(action).review
        if review is None:
            return
        asked = (review.id, review.args_digest)
        try:
            self.run(self.membrane.votes.cast(asked[0], voter, approve=approve, args_digest=asked[1]))
        except VoteRefused:
            return
        assert review.pending
        assert voter != GUS
        assert voter in {CLEO, DIA} or review.ruling.approvers == ("oncall", "leads")
        assert review.ruling.mandated or review.expires_at is None or self.clock.now < review.expires_at

    @rule(action=actions, user=st.sampled_from([ADA, CLEO, GUS]), verdict=st.sampled_from(Verdict))
    def say(self, action: str, user: str, verdict: Verdict) -> None:
        """Somebody settles an unknown receipt."""
        before = self.standing(action).action
        (last,) = self.rows(f"SELECT max(number) AS number FROM unknowns WHERE action_id = '{action}'")
        number, digest = last["number"] or 1, before.args_digest
        resolved = self.membrane.unknowns.resolve(action, user, verdict, number=number, args_digest=digest)
        try:
            self.run(resolved)
        except (VoteRefused, NotFound):
            return
        assert before.state is ActionState.UNKNOWN
        assert user == CLEO or (user == ADA and before.kind == "mail.send")
        if verdict is Verdict.DID_NOT:
            self.again[action] += 1
            if before.tier.waits:
                self.claims[action] = 0
                del self.keys[action]

    @rule(action=actions)
    def acknowledge(self, action: str) -> None:
        review = self.standing(action).review
        if review is None or not review.pending:
            return
        before = review.quiet_until
        try:
            quieted = self.run(self.membrane.votes.acknowledge(review.id, CLEO))
        except VoteRefused:
            assert review.id in self.acknowledged or CLEO in {vote.voter for vote in review.approvals}
            return
        if review.id in self.acknowledged:
            assert quieted.quiet_until == before, "once each: a second one changes nothing"
        self.acknowledged.add(review.id)

    # The clock

    @rule(seconds=st.sampled_from([1.0, 50.0, 120.0, 300.0, 700.0, 1100.0]))
    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds)

    @rule()
    def sweep(self) -> None:
        """Do everything that is due: afterwards nothing waits past its window."""
        for sweep in (
            self.membrane.deadlines.expire_due,
            self.membrane.deadlines.page_due,
            self.membrane.deadlines.unknown_due,
            self.membrane.digests.make_due,
        ):
            self.run(sweep())
        now = self.clock.now
        late = self.rows(f"SELECT id, ruling FROM reviews WHERE state = 'pending' AND expires_at <= {now}")
        assert all(json.loads(row["ruling"])["default"] == "escalate" for row in late)
        assert self.rows(f"SELECT key FROM executions WHERE report_by <= {now}") == []

    @rule()
    def audit(self) -> None:
        """The auditor may find late work before a sweep has run, and never finds anything missing."""
        found = [finding.text for finding in self.run(self.membrane.auditor.audit())]
        missing = ("No card was wanted", "is halted, and no review", "had stopped")
        assert [each for each in found if any(words in each for words in missing)] == []

    # Slack, and the process

    @rule(lost=st.booleans())
    def send(self, lost: bool) -> None:
        """Send the due messages; with `lost`, the bot dies before it notes where they are."""
        for message in self.run(self.membrane.outbox.lease(50)):
            if message.ts is None and not self.run(self.membrane.outbox.attempting(message.id)):
                continue
            if lost:
                continue
            step = Place(channel_id="C1", ts="1.1", version=message.wanted)
            self.run(self.membrane.outbox.apply(message.id, step))

    @rule()
    def restart(self) -> None:
        self.run(self.db.close())
        self.start()
        self.run(self.membrane.take_over())

    # What must be true at every step

    @invariant()
    def states_agree_with_reviews(self) -> None:
        for row in self.rows("SELECT id, state, tier FROM actions"):
            reviews = self.standing(row["id"]).reviews
            pending = [review for review in reviews if review.pending]
            assert len(pending) <= 1
            assert bool(pending) == (row["state"] in {"waiting", "halted"})
            if row["tier"] < 2:
                assert reviews == ()
            if row["state"] == "halted":
                assert pending[0].expires_at is None
            if row["id"] in self.again:
                continue
            if ActionState(row["state"]) in STARTED:
                assert self.claims[row["id"]] >= 1
                assert not reviews or reviews[-1].state is ReviewState.APPROVED
            else:
                assert self.claims[row["id"]] == 0

    @invariant()
    def one_claim_an_action_and_one_outcome_a_review(self) -> None:
        for row in self.rows("SELECT action_id, count(*) AS keys FROM executions GROUP BY action_id"):
            assert row["keys"] <= 1 + self.again[row["action_id"]]
        closed = "SELECT review_id FROM journal WHERE event = 'review.closed' GROUP BY review_id"
        assert self.rows(f"{closed} HAVING count(*) > 1") == []
        open_ones = "SELECT id FROM reviews WHERE state != 'pending'"
        assert self.rows(f"SELECT * FROM ({open_ones}) WHERE id NOT IN ({closed})") == []

    @invariant()
    def every_review_has_one_card_and_no_page_came_due_after_it_closed(self) -> None:
        cards = "SELECT count(*) FROM messages WHERE kind = 'card' AND review_id = reviews.id"
        assert self.rows(f"SELECT id FROM reviews WHERE ({cards}) != 1") == []
        late = (
            "SELECT m.id FROM messages m JOIN reviews r ON r.id = m.review_id WHERE m.kind = 'page' "
            "AND r.closed_at IS NOT NULL AND m.created_at > r.closed_at"
        )
        assert self.rows(late) == []

    @invariant()
    def somebody_is_asked_about_what_is_unknown(self) -> None:
        card = "SELECT 1 FROM messages m WHERE m.action_id = u.action_id AND m.position = u.number"
        still_open = "SELECT * FROM unknowns u WHERE closed_at IS NULL"
        assert self.rows(f"{still_open} AND NOT EXISTS ({card})") == []
        other = "SELECT 1 FROM actions a WHERE a.id = u.action_id AND a.state != 'unknown'"
        assert self.rows(f"{still_open} AND EXISTS ({other})") == []

    @invariant()
    def the_journal_verifies(self) -> None:
        _, breaks = self.run(self.db.read(journal.verify))
        assert breaks == []


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=30, deadline=None)
