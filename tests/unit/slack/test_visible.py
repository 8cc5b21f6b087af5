"""Text that somebody else wrote can be seen, all of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.slack.visible import Shown, cut, excerpt, right_to_left, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, with ümläuts and 漢字", "plain, with ümläuts and 漢字"),
        ("pay\u202eolleh", "pay⟨U+202E⟩olleh"),
        ("ad\u200bmin", "ad⟨U+200B⟩min"),
        ("a\u2066b\u2069", "a⟨U+2066⟩b⟨U+2069⟩"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("a\u00a0b", "a⟨U+00A0⟩b"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("x" + " " * 40 + "y", "x⟨40 spaces⟩y"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "⟨U+0301⟩⟨U+0301⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u3164\u2800", "⟨U+3164⟩⟨U+2800⟩"),
    ],
)
def test_what_draws_nothing_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@given(st.text(), st.text())
def test_two_texts_never_look_the_same(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) is (one == other)


@given(st.text())
def test_what_is_shown_already_stays_as_it_is(text: str) -> None:
    once = visible(text)
    assert visible(once) is once


def test_a_cut_says_how_much_is_missing() -> None:
    assert cut("x" * 100, 50) == "x" * 20 + "… (80 more characters)"
    assert cut("x" * 50, 50) == "x" * 50


def test_an_excerpt_keeps_lines_and_counts_the_rest() -> None:
    assert excerpt("a\r\nb\nc\nd", 100, lines=2) == "a\nb\n… (2 more lines)"


def test_letters_from_the_right_are_known() -> None:
    assert right_to_left("שלום")
    assert not right_to_left("hello 123")
    assert isinstance(visible("x"), Shown)
