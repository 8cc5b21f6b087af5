"""A kept fingerprint recognises a redacted value in later text without revealing it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.digest import Keyring
from bot.domain.fingerprints import MAX_SEARCHED, cut_out, kept_in, written

RING = Keyring.of(b"a secret of thirty-two characters")
CARD = "4242424242424242"
VALUES = st.text(min_size=3, max_size=300) | st.integers(100) | st.lists(st.text(min_size=3), min_size=1)


def marks_of(*values: Any, ring: Keyring = RING) -> frozenset[tuple[int, str]]:
    return kept_in([json.dumps({"v": written(ring, value)}) for value in values])


SECRETS = st.text(
    st.characters(exclude_characters="xyz ", exclude_categories=["Cs"]), min_size=3, max_size=40
)


@given(SECRETS, st.text("xyz ", max_size=8), st.text("xyz ", max_size=8))
def test_every_copy_is_cut_out_and_nothing_else(value: str, before: str, after: str) -> None:
    marks = marks_of(value)
    assert cut_out(RING, marks, f"{before}{value}{after}{value}") == f"{before}redacted{after}redacted"
    assert cut_out(RING, marks, before + after) == before + after


@given(VALUES)
def test_a_fingerprint_does_not_contain_the_value(value: Any) -> None:
    kept = written(RING, value)
    for each in value if isinstance(value, list) else [value]:
        if len(str(each)) > 8 and not set(str(each)) <= set("0123456789abcdef: redacted"):
            assert str(each) not in kept


def test_copies_are_cut_out_of_json_of_any_shape() -> None:
    said = {"text": f"card={CARD}.", CARD: [CARD, int(CARD), 5, None, True, {"a": f"<{CARD}>"}]}
    told = {
        "text": "card=redacted.",
        "redacted": ["redacted", "redacted", 5, None, True, {"a": "<redacted>"}],
    }
    assert cut_out(RING, marks_of(CARD), said) == told


def test_copies_of_an_object_sent_as_text_and_of_a_long_value_are_cut_out() -> None:
    marks = marks_of(json.dumps({"ssn": "078-05-1120"}), "k" * 299 + "end of key")
    assert cut_out(RING, marks, "it is 078-05-1120") == "it is redacted"
    assert "k" * 50 not in cut_out(RING, marks, "key: " + "k" * 299 + "end of key")


def test_an_earlier_secret_finds_copies_and_another_does_not() -> None:
    later, other = Keyring.of(b"x" * 32, RING.current.secret), Keyring.of(b"y" * 32)
    assert cut_out(later, marks_of(CARD), CARD) == "redacted"
    assert cut_out(other, marks_of(CARD), CARD) == CARD


@pytest.mark.parametrize("text", ["redacted", "redacted 3:xyz", "", "{}"])
def test_a_text_without_fingerprints_changes_nothing(text: str) -> None:
    assert kept_in([text]) == frozenset()
    assert cut_out(RING, frozenset(), CARD) == CARD


def test_a_text_too_long_to_search_is_cut() -> None:
    assert len(cut_out(RING, marks_of(CARD), "x" * 2 * MAX_SEARCHED + CARD)) == MAX_SEARCHED + 1
