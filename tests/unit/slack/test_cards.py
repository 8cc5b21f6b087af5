"""The text of cards, read as a reviewer reads them."""

from __future__ import annotations

import pytest

from bot.domain.record import Standing
from bot.domain.ruling import AbsentDefault
from bot.domain.states import ActionState, ReviewState
from bot.slack.cards import reviews
from bot.slack.cards.reviews import Links
from tests.unit.slack.making import DIGEST, NOON, message, review, ruling, standing, vote
from tests.unit.slack.reading import read

APPROVED = {"state": ReviewState.APPROVED, "closed_at": NOON + 120, "votes": (vote(), vote("U0DDD"))}


def card_text(of: object = None, **changes: object) -> str:
    asked = review(**changes)
    whole = of if isinstance(of, Standing) else standing(asked)
    return read(reviews.card(whole, asked).blocks)


def test_a_pending_card_from_top_to_bottom() -> None:
    asked = review(votes=(vote(),))
    description = "Customer asked nicely\nand twice"
    drawn = reviews.card(standing(asked, description=description), asked)
    assert read(drawn.blocks).split("\n") == [
        "payment.refund · amount `900` · recipient `bo@acme.example`",
        "Proposed by the agent `refund-bot` for @U0EEE; @U0FFF answers for the agent.",
        "Arguments",
        "    amount: 900",
        '    recipient: "bo@acme.example"',
        "Why it is here: Tier 3, sync approval, by `large-refund`: large refunds need two people",
        "Until when: if not enough people approve by {2026-01-01 12:30 UTC}, it is aborted and will not run.",
        "1 of 2 approvals: @U0CCC. May answer: `release-leads`",
        "The agent says, in its own words, checked by nobody:",
        "> Customer asked nicely",
        "> and twice",
        "[Approve] [Reject] [Reject with a note…] [View all]",
    ]
    assert drawn.text == (
        "Approval wanted, Tier 3: `payment.refund · amount 900 · recipient bo@acme.example`"
    )


def test_every_vote_button_carries_the_review_and_the_digest_that_was_shown() -> None:
    row = reviews.card(standing(), review()).blocks[-1]
    assert row["block_id"] == "review"
    assert [element["action_id"] for element in row["elements"]] == [
        "approve",
        "reject",
        "reject_with_note",
        "view_all",
    ]
    assert {element["value"] for element in row["elements"]} == {
        f'{{"r":"rev_1","a":"act_1","d":"{DIGEST}"}}'
    }


@pytest.mark.parametrize(
    ("default", "words"),
    [
        (AbsentDefault.ABORT, "it is aborted and will not run."),
        (
            AbsentDefault.SAFE_HALT,
            "it is halted: its state is kept, it is escalated, and it can still be answered.",
        ),
        (
            AbsentDefault.ESCALATE,
            "it is overdue: it stays pending, and more people are paged until somebody answers.",
        ),
    ],
)
def test_a_card_says_what_happens_if_nobody_answers(default: AbsentDefault, words: str) -> None:
    assert f"if nobody answers by {{2026-01-01 12:30 UTC}}, {words}" in card_text(
        ruling=ruling(default=default)
    )


def test_an_overdue_sign_off_stays_open() -> None:
    text = card_text(ruling=ruling(default=AbsentDefault.ESCALATE), overdue_at=NOON + 1800)
    assert "Overdue since {2026-01-01 12:30 UTC}: it stays pending" in text
    assert "[Approve]" in text


def test_an_acknowledgement_stands_on_the_card() -> None:
    text = card_text(acked_by="U0AAA", quiet_until=NOON + 600)
    assert "@U0AAA is on it; nobody else is paged until {2026-01-01 12:10 UTC}." in text


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ActionState.APPROVED, "It may start now, until {2026-01-01 13:02 UTC}."),
        (ActionState.RUNNING, "▶ It is running; its report is awaited."),
        (ActionState.EXECUTED, "🏁 Executed {2026-01-01 12:03 UTC}."),
        (ActionState.FAILED, "❌ Failed {2026-01-01 12:03 UTC}.\n> the bank said no"),
        (ActionState.UNKNOWN, "❓ Unknown: it started and never reported"),
        (ActionState.WITHDRAWN, "It was withdrawn before it started {2026-01-01 12:03 UTC}."),
    ],
)
def test_after_an_approval_the_card_says_who_when_and_what_came_of_it(state: ActionState, words: str) -> None:
    asked = review(**APPROVED)
    detail = "the bank said no" if state is ActionState.FAILED else None
    text = card_text(standing(asked, state=state, settled_at=NOON + 180, detail=detail), **APPROVED)
    assert "✅ Approved by @U0CCC and @U0DDD, {2026-01-01 12:02 UTC}." in text
    assert words in text
    assert "[Approve]" not in text
    assert text.endswith("[View all]")


def test_a_rejection_shows_its_note() -> None:
    no = vote(approve=False, note="Ask finance *first*\nplease")
    text = card_text(state=ReviewState.REJECTED, closed_at=NOON + 120, votes=(no,))
    assert "⛔ Rejected by @U0CCC, {2026-01-01 12:02 UTC}." in text
    assert "@U0CCC wrote:\n> Ask finance *first*\n> please" in text


def test_an_expired_tier_3_was_aborted() -> None:
    text = card_text(state=ReviewState.EXPIRED, closed_at=NOON + 1800)
    assert (
        "⌛ Expired {2026-01-01 12:30 UTC}: nobody answered in time. It was aborted and did not run." in text
    )


def test_a_review_that_has_some_of_its_approvals_does_not_say_that_nobody_answered() -> None:
    """One of two was there: a person did answer, and it was not enough."""
    waiting = card_text(votes=(vote(),))
    assert "if not enough people approve by {2026-01-01 12:30 UTC}, it is aborted" in waiting
    expired = card_text(votes=(vote(),), state=ReviewState.EXPIRED, closed_at=NOON + 1800)
    assert "⌛ Expired {2026-01-01 12:30 UTC}: only 1 of 2 approved in time. It was aborted" in expired


def test_a_halted_card_points_to_its_successor_and_back() -> None:
    gone = review(ruling=ruling(2), state=ReviewState.EXPIRED, closed_at=NOON + 1800)
    after = review(id="rev_2", ruling=ruling(2), expires_at=None, predecessor_id="rev_1")
    whole = standing(gone, after, state=ActionState.HALTED)
    first = read(reviews.card(whole, gone, Links(successor="https://s/2")).blocks)
    second = read(reviews.card(whole, after, Links(predecessor="https://s/1")).blocks)
    assert "It was halted: its state is kept, and it can still be answered." in first
    assert "It can be answered on [its new card](https://s/2)." in first
    assert "Nobody answered [an earlier card](https://s/1), so it was halted and is asked again." in second
    assert "no window." in second
    assert "[Approve]" in second


def test_a_card_says_that_it_expired_before_where_it_goes_on() -> None:
    gone = review(ruling=ruling(2), state=ReviewState.EXPIRED, closed_at=NOON + 1800)
    text = read(reviews.card(standing(gone), gone, Links(successor="https://s/2")).blocks)
    assert text.index("Expired") < text.index("It can be answered on")


def test_a_page_of_a_halted_review_leads_to_where_it_can_be_answered() -> None:
    gone = review(ruling=ruling(2), state=ReviewState.EXPIRED, closed_at=NOON + 1800)
    to = Links(card="https://s/1", successor="https://s/2")
    for draw, words in ((reviews.page, "You are paged"), (reviews.post, "Told here")):
        text = read(draw(message("page"), standing(gone), gone, to).blocks)
        assert f"{words} about this; it was halted and is asked again [on its new card](https://s/2)." in text
        assert "[Open its new card](https://s/2)" in text
        assert "needs nobody" not in text
    unposted = read(reviews.page(message("page"), standing(gone), gone).blocks)
    assert "it was halted and is asked again on a new card." in unposted


def test_a_withdrawn_review_says_why() -> None:
    text = card_text(state=ReviewState.WITHDRAWN, closed_at=NOON + 60, note="the agent took it back")
    assert "↩ Withdrawn {2026-01-01 12:01 UTC}: its action is moot, and nobody judged it." in text
    assert "> the agent took it back" in text


def test_a_lapsed_approval_is_told_from_a_running_one() -> None:
    old = review(**APPROVED)
    new = review(id="rev_2")
    text = read(reviews.card(standing(old, new), old, Links(successor="https://s/2")).blocks)
    assert "This approval does not count any more, so it was asked again." in text
    assert "It was asked again on [its new card](https://s/2)." in text


def test_a_page_says_why_somebody_is_paged_and_lets_them_take_it() -> None:
    asked = review()
    drawn = reviews.page(message("page", position=1), standing(asked), asked, Links(card="https://s/1"))
    lines = read(drawn.blocks).split("\n")
    assert (
        lines[0] == "You are paged because nobody has answered yet: step 2 of 2 of the escalation `platform`."
    )
    assert "[Open the card](https://s/1)" in lines
    assert lines[-1] == "[Approve] [Reject] [Reject with a note…] [I’m on it] [View all]"


def test_a_repeated_page_counts_its_repetitions() -> None:
    drawn = reviews.page(message("page", position=3), standing(), review())
    assert "repetition 2 of the escalation" in read(drawn.blocks)


def test_a_page_after_the_outcome_needs_nobody() -> None:
    asked = review(**APPROVED)
    text = read(reviews.page(message("page"), standing(asked, state=ActionState.APPROVED), asked).blocks)
    assert text.startswith("You are paged about this; it needs nobody any more.")
    assert "[I’m on it]" not in text
    assert "✅ Approved by" in text


def test_a_post_says_where_the_chain_stands() -> None:
    text = read(reviews.post(message("post", position=1), standing(), review()).blocks)
    assert text.startswith("Told here because nobody has answered yet: step 2 of 2")


def test_a_requester_is_told_the_outcome_and_cannot_vote() -> None:
    asked = review(**APPROVED)
    whole = standing(asked, state=ActionState.EXECUTED, settled_at=NOON + 180)
    drawn = reviews.told(whole, asked, Links(card="https://s/1"))
    text = read(drawn.blocks)
    assert text.startswith("In your name, the agent `refund-bot` asked for this:")
    assert "🏁 Executed" in text
    assert "[Approve]" not in text
    assert drawn.text.startswith("What you asked for through an agent: Approved: ")


def test_the_headline_never_comes_from_the_description() -> None:
    whole = standing(description="harmless.read · amount 1")
    first = read(reviews.card(whole, review()).blocks).split("\n")[0]
    assert first == "payment.refund · amount `900` · recipient `bo@acme.example`"


def test_long_arguments_are_cut_where_it_can_be_seen() -> None:
    args = {"body": "x" * 5000, "rows": list(range(100)), "to": "bo"}
    text = read(reviews.card(standing(args=args), review()).blocks)
    assert "more characters)" in text
    assert "more lines" in text
    assert "Cut here; all of it is under “View all”." in text


def test_a_terse_card_keeps_what_a_vote_needs() -> None:
    text = read(reviews.card(standing(description="d"), review(), terse=True).blocks)
    assert "payment.refund · amount" in text
    assert "Until when" in text
    assert "[Approve] [Reject] [Reject with a note…] [View all]" in text
    assert "Arguments" not in text


def test_a_name_that_somebody_wrote_is_no_mention() -> None:
    text = read(reviews.card(standing(on_behalf_of="<!channel>"), review()).blocks)
    assert "for `<!channel>`" in text


def test_a_restore_stands_above_everything() -> None:
    drawn = reviews.restored(reviews.card(standing(review()), review()), NOON)
    assert read(drawn.blocks).startswith(
        "⚠ The bot’s database was restored from a backup of {2026-01-01 12:00 UTC}."
    )
    assert drawn.text.startswith("After a restore: ")
    later = reviews.after_restore(reviews.card(standing(review()), review()), NOON, NOON + 60)
    assert "look whether this was done before" in read(later.blocks).split("\n")[0]


def test_a_halt_after_half_a_quorum_does_not_say_that_nobody_answered() -> None:
    gone = review(ruling=ruling(2, quorum=2), votes=(vote(),), state=ReviewState.EXPIRED, closed_at=NOON)
    after = review(id="rev_2", ruling=ruling(2, quorum=2), expires_at=None, predecessor_id="rev_1")
    whole = standing(gone, after, state=ActionState.HALTED)
    assert reviews.card(whole, gone).text.startswith("Halted: only 1 of 2 approved in time: ")
    again = read(reviews.card(whole, after).blocks)
    assert "Only 1 of 2 approved on an earlier card, so it was halted and is asked again." in again
    assert "It was halted when only 1 of 2 approved, and stays halted until it is decided." in again
    assert "obody" not in again.replace("checked by nobody", "")
