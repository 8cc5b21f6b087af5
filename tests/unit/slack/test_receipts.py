"""The card of an unknown receipt, read as the person who is asked reads it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.record import Standing, Unknown, Verdict
from bot.domain.risk import Tier
from bot.domain.states import ActionState, ReviewState
from bot.slack.cards import receipts
from tests.unit.slack.making import DIGEST, NOON, action, review, ruling, standing, vote
from tests.unit.slack.reading import read

APPROVED = review(state=ReviewState.APPROVED, closed_at=NOON + 120, votes=(vote(), vote("U0DDD")))
OPEN = Unknown("act_1", 1, NOON + 180, NOON + 780)
UNKNOWN = ActionState.UNKNOWN


STARTED = (
    "❓ It started {2026-01-01 12:03 UTC}, approved by @U0CCC and @U0DDD, and nothing was reported back in "
    "time. Whether it happened is not known."
)


def said(verdict: Verdict | None) -> Unknown:
    by = "U0CCC" if verdict else None
    return Unknown("act_1", 1, NOON + 180, NOON + 780, NOON + 900, verdict, by)


def passed(**changes: Any) -> Standing:
    shared = {"tier": Tier.TRANSPARENT, "ruling": ruling(0), "state": UNKNOWN}
    return Standing(action(**{**shared, **changes}))


def text(of: Standing, unknown: Unknown = OPEN) -> str:
    return read(receipts.card(of, unknown, ("release-leads",), "https://s/1").blocks)


def test_a_receipt_says_what_started_under_whom_and_what_each_answer_does() -> None:
    drawn = receipts.card(standing(APPROVED, state=UNKNOWN), OPEN, ("release-leads",), "https://s/1")
    assert read(drawn.blocks).split("\n") == [
        "Started, never reported back",
        "payment.refund · amount `900` · recipient `bo@acme.example`",
        "Proposed by the agent `refund-bot` for @U0EEE; @U0FFF answers for the agent.",
        "Arguments",
        "    amount: 900",
        '    recipient: "bo@acme.example"',
        "Why it is here: Tier 3, sync approval, by `large-refund`: large refunds need two people",
        "[The card of its review](https://s/1)",
        STARTED,
        "Look at what it acts on, then say what you found. May answer: `release-leads`",
        "• It happened: it is recorded as executed, with your name.",
        "• It did not, run it: it is put up for approval again, and yours counts already.",
        "• Leave it: it stays unknown, and nobody is asked again.",
        "[It happened] [It did not, run it] [Leave it] [View all]",
    ]
    assert drawn.text == (
        "Started, never reported back: `payment.refund · amount 900 · recipient bo@acme.example`"
    )


def test_a_receipt_names_the_approvers_of_its_own_start() -> None:
    later = review(id="rev_2", state=ReviewState.APPROVED, closed_at=NOON + 999, votes=(vote("U0GGG"),))
    assert "approved by @U0CCC and @U0DDD" in text(standing(APPROVED, later, state=ActionState.APPROVED))


def test_the_run_it_button_asks_once_more() -> None:
    row = receipts.card(standing(APPROVED, state=UNKNOWN), OPEN, ()).blocks[-1]
    asked = {
        each["action_id"]: each.get("confirm", {}).get("text", {}).get("text") for each in row["elements"]
    }
    assert asked["it_did_not"].startswith("Only if you have looked, and nothing of it is there. It is put up")
    assert [name for name, words in asked.items() if words] == ["it_did_not"]
    values = {each["action_id"]: each["value"] for each in row["elements"]}
    assert values["it_happened"] == f'{{"a":"act_1","n":1,"d":"{DIGEST}"}}'


def test_a_passed_action_names_no_approver_and_has_no_review_to_view() -> None:
    shown = text(passed(args={"body": "x" * 20_000}))
    assert "which the policy lets pass unasked" in shown
    assert "• It did not, run it: the agent may start it once more." in shown
    assert "“membrane reviews show act_1” prints all of it" in shown
    assert shown.endswith("[It happened] [It did not, run it] [Leave it]")


def test_a_hosted_action_cannot_be_run_and_its_receipt_says_so() -> None:
    shown = text(standing(APPROVED, state=UNKNOWN, thread_id="thr_1"))
    assert "• It did not happen: it is recorded as failed. Its thread has gone on without it." in shown
    assert "run it" not in shown


def test_an_idempotent_action_may_go_on_by_itself() -> None:
    shown = text(passed(ruling=ruling(0, idempotent=True)))
    assert "Its agent may also start it again by itself" in shown


@pytest.mark.parametrize(
    ("verdict", "changes", "words"),
    [
        (Verdict.HAPPENED, {"state": ActionState.EXECUTED}, "🏁 @U0CCC says that it happened, {2026"),
        (Verdict.LEFT, {"state": UNKNOWN}, "@U0CCC left it as it is, {2026"),
        (Verdict.DID_NOT, {"state": ActionState.WAITING}, "It was put up for approval again."),
        (Verdict.DID_NOT, {"state": ActionState.FAILED, "thread_id": "thr_1"}, "has to propose it again"),
        (None, {"state": ActionState.EXECUTED}, "🏁 It was reported late: executed."),
        (None, {"state": ActionState.FAILED}, "❌ It was reported late: failed."),
        (None, {"state": ActionState.RUNNING}, "Its agent started it again, under the same key."),
    ],
)
def test_an_answered_receipt_says_by_whom_and_has_no_answer_buttons_left(
    verdict: Verdict | None, changes: dict[str, Any], words: str
) -> None:
    shown = text(standing(APPROVED, **changes), said(verdict))
    assert words in shown
    assert ("it happened is not known" in shown) == (verdict is Verdict.LEFT)
    assert shown.endswith("[View all]")
    assert "[It happened]" not in shown
    without = receipts.card(passed(state=changes["state"]), said(verdict), ()).blocks
    assert all(block["type"] != "actions" for block in without)


def test_a_terse_receipt_leaves_the_arguments_out() -> None:
    drawn = receipts.card(standing(APPROVED, state=UNKNOWN), OPEN, (), terse=True)
    assert "Arguments" not in read(drawn.blocks)
    assert "[It happened]" in read(drawn.blocks)


def test_a_receipt_after_a_restore_says_that_the_action_may_have_run_since_the_backup() -> None:
    unknown = Unknown("act_1", 1, NOON + 60, NOON + 780, restored_from=NOON + 60)
    drawn = receipts.card(standing(APPROVED, state=UNKNOWN), unknown, ("release-leads",))
    lines = read(drawn.blocks).split("\n")
    assert lines[0] == "May have run since the backup"
    assert (
        "❓ The database was restored from a backup of {2026-01-01 12:01 UTC}; this, approved by @U0CCC and "
        "@U0DDD, may have run since."
    ) in lines
    assert "• It did not happen: it goes on from where it was at the backup, and may run." in lines
    assert lines[-1] == "[It happened] [It did not happen] [Leave it] [View all]"
    assert drawn.text.startswith("May have run since the backup: ")
