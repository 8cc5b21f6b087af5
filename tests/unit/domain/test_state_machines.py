"""Reviews and escalation chains under any sequence of events, held to what must be true at every step."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain import review as transitions
from bot.domain.escalation import Chain, Delay, Repeat, Step, page_at, quiet_until
from bot.domain.review import Review, Vote
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling
from bot.domain.states import ReviewState
from bot.errors import Refusal, VoteRefused

DIGEST, ANOTHER = "a" * 64, "b" * 64
VOTERS = st.sampled_from(["U0ADA", "U0BEN", "U0CLEO", "U0DIA"])
STEPS_OF_TIME = st.floats(0.0, 40.0)
WINDOW_S = 100.0


class Reviews(RuleBasedStateMachine):
    """One review. `approved_by` is the model's own count, made without the code under test."""

    @initialize(
        default=st.sampled_from(list(AbsentDefault)), quorum=st.integers(1, 3), windowless=st.booleans()
    )
    def open(self, default: AbsentDefault, quorum: int, windowless: bool) -> None:
        """Open it; without a window it is a successor."""
        tier = Tier.ASYNC_APPROVAL if default is AbsentDefault.SAFE_HALT else Tier.SYNC_APPROVAL
        ruling = Ruling("mail.send", tier, "v", "r", "why", ("leads",), quorum, WINDOW_S, default, "#here")
        self.now = 1000.0
        self.review = Review(
            "rev_1", "act_1", ruling, DIGEST, frozenset({"U0GUS"}), self.now, self.now + WINDOW_S
        )
        if windowless:
            self.review = transitions.successor(replace(self.review, votes=()), "rev_2", self.now)
        self.approved_by: set[str] = set()
        self.gone: set[str] = set()
        self.rejected = False
        self.end: Review | None = None

    @property
    def in_time(self) -> bool:
        ends = self.review.expires_at
        return ends is None or self.now < ends or self.review.ruling.default is AbsentDefault.ESCALATE

    @rule(seconds=STEPS_OF_TIME)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(voter=VOTERS)
    def leave_or_come_back(self, voter: str) -> None:
        self.gone ^= {voter}

    @rule(voter=VOTERS, approve=st.booleans(), digest=st.sampled_from([DIGEST, DIGEST, ANOTHER]))
    def vote(self, voter: str, approve: bool, digest: str) -> None:
        """Vote; somebody who is gone cannot."""
        if voter in self.gone:
            return
        counts = (
            self.review.pending
            and self.in_time
            and digest == DIGEST
            and not (approve and voter in self.approved_by)
        )
        vote = Vote(voter, approve, digest, self.now)
        asked = transitions.to_check(self.review, vote)
        checked = {other: Refusal.NOT_A_MEMBER if other in self.gone else None for other in asked}
        if not counts:
            with pytest.raises(VoteRefused):
                transitions.cast(self.review, vote, checked)
            return
        self.review = transitions.cast(self.review, vote, checked)
        if approve and len(self.approved_by | {voter}) >= self.review.ruling.quorum:
            self.approved_by -= self.gone
        self.rejected = not approve
        self.approved_by = self.approved_by | {voter} if approve else self.approved_by - {voter}

    @rule()
    def expire(self) -> None:
        before = self.review
        self.review = transitions.expire(before, self.now)
        passed = before.expires_at is not None and self.now >= before.expires_at
        if not passed or not before.pending:
            assert self.review is before

    @rule()
    def withdraw(self) -> None:
        self.review = transitions.withdraw(self.review, self.now, "moot")

    @precondition(lambda self: self.review.state is ReviewState.EXPIRED)
    @rule()
    def go_on_as_its_successor(self) -> None:
        after = transitions.successor(self.review, "rev_3", self.now)
        assert (after.predecessor_id, after.votes, after.expires_at) == (self.review.id, (), None)
        assert (after.ruling, after.args_digest, after.requesters) == (
            self.review.ruling,
            self.review.args_digest,
            self.review.requesters,
        )
        self.review, self.end = after, None
        self.approved_by, self.rejected = set(), False

    @invariant()
    def an_end_is_the_end(self) -> None:
        if self.end is not None:
            assert self.review is self.end
        elif not self.review.pending:
            self.end = self.review

    @invariant()
    def the_outcome_is_what_people_or_the_window_said(self) -> None:
        state, quorum = self.review.state, self.review.ruling.quorum
        assert (state is ReviewState.REJECTED) == self.rejected
        assert (state is ReviewState.APPROVED) == (len(self.approved_by) >= quorum and not self.rejected)
        if state is ReviewState.EXPIRED:
            assert self.review.ruling.default is not AbsentDefault.ESCALATE
            assert self.review.expires_at is not None

    @invariant()
    def votes_are_of_distinct_people_for_these_arguments(self) -> None:
        voters = [vote.voter for vote in self.review.votes]
        assert len(voters) == len(set(voters))
        assert all(vote.args_digest == DIGEST for vote in self.review.votes)
        assert set(voters) >= self.approved_by
        assert {vote.voter for vote in self.review.approvals} == self.approved_by

    @invariant()
    def what_is_closed_pages_nobody_and_says_when(self) -> None:
        assert self.review.pending == (self.review.closed_at is None)
        if not self.review.pending:
            assert self.review.next_page_at is None

    @invariant()
    def only_what_was_approved_may_start(self) -> None:
        approved = self.review.state is ReviewState.APPROVED
        assert (self.review.valid_until is not None) == approved
        if approved:
            assert set(self.review.decided_by) == self.approved_by


DELAYS = st.one_of(
    st.floats(0.0, 1.0).map(lambda share: Delay(share=share)),
    st.floats(0.0, 2 * WINDOW_S).map(lambda seconds: Delay(seconds=seconds)),
)
STEPS = st.builds(Step, DELAYS, st.sampled_from([(), ("oncall",), ("oncall", "leads")]))
REPEATS = st.none() | st.builds(Repeat, st.floats(1.0, 60.0), st.none() | st.integers(1, 4))


class Chains(RuleBasedStateMachine):
    """A chain that is swept at any time and quieted at any time, as the clock and people do."""

    @initialize(steps=st.lists(STEPS, min_size=1, max_size=4), repeat=REPEATS)
    def open(self, steps: list[Step], repeat: Repeat | None) -> None:
        self.chain = Chain("c", tuple(steps), repeat, ack_for_s=30.0)
        self.opened_at = self.now = 1000.0
        self.position = 0
        self.quiet = 0.0
        self.last_due = 0.0
        first = page_at(self.chain, 0, self.opened_at, WINDOW_S)
        self.next_at = first.due_at if first else None

    @rule(seconds=STEPS_OF_TIME)
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def sweep(self) -> None:
        """Page what is due, as many positions as are."""
        while self.next_at is not None and self.next_at <= self.now:
            page = page_at(self.chain, self.position, self.opened_at, WINDOW_S)
            assert page is not None
            assert page.position == self.position
            assert page.due_at <= self.now, "nobody is paged before it is due"
            assert page.due_at >= self.last_due, "positions come due in their order"
            assert self.now >= self.quiet, "nobody is paged while somebody is on it"
            self.last_due, self.position = page.due_at, self.position + 1
            following = page_at(self.chain, self.position, self.opened_at, WINDOW_S)
            self.next_at = following.due_at if following else None
            if self.position > 50:
                break

    @rule(closes=st.booleans())
    def acknowledge(self, closes: bool) -> None:
        """Somebody is on it: the next page waits, for a time."""
        until = quiet_until(self.chain, self.now, self.opened_at, WINDOW_S if closes else None)
        assert until <= self.now + self.chain.ack_for_s
        if closes:
            assert until <= self.opened_at + 0.8 * WINDOW_S
        if self.next_at is not None:
            self.next_at = max(self.next_at, until)
            self.quiet = until

    @invariant()
    def a_chain_ends_unless_it_repeats_for_ever(self) -> None:
        repeat = self.chain.repeat
        turns = 0 if repeat is None else repeat.times
        if turns is None:
            assert page_at(self.chain, self.position, self.opened_at, WINDOW_S) is not None
            return
        length = len(self.chain.steps) + turns
        assert self.position <= length
        assert page_at(self.chain, length, self.opened_at, WINDOW_S) is None
        assert page_at(self.chain, length - 1, self.opened_at, WINDOW_S) is not None

    @invariant()
    def every_step_is_reached_once(self) -> None:
        pages = [page_at(self.chain, n, self.opened_at, WINDOW_S) for n in range(len(self.chain.steps))]
        reached = sorted(page.page for page in pages if page)
        assert reached == sorted(step.page for step in self.chain.steps)


TestReviews = Reviews.TestCase
TestReviews.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestChains = Chains.TestCase
TestChains.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
