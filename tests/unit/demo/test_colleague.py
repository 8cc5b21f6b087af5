"""How a colleague reads a message."""

from __future__ import annotations

from typing import Any

from bot.demo.colleague import action_of, deadline_of, has, headline

CARD: dict[str, Any] = {
    "ts": "1.1",
    "text": "Approval wanted, Tier 3: `payment.refund`",
    "blocks": [
        {
            "type": "rich_text",
            "elements": [
                {
                    "type": "rich_text_section",
                    "elements": [
                        {"type": "text", "text": "payment.refund"},
                        {"type": "text", "text": "900"},
                    ],
                }
            ],
        },
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": "if nobody answers by <!date^1800000000^x|y>"},
        },
        {"type": "actions", "elements": [{"type": "button", "action_id": "approve"}]},
    ],
}


def test_words_are_found_as_a_whole() -> None:
    assert has(CARD, ["payment.refund", "900"])
    assert not has(CARD, ["90"])
    assert not has(CARD, ["payment.refund", "O-1044"])


def test_a_button_is_found_by_its_id() -> None:
    assert action_of(CARD, "approve") == {"type": "button", "action_id": "approve"}
    assert action_of(CARD, "reject") is None


def test_the_deadline_is_the_first_instant_on_the_card() -> None:
    assert deadline_of(CARD) == 1800000000.0
    assert deadline_of({"blocks": []}) == 0.0


def test_a_headline_is_the_fallback_text() -> None:
    assert headline(CARD) == "Approval wanted, Tier 3: `payment.refund`"
