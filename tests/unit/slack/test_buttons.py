"""A button's value is read back exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.record import NOT_TOLD, Clicked
from bot.slack.cards.buttons import BadButton, Pressed, PressedReceipt, decode, decode_receipt
from tests.unit.slack.making import DIGEST

GOOD = {"r": "rev_1", "a": "act_1", "d": DIGEST}


def test_a_button_value_is_read_back() -> None:
    whole = Pressed("rev_1", "act_1", DIGEST)
    in_a_modal = replace(whole, clicked=Clicked("D0ADA", "1700000000.000100"))
    for pressed in (whole, replace(whole, page=3), in_a_modal):
        assert decode(pressed.encode()) == pressed


def test_a_message_that_slack_cannot_have_named_is_none() -> None:
    for named in (["C1", "now"], ["'; drop", "1.0"], [7, None], ["", ""]):
        assert decode(json.dumps({**GOOD, "m": named})).clicked is NOT_TOLD


@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        "",
        "{",
        "[]",
        "{}",
        '"x"',
        "[" * 100_000,
        json.dumps({**GOOD, "r": "act_1"}),
        json.dumps({**GOOD, "r": ["rev_1"]}),
        json.dumps({**GOOD, "a": "'; drop table"}),
        json.dumps({**GOOD, "d": DIGEST.upper()}),
        json.dumps({**GOOD, "d": DIGEST[1:]}),
        json.dumps({**GOOD, "p": -1}),
        json.dumps({**GOOD, "p": True}),
        json.dumps({**GOOD, "p": 1e9}),
        json.dumps({**GOOD, "m": 7}),
        json.dumps({**GOOD, "m": ["C1", "1.0", "more"]}),
    ],
)
def test_any_other_value_is_refused(value: Any) -> None:
    with pytest.raises(BadButton, match="nothing was changed"):
        decode(value)


def test_a_receipts_button_value_is_read_back() -> None:
    pressed = PressedReceipt("act_1", 2, DIGEST)
    assert decode_receipt(pressed.encode()) == pressed


@pytest.mark.parametrize(
    "change",
    [
        {"a": "rev_1"},
        {"a": 1},
        {"n": 0},
        {"n": True},
        {"n": "1"},
        {"n": 10**9},
        {"d": DIGEST[1:]},
        {"d": None},
    ],
)
def test_any_other_value_of_a_receipt_is_refused(change: dict[str, Any]) -> None:
    for value in (json.dumps({"a": "act_1", "n": 1, "d": DIGEST, **change}), json.dumps(GOOD), "[]", None):
        with pytest.raises(BadButton, match="nothing was changed"):
            decode_receipt(value)


@given(st.text())
def test_any_text_is_read_or_refused(value: str) -> None:
    for read in (decode, decode_receipt):
        with pytest.raises(BadButton):
            read(value)
