"""Patterns match, or are refused, and no pattern and no text makes them slow."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.patterns import MAX_PATTERN, MAX_TEXT, BadPattern, Patterns


@pytest.mark.parametrize(
    ("pattern", "texts", "others"),
    [
        ("drop", ["drop", "DROP"], ["drops", "xdrop", ""]),
        ("*drop*", ["drop", "x DROP\ntable"], ["dro p"]),
        ("a?c", ["abc", "a\nc"], ["ac", "abbc"]),
        ("a*a", ["aa", "aba"], ["a"]),
        ("ab*bc", ["abbc", "ab-bc"], ["abc"]),
        ("*", ["", "x"], []),
        ("**x", ["x", "aax"], ["xa"]),
        ("[a-c]x", ["bx", "BX"], ["dx", "x"]),
        ("[!a-c]x", ["dx"], ["ax", "AX"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("a.c", ["a.c"], ["abc"]),
        (r"2\*2", ["2*2"], ["2x2"]),
        (r"C\+\+", ["c++"], ["c"]),
        (r"\\", ["\\"], []),
        ("api?key", ["api_key", "API-KEY"], ["apikey"]),
        ("straße", ["STRAßE", "straße"], ["strasse"]),
        ("*a*b*c*", ["xaxbxcx", "abc"], ["acb"]),
    ],
)
def test_a_pattern(pattern: str, texts: list[str], others: list[str]) -> None:
    compiled = Patterns([pattern])
    assert [text for text in texts if not compiled.match(text)] == []
    assert [text for text in others if compiled.match(text)] == []


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "empty"),
        ("a" * (MAX_PATTERN + 1), "129 characters"),
        ("^drop", r"a bare \^"),
        ("drop$", r"a bare \$"),
        ("(a+)+", r"a bare \("),
        ("a|b", r"a bare \|"),
        ("a{2}", r"a bare \{"),
        ("[", r"a bare \["),
        ("[]", r"a bare \["),
        ("a]", r"a bare \]"),
        ("\\", r"a bare \\"),
        (r"\d", r"a bare \\"),
        ("[z-a]", "bad character range"),
        ("[a--b]", "cannot be read"),
        ("[!]", "cannot be read"),
    ],
)
def test_a_pattern_that_is_refused(pattern: str, why: str) -> None:
    """What would be a regular expression is refused, rather than taken for something else."""
    with pytest.raises(BadPattern, match=why):
        Patterns([pattern])


@pytest.mark.parametrize(
    ("pattern", "text", "effort"),
    [
        ("*" + "a" * 60 + "*" + "a" * 60 + "b*c", "a" * MAX_TEXT, 1),
        ("*a" * 64, "a" * (MAX_TEXT - 1) + "b", 1),
        ("*a" * 63 + "*b", "a" * MAX_TEXT, 1),
        ("*" + r"\*" * 60 + "b*", "*" * MAX_TEXT, 1),
        ("?" * 128, "a" * MAX_TEXT, 1),
        ("*" + "?" * 120 + "b*", "a" * MAX_TEXT, 122),
        ("*" + "[!b]" * 31 + "b*", "a" * MAX_TEXT, 33),
        ("*?" * 64, "\n" * MAX_TEXT, 64),
        ("*a?*a?*a?*a?*a?*a?*a?*a?*a?*a?*b", "aa" * (MAX_TEXT // 2), 21),
    ],
)
def test_the_effort_of_a_pattern_is_in_passes_over_the_text(pattern: str, text: str, effort: int) -> None:
    """A backtracking regular expression of this shape would take longer than the age of the universe."""
    compiled = Patterns([pattern])
    assert compiled.effort == effort
    assert Patterns([pattern] * 3).effort == 3 * effort
    compiled.match(text)


@given(st.text("ab*?", min_size=1, max_size=12), st.text("ab", max_size=12))
def test_it_agrees_with_the_shell(pattern: str, text: str) -> None:
    """Never going back loses no match: the standard library's matcher, which goes back, says the same."""
    assert bool(Patterns([pattern]).match(text)) == fnmatchcase(text, pattern)


@given(st.text(min_size=1, max_size=MAX_PATTERN), st.text(max_size=200))
def test_any_text_is_a_pattern_or_is_refused(pattern: str, text: str) -> None:
    try:
        compiled = Patterns([pattern])
    except BadPattern:
        return
    compiled.match(text)
