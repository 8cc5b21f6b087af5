"""The text of a digest of passed and halted actions."""

from __future__ import annotations

from bot.domain.risk import Tier
from bot.domain.states import ActionState, ReviewState
from bot.slack.cards import digests
from tests.unit.slack.making import NOON, action, passed, review, ruling, standing, vote
from tests.unit.slack.reading import read


def test_a_digest_with_nothing_but_halted_actions_does_not_begin_with_a_zero() -> None:
    halted = standing(state=ActionState.HALTED, tier=Tier.ASYNC_APPROVAL, settled_at=NOON)
    drawn = digests.digest(passed(), [halted], NOON)
    assert drawn.text == "Digest: 1 halted and waiting for an answer"
    assert read(drawn.blocks).startswith("1 halted: nobody answered, and each can still be answered.")


def test_a_digest_names_what_passed_before_what_was_halted() -> None:
    halted = standing(state=ActionState.HALTED, tier=Tier.ASYNC_APPROVAL, settled_at=NOON)
    drawn = digests.digest(passed(action()), [halted], NOON)
    assert drawn.text == "Digest: 1 action passed; 1 halted and waiting for an answer"
    lines = read(drawn.blocks)
    assert lines.index("1 action passed and may be looked over") < lines.index("1 halted")


def test_a_digest_says_what_it_leaves_out_of_an_action() -> None:
    drawn = digests.digest(passed(action(args={"rows": [{"id": 1}], "to": "bo@acme.example"})), [], NOON)
    assert "• `to bo@acme.example` and 1 more" in read(drawn.blocks)


def test_a_digest_leaves_out_a_long_text_before_a_recipient() -> None:
    mail = {"body": "Dear all, " * 12, "subject": "Your order of last week " * 3, "to": "bo@acme.example"}
    text = read(digests.digest(passed(action(args=mail)), [], NOON).blocks)
    (line,) = [each for each in text.split("\n") if each.startswith("•")]
    assert "to bo@acme.example" in line
    assert line.rstrip().endswith("and 1 more")


def test_a_digest_leaves_out_reviews_answered_before_it_was_sent() -> None:
    """A digest shows the state at sending, so it may be empty."""
    drawn = digests.digest(passed(), [], NOON)
    assert drawn.text == "Digest: 0 actions passed"
    assert drawn.blocks


def test_a_digest_tells_half_a_quorum_from_silence() -> None:
    gone = review(ruling=ruling(2, quorum=2), votes=(vote(),), state=ReviewState.EXPIRED, closed_at=NOON)
    halted = standing(gone, state=ActionState.HALTED, tier=Tier.ASYNC_APPROVAL, settled_at=NOON)
    text = read(digests.digest(passed(), [halted], NOON).blocks)
    assert text.startswith("1 halted: not decided in time, and each can still be answered.")
    assert "(only 1 of 2 approved)" in text
