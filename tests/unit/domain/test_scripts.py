"""Lookalike letters are found; text that is ordinary in a language is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.scripts import has_one_script, mixed, oddities, script_of, words

ORDINARY = [
    "plain ASCII, with signs; and 123",
    "Straße, œuvre, naïve, Iğdır, Đorđe, Łódź, Þór",
    "Перевод с карты о сумме",
    "Ελληνικά και άλλα",
    "東京タワーへ行く、Python で（かっこ）！",
    "한국어와 漢字, text",
    "שלום עולם",
    "مرحبا ١٢٣",
    "می\u200cخواهم بروم",
    "क्\u200dष और र्\u200dय १२३",
    "ทำน้ำ",
    "Bonjour\u202f! Ça va\u00a0? «\u00a0oui\u00a0» 10\u202f000\u00a0€",
    "“quoted” – and ‘so’ — on…",
]
TAKEN = [
    ("cust\u043emers", {4}),
    ("\u0430cme.example", {0}),
    ("αβγ\u0430", {3}),
    ("caf\u0065\u0301", {4}),
    ("\u212a", {0}),
    ("a\u037eb", {1}),
    ("\uff45ve", {0}),
    ("\U0001d429ay", {0}),
    ("\ufb01ne", {0}),
    ("a\u2024b", {1}),
    ("a\u2215b", {1}),
    ("1\u06612", {1}),
    ("p\u0251y", {1}),
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_has_nothing_odd(text: str) -> None:
    assert not oddities(text)


@pytest.mark.parametrize(("text", "places"), TAKEN)
def test_a_lookalike_is_found(text: str, places: set[int]) -> None:
    assert oddities(text).places == places


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("сосо", {4: "Cyrillic"}),
        ("transfer с card", {10: "Cyrillic"}),
        ("Перевод c карты", {9: "Latin"}),
        ("Перевод с карты", {}),
        ("о", {1: "Cyrillic"}),
    ],
)
def test_a_word_that_could_be_of_another_script_is_named(text: str, named: dict[int, str]) -> None:
    assert oddities(text).scripts == named
    assert not oddities(text).places


def test_scripts_that_are_written_together_are_ordinary() -> None:
    assert not mixed({"Latn", "Hani", "Hira", "Kana"})
    assert not mixed({"Latn", "Hani", "Hang"})
    assert mixed({"Hang", "Kana"})
    assert mixed({"Latn", "Cyrl"})
    assert [script_of(char) for char in "aяω漢1"] == ["Latn", "Cyrl", "Grek", "Hani", "-"]


@given(st.text(max_size=30))
def test_words_are_parts_of_the_text(text: str) -> None:
    for word in words(text):
        assert text[word.start : word.start + len(word.text)] == word.text


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("größe", True),
        ("データベース", True),
        ("漢字とカナ", True),
        ("한글漢字", True),
        ("мир2", True),
        ("طلبـات", True),
        ("ↄlaudius", True),
        ("漢字A", False),
        ("pаypal", False),
        ("a\u0335b", False),
        ("и\u0335", True),
        ("k\u02bca", False),
        ("мир٣", False),
    ],
)
def test_letters_of_one_script(text: str, one: bool) -> None:
    assert has_one_script(text) is one
