"""A message under any sequence of answers, changes, clicks and kills, held to the laws of its life."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bot.domain.message import MessageState, next_step, state_of
from bot.domain.message_answers import (
    Answer,
    Busy,
    Call,
    Checked,
    Circumstances,
    Deleted,
    Failed,
    FailureKind,
    Found,
    NotFound,
    Posted,
    Redrawn,
    Taken,
    Unwelcome,
)
from bot.domain.message_changes import after
from bot.domain.message_order import Priority
from bot.domain.message_record import ASKING, COPIES, SHOWS, Message, MessageKind, Obstacle
from bot.domain.message_steps import (
    Delete,
    GiveUp,
    Leave,
    Look,
    Outcome,
    Place,
    Post,
    PostAgain,
    Readdress,
    Redraw,
    Release,
    Replace,
    Request,
    Show,
    Step,
    Tell,
    Try,
    Wait,
)

NOW = 1000.0
LEASE_S = 60.0


def message(kind: MessageKind = MessageKind.CARD, **changes: Any) -> Message:
    """A message that is wanted and was never tried."""
    made = Message(
        id="msg_1",
        kind=kind,
        recipient="U0ADA" if kind in (MessageKind.PAGE, MessageKind.TOLD) else "#here",
        review_id="rev_1",
        digest_id=None,
        position=0,
        body=None,
        wanted=1,
        shown=0,
        priority=Priority.CARD_3,
        due_at=NOW,
        attempts=0,
        attempt_at=None,
        error=None,
        channel_id=None,
        ts=None,
        created_at=NOW,
        posted_at=None,
        owed_since=NOW,
    )
    return replace(made, **changes)


SHOWN: dict[str, Any] = {
    "ts": "1.0",
    "channel_id": "C1",
    "posted_at": NOW,
    "shown": 1,
    "due_at": None,
    "owed_since": None,
}


@pytest.mark.parametrize(
    ("changes", "state", "step"),
    [
        ({}, MessageState.WANTED, Post(None)),
        ({"leased_until": NOW + 1}, MessageState.TRYING, Post(None)),
        ({"attempt_at": 999.0}, MessageState.IN_DOUBT, Look(999.0, good_from=NOW)),
        ({"doubted_since": 900.0}, MessageState.WANTED, Look(900.0, good_from=NOW)),
        (SHOWN, MessageState.SHOWN, Redraw()),
        ({**SHOWN, "wanted": 2, "due_at": NOW}, MessageState.STALE, Redraw()),
        ({"obstacle": Obstacle.CLOSED}, MessageState.BLOCKED, Post(None)),
        ({**SHOWN, "obstacle": Obstacle.CLOSED}, MessageState.BLOCKED, Redraw()),
        ({**SHOWN, "obstacle": Obstacle.UNEDITABLE}, MessageState.REPLACED, Delete()),
        ({"due_at": None, "given_up_at": NOW}, MessageState.GIVEN_UP, Post(None)),
    ],
)
def test_a_state_and_its_first_step(changes: dict[str, Any], state: MessageState, step: Step) -> None:
    found = message(**changes)
    assert state_of(found, NOW) is state
    assert next_step(found, Taken(), NOW) == step


def failure(call: Call, kind: FailureKind, **more: object) -> Failed:
    return Failed(call, kind, kind.value, given=Circumstances(**more))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "tell"), [(FailureKind.CLOSED, Tell.NOT_DELIVERED), (FailureKind.SHARED, Tell.SHARED)]
)
def test_a_card_whose_channel_is_closed_goes_to_the_fallback_or_waits(kind: FailureKind, tell: Tell) -> None:
    card = message(recipient="#archived")
    there = next_step(card, failure(Call.POST, kind, asks=True, fallback="#admins"), NOW)
    assert isinstance(there, Readdress)
    assert (there.recipient, there.tell, there.blocked) == ("#admins", tell, False)
    home = next_step(card, failure(Call.POST, kind, asks=True, home="#home"), NOW)
    assert isinstance(home, Readdress)
    assert (home.recipient, home.blocked) == ("#home", True)
    stays = next_step(card, failure(Call.POST, kind, asks=True, home="#archived"), NOW)
    assert isinstance(stays, Wait)
    assert stays.blocked
    closed = next_step(card, failure(Call.POST, kind, fallback="#admins"), NOW)
    assert isinstance(closed, GiveUp)
    assert closed.closed


def test_a_message_that_nobody_can_edit_is_deleted_and_posted_again_if_it_is_needed() -> None:
    card = message(**SHOWN)
    step = next_step(card, failure(Call.REDRAW, FailureKind.UNEDITABLE, asks=True), NOW)
    assert isinstance(step, Replace)
    replaced = after(card, step, NOW)
    assert next_step(replaced, Taken(), NOW) == Delete()
    for answer in (Deleted(), failure(Call.DELETE, FailureKind.REFUSED)):
        again = next_step(replaced, answer, NOW)
        assert isinstance(again, PostAgain)
        assert state_of(after(replaced, again, NOW), NOW) is MessageState.WANTED
    page = replace(replaced, kind=MessageKind.PAGE)
    assert isinstance(next_step(page, Deleted(), NOW), GiveUp)
    asking = failure(Call.REDRAW, FailureKind.UNEDITABLE, asks=True)
    assert isinstance(next_step(replace(card, kind=MessageKind.PAGE), asking, NOW), Leave)
    assert isinstance(next_step(replace(card, kind=MessageKind.NOTICE), asking, NOW), Leave)


def test_the_admins_hear_of_the_third_refusal_in_a_row() -> None:
    told = []
    for tries in range(5):
        step = next_step(message(), failure(Call.POST, FailureKind.REFUSED, tries=tries), NOW)
        assert isinstance(step, Wait)
        told.append(step.tell)
        assert step.tries == tries + 1
    assert told == [None, None, Tell.NOT_DELIVERED, None, None]


@given(st.sampled_from(MessageKind), st.sampled_from(FailureKind), st.sampled_from(Call), st.booleans())
def test_a_failure_ends_no_message_that_somebody_is_to_answer(
    kind: MessageKind, failure_kind: FailureKind, call: Call, shown: bool
) -> None:
    before = message(kind, **({**SHOWN, "due_at": NOW} if shown else {}))
    step = next_step(before, failure(call, failure_kind, asks=True, terse=True), NOW)
    assert not isinstance(step, Replace) or before.ts is not None
    ended = after(before, step, NOW) if not isinstance(step, Request) else before
    if kind in ASKING:
        assert ended.due_at is not None or isinstance(step, Leave)
        assert ended.given_up_at is None


@dataclass
class Copy:
    """A copy of the message in Slack, and the version that it shows."""

    ts: str
    version: int


class Life(RuleBasedStateMachine):
    """One message, its worker, and a Slack that answers anything. `open` is the model's own review."""

    @initialize(kind=st.sampled_from(sorted(SHOWS | {MessageKind.TOLD, MessageKind.NOTICE})))
    def want(self, kind: MessageKind) -> None:
        self.now = NOW
        self.message = message(kind)
        self.open = True
        self.live: list[Copy] = []
        self.late: list[Copy] = []
        self.count = 0
        self.undeletable = False
        self.moved = False
        self.left = False

    # Slack.

    def new_copy(self) -> Copy:
        self.count += 1
        return Copy(f"{self.now:.0f}.{self.count:06}", self.message.wanted)

    def posts(self, how: str) -> Answer:
        kind = self.message.kind
        assert self.open or kind not in COPIES, "a page is never sent after the outcome"
        assert self.open or kind != MessageKind.CARD or self.message.posted_at is not None
        copy = self.new_copy()
        if how in ("works", "lost answer", "killed"):
            self.live.append(copy)
        if how == "lands late":
            self.late.append(copy)
        if how == "works":
            return Posted("C1", copy.ts, copy.version)
        broke = how in ("lost answer", "lands late", "killed", "never lands")
        return self.failed(Call.POST, FailureKind.UNSURE if broke else FailureKind(how))

    def redraws(self, how: str) -> Answer:
        there = [copy for copy in self.live if copy.ts == self.message.ts]
        if not there:
            return self.failed(Call.REDRAW, FailureKind.GONE)
        if how in ("works", "lost answer", "killed"):
            there[0].version = self.message.wanted
        if how == "works":
            return Redrawn(there[0].ts, self.message.wanted)
        broke = how in ("lost answer", "lands late", "killed", "never lands")
        return self.failed(Call.REDRAW, FailureKind.UNSURE if broke else FailureKind(how))

    def deletes(self, how: str) -> Answer:
        if how in ("works", "lost answer", "killed"):
            self.live = [copy for copy in self.live if copy.ts != self.message.ts]
            return Deleted() if how == "works" else self.failed(Call.DELETE, FailureKind.UNSURE)
        if how in ("lands late", "never lands"):
            return self.failed(Call.DELETE, FailureKind.UNSURE)
        kind = FailureKind(how)
        self.undeletable |= kind not in (FailureKind.DOWN, FailureKind.LIMITED, FailureKind.TOKEN)
        return self.failed(Call.DELETE, kind)

    def looks(self) -> Answer:
        copies = tuple(copy.ts for copy in self.live)
        return Found("C1", copies) if copies else NotFound(self.now)

    def failed(self, call: Call, kind: FailureKind) -> Failed:
        asks = self.open and self.message.kind in SHOWS
        return Failed(call, kind, kind.value, 1.0, Circumstances(asks=asks, home="#here", terse=True))

    # The worker.

    def work(self, how: str) -> None:
        """Go from step to step, until the message is let go of or its worker is killed."""
        step = next_step(self.message, Taken(), self.now)
        while True:
            if isinstance(step, Post):
                seen = self.message.kind == MessageKind.CARD and self.message.posted_at is not None
                moot = not self.open and self.message.kind in SHOWS and not seen
                tried = next_step(self.message, Checked(moot=moot, late=False), self.now)
                assert isinstance(tried, Outcome)
                self.apply(tried)
                if not isinstance(tried, Try):
                    return
            answer = self.ask(step, how)
            if how == "killed":
                return
            step = next_step(self.message, answer, self.now)
            if not isinstance(step, Request):
                self.apply(step)
                if not step.goes_on:
                    return
                step = next_step(self.message, Taken(), self.now)

    def ask(self, step: Step, how: str) -> Answer:
        match step:
            case Look():
                return self.looks()
            case Post():
                return self.posts(how)
            case Redraw():
                return self.redraws(how)
            case Delete():
                return self.deletes(how)
        raise AssertionError(step)

    def apply(self, step: Outcome) -> None:
        if isinstance(step, GiveUp | Readdress) and self.message.ts is not None:
            self.moved = True  # the old copy is for another sweep to clear
        self.left = isinstance(step, Leave)
        before, self.message = self.message, after(self.message, step, self.now)
        assert self.message.wanted >= before.wanted
        if isinstance(step, Place):
            self.live = [copy for copy in self.live if copy.ts not in step.extra]

    # What happens.

    @rule(seconds=st.floats(0.0, 90.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.message.given_up_at is None)
    @rule()
    def change(self) -> None:
        """Want it drawn again, as the store does."""
        due_at = self.message.due_at if self.message.due_at is not None else self.now
        self.message = replace(self.message, wanted=self.message.wanted + 1, due_at=due_at)

    @precondition(lambda self: self.open)
    @rule()
    def close(self) -> None:
        """Close the review: an untried message is dropped, and one that may be in Slack shows the outcome."""
        self.open = False
        kind, found = self.message.kind, self.message
        unsent = kind in COPIES or (kind == MessageKind.CARD and found.posted_at is None)
        if found.given_up_at is None:
            self.change()
        if unsent and found.ts is None and found.attempt_at is None and found.given_up_at is None:
            self.message = replace(self.message, due_at=None, given_up_at=self.now)

    @precondition(lambda self: self.message.due_at is not None and self.message.due_at <= self.now)
    @rule(
        how=st.sampled_from(
            ["works", "works", "lost answer", "lands late", "never lands", "killed"]
            + [kind.value for kind in FailureKind if kind not in (FailureKind.UNSURE, FailureKind.GONE)]
        )
    )
    def take(self, how: str) -> None:
        until = self.now + LEASE_S
        self.message = replace(self.message, leased_by="w", leased_until=until)
        self.work(how)
        if how == "killed":
            self.message = replace(self.message, leased_until=None)

    @precondition(lambda self: self.late)
    @rule()
    def land(self) -> None:
        self.live += self.late
        self.late = []

    @precondition(lambda self: self.live)
    @rule()
    def delete(self) -> None:
        """Let a person delete the first copy."""
        self.live.pop(0)

    # The laws.

    @invariant()
    def a_wanted_message_is_never_silently_dropped(self) -> None:
        found = self.message
        if found.due_at is None and found.given_up_at is None:
            assert (found.ts is not None, found.shown) == (True, found.wanted)
        if self.open and found.kind in ASKING:
            assert found.given_up_at is None
        assert found.given_up_at is None or found.error is not None or not self.open

    def teardown(self) -> None:
        """Let all go well from now on: one copy is left and shows the wanted version, or none is needed."""
        if not hasattr(self, "message"):
            return
        self.land()
        for _ in range(20):
            self.now += 400.0
            if self.message.due_at is not None:
                self.take("works")
            self.tidy()
        assert self.message.due_at is None, "it comes to rest"
        if not self.undeletable and not self.moved:
            assert len(self.live) <= 1, "never two live copies after doubt is settled"
        if self.message.given_up_at is None:
            shown = [copy.version for copy in self.live if copy.ts == self.message.ts]
            assert shown in ([self.message.wanted], []) or self.left
            assert shown or not (self.open and self.message.kind in ASKING) or self.message.wanted == 1

    def tidy(self) -> None:
        """Look for late copies, as the courier does for a while after a post in doubt."""
        expected = int(self.message.ts is not None)
        if self.message.doubted_since is not None and len(self.live) > expected:
            step = next_step(self.message, self.looks(), self.now)
            assert isinstance(step, Place)
            self.apply(step)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=200, stateful_step_count=25, deadline=None)


def test_slacks_pace_costs_a_message_nothing_and_an_unwelcome_message_is_given_up() -> None:
    """A message that waits for Slack's pace is released unchanged; an unwelcome one is given up."""
    held = message(leased_until=NOW + 1)
    assert after(held, Release(), NOW) == replace(held, leased_until=None)
    assert next_step(held, Busy(), NOW) == Release()
    assert next_step(held, Unwelcome("nobody"), NOW) == GiveUp(error="nobody")


def test_a_redraw_that_may_land_late_is_drawn_over_once_more() -> None:
    stale = message(**{**SHOWN, "wanted": 2, "due_at": NOW}, unsure_since=NOW)
    shown = after(stale, Show(ts="1.0", version=2, again_at=NOW + 30), NOW)
    assert (state_of(shown, NOW), shown.due_at, shown.wanted) == (MessageState.STALE, NOW + 30, 3)
    settled = after(shown, Show(ts="1.0", version=3, again_at=NOW + 60), NOW)
    assert state_of(settled, NOW) is MessageState.SHOWN


def test_a_redraw_of_a_copy_that_is_not_the_message_any_more_shows_nothing() -> None:
    stale = message(**{**SHOWN, "wanted": 2, "due_at": NOW})
    assert after(stale, Show(ts="0.5", version=2, again_at=NOW), NOW).shown == 1
