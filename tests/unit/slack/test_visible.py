"""All of a text that somebody else wrote is visible."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.scripts import LOOKS_LIKE
from bot.slack.cards.visible import Shown, cut, excerpt, right_to_left, visible


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
        ("x" + "\u0301" * 6, "x" + "\u0301" * 4 + "⟨U+0301⟩⟨U+0301⟩"),
        ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
        ("\ud800", "⟨U+D800⟩"),
        ("\u3164\u2800", "⟨U+3164⟩⟨U+2800⟩"),
        ("cust\u043emers", "cust⟨U+043E⟩mers"),
        ("e\u0301t\u00e9", "e⟨U+0301⟩té"),
        ("\u212a and a\u037e", "⟨U+212A⟩ and a⟨U+037E⟩"),
        ("\uff45ve", "⟨U+FF45⟩ve"),
        ("\u0441\u043e\u0441\u043e", "\u0441\u043e\u0441\u043e⟨Cyrillic⟩"),
        ("a\u200cb \u0915\u200d", "a⟨U+200C⟩b \u0915⟨U+200D⟩"),
        ("a\u202fb\ufe0f", "a⟨U+202F⟩b⟨U+FE0F⟩"),
    ],
)
def test_characters_that_draw_nothing_are_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم بروم",
        "क्\u200dष और र्\u200dय",
        "Bonjour\u202f! Ça va\u00a0? «\u00a0oui\u00a0» 10\u202f000\u00a0€",
        "👩\u200d💻 ❤\ufe0f 🏳\ufe0f\u200d🌈 👍🏽 🇫🇷 1\ufe0f\u20e3 ⭐\ufe0f 👨\u200d👩\u200d👧",
        "🤷🏽\u200d♀\ufe0f ☎\ufe0f",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "東京タワーへ行く、Python で（かっこ）！",
        "Перевод с карты о сумме",
    ],
)
def test_ordinary_text_of_a_language_stays(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    "text", ["👍\u200d", "a\u200d💻", "😀\ufe0f", "\U0001f3f4\U000e0061\U000e007f", "💻\U000e0067"]
)
def test_nothing_hides_beside_an_emoji(text: str) -> None:
    assert "⟨U+" in visible(text)


@given(st.text(), st.text())
def test_two_texts_never_look_the_same(one: str, other: str) -> None:
    assert (visible(one) == visible(other)) is (one == other)


def skeleton(text: str) -> str:
    """Return a text with each letter replaced by the plain letter that it looks like."""
    plain = unicodedata.normalize("NFKC", text)
    return unicodedata.normalize("NFKC", "".join(LOOKS_LIKE.get(char, char) for char in plain))


ALIKE = st.text("aceo dt;K'асео дж\u037e\u212aé\u0301e\uff41\u0251αο", max_size=8)


@given(ALIKE, ALIKE)
def test_two_texts_never_look_alike(one: str, other: str) -> None:
    """This holds even for a reader who takes each letter for its lookalike."""
    assert (skeleton(visible(one)) == skeleton(visible(other))) is (one == other)


@given(ALIKE, st.integers(0, 7))
def test_a_letter_changed_for_a_look_alike_shows(text: str, place: int) -> None:
    twins = {"a": "а", "c": "с", "e": "е", "o": "ο", "а": "a", "с": "c", "е": "e", "о": "o", "K": "\u212a"}
    if place < len(text) and text[place] in twins:
        changed = text[:place] + twins[text[place]] + text[place + 1 :]
        assert skeleton(visible(text)) != skeleton(visible(changed))


@given(st.text())
def test_visible_text_stays_as_it_is(text: str) -> None:
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
