"""A whole run shows every feature; each one that is missing is named."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from bot.demo.coverage import missed

Json = dict[str, Any]


def _review(outcome: str, *decided_by: str) -> Json:
    return {"outcome": outcome, "decided_by": list(decided_by), "waited_s": 1.0}


def _action(name: str, kind: str, tier: int, receipt: str | None, *reviews: Json) -> Json:
    return {"id": name, "kind": kind, "tier": tier, "receipt": receipt, "reviews": list(reviews)}


def _whole() -> Json:
    gated = [
        _action("refund", "payment.refund", 3, "executed", _review("approved", "U1", "U2")),
        _action("denied", "payment.refund", 3, "denied", _review("rejected", "U1")),
        _action("moot", "data.export", 2, None, _review("withdrawn")),
        _action("aborted", "data.delete", 3, "denied", _review("expired")),
        _action("halted", "db.write", 2, "executed", _review("expired"), _review("approved", "U3")),
        _action("signed", "deploy.production", 3, "executed", _review("approved", "U1", "U2")),
        _action("dns", "dns.update", 3, "denied", _review("rejected", "U2")),
    ]
    passing = [_action(f"p{number}", "db.read", number % 2, "executed") for number in range(25)]
    actions = gated + passing
    return {
        "actions": actions,
        "pages": [
            {"action": "signed", "to": "U3", "step": 1, "at_s": 1.0},
            {"action": "signed", "to": "U1", "step": 2, "at_s": 2.0},
            {"action": "signed", "to": "U1", "step": 3, "at_s": 3.0},
            {"action": "halted", "to": "U3", "step": 1, "at_s": 3.0},
        ],
        "digests": 1,
        "ledger": {"executed": [each["id"] for each in actions if each["receipt"] == "executed"]},
    }


def test_a_whole_run_misses_nothing() -> None:
    assert missed(_whole()) == []


@pytest.mark.parametrize(
    ("gone", "what"),
    [
        ("denied", "a rejected refund"),
        ("moot", "a withdrawn action"),
        ("aborted", "a Tier 3 that nobody answered"),
        ("halted", "a Tier 2 that was halted"),
        ("signed", "a mandated sign-off"),
        ("dns", "an unknown kind"),
    ],
)
def test_a_missing_event_is_named(gone: str, what: str) -> None:
    result = _whole()
    result["actions"] = [each for each in result["actions"] if each["id"] != gone]
    result["ledger"]["executed"] = [each for each in result["ledger"]["executed"] if each != gone]
    assert any(said.startswith(what) for said in missed(result))


def test_an_action_that_only_the_bot_says_was_executed_is_a_miss() -> None:
    result = _whole()
    result["ledger"]["executed"].remove("p3")
    assert missed(result) == ["every executed action in the books, and no other"]


def test_a_chain_that_never_widened_is_a_miss() -> None:
    result = copy.deepcopy(_whole())
    for page in result["pages"]:
        page["to"] = "U3"
    assert len(missed(result)) == 1


def test_an_empty_run_misses_almost_everything() -> None:
    nothing: Json = {"actions": [], "pages": [], "digests": 0, "ledger": {"executed": []}}
    assert len(missed(nothing)) > 10
