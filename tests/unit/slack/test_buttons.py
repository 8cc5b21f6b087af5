"""What a button carries is read back exactly, or not at all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.buttons import BadButton, Pressed, PressedReceipt, decode, decode_receipt
from tests.unit.slack.making import DIGEST

GOOD = {"r": "rev_1", "a": "act_1", "d": DIGEST}


def test_what_was_written_is_read_back() -> None:
    for pressed in (Pressed("rev_1", "act_1", DIGEST), Pressed("rev_1", "act_1", DIGEST, 3)):
        assert decode(pressed.encode()) == pressed


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
    ],
)
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(BadButton, match="nothing was changed"):
        decode(value)


def test_what_was_written_of_a_receipt_is_read_back() -> None:
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
def test_any_other_of_a_receipt_is_refused(change: dict[str, Any]) -> None:
    for value in (json.dumps({"a": "act_1", "n": 1, "d": DIGEST, **change}), json.dumps(GOOD), "[]", None):
        with pytest.raises(BadButton, match="nothing was changed"):
            decode_receipt(value)


@given(st.text())
def test_no_text_breaks_it(value: str) -> None:
    for read in (decode, decode_receipt):
        with pytest.raises(BadButton):
            read(value)
