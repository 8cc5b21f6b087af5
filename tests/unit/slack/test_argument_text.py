"""Arguments drawn for a reviewer."""

from __future__ import annotations

from typing import Any

import pytest

from bot.domain.redaction import REDACTED
from bot.slack.cards import argument_text

NESTED = {
    "to": "bo",
    "amount": 900,
    "rate": 0.5,
    "urgent": False,
    "note": None,
    "items": [{"sku": "A1", "qty": 2}, {"sku": 'B"2', "qty": 1}],
    "tags": ["x", "y"],
    "none": [],
    "deep": {"a": {"b": 1}},
    "weird: name": 1,
    "body": "Dear Bo,\n\namount: 5\n",
}


def test_every_value_has_its_line() -> None:
    assert argument_text.draw(NESTED).split("\n") == [
        "amount: 900",
        "body: (4 lines)",
        "  │ Dear Bo,",
        "  │ ",
        "  │ amount: 5",
        "  │ ",
        "deep:",
        "  a:",
        "    b: 1",
        "items:",
        "  -",
        "    qty: 2",
        '    sku: "A1"',
        "  -",
        "    qty: 1",
        '    sku: "B\\"2"',
        "none: []",
        "note: null",
        "rate: 0.5",
        "tags:",
        '  - "x"',
        '  - "y"',
        'to: "bo"',
        "urgent: false",
        '"weird: name": 1',
    ]


def test_a_number_and_the_same_words_do_not_look_the_same() -> None:
    assert argument_text.draw({"n": 900}) != argument_text.draw({"n": "900"})


def test_no_value_can_pass_for_another_argument() -> None:
    honest = argument_text.draw({"a": "x", "recipient": "good"}).split("\n")
    forged = argument_text.draw({"a": 'x"\nrecipient: "good', "recipient": "bad"}).split("\n")
    assert honest[1] == 'recipient: "good"'
    assert forged == ["a: (2 lines)", '  │ x"', '  │ recipient: "good', 'recipient: "bad"']


def test_empty_arguments_are_drawn_in_words() -> None:
    assert argument_text.draw({}) == "(no arguments)"


def test_arguments_that_fit_are_shown_whole() -> None:
    drawing = argument_text.draw_short(NESTED)
    assert drawing.complete
    assert drawing.text == argument_text.draw(NESTED)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"body": "x" * 1000}, "more characters)"),
        ({"body": "\n".join("abcdefghijklmnop")}, "… 8 more lines of it"),
        ({"rows": list(range(100))}, "… 71 more lines"),
        ({f"name{n}": "y" * 300 for n in range(20)}, "more lines"),
    ],
)
def test_a_short_drawing_counts_the_lines_it_leaves_out(arguments: dict[str, object], told: str) -> None:
    drawing = argument_text.draw_short(arguments)
    assert not drawing.complete
    assert told in drawing.text
    assert len(drawing.text) < argument_text.CARD_CHARACTERS + 100


def test_the_headline_has_the_short_single_values() -> None:
    told, left = argument_text.headline(NESTED)
    assert told == [("amount", "900"), ("body", "Dear Bo,⏎⏎amount: 5⏎"), ("note", "null"), ("rate", "0.5")]
    assert left == len(NESTED) - 4


def test_the_headline_prefers_values_that_it_shows_whole() -> None:
    mail = {
        "body": "x" * 400,
        "cc": [],
        "copy": False,
        "lines": ["y" * 30] * 9,
        "subject": "Hi",
        "to": ["bo@x.org"],
    }
    told, left = argument_text.headline(mail)
    assert [name for name, _ in told] == ["body", "copy", "subject", "to"]
    assert told[-1] == ("to", "bo@x.org")
    assert left == 2
    told, _ = argument_text.headline({**mail, "urgent": True})
    assert [name for name, _ in told] == ["copy", "subject", "to", "urgent"]


@pytest.mark.parametrize("hidden", [["a", REDACTED], [["a"]], [{"a": 1}], ["x, y", "z"], ["x" * 60]])
def test_a_list_that_would_not_be_told_whole_is_not_in_the_headline(hidden: list[Any]) -> None:
    assert argument_text.headline({"to": hidden}) == ([], 1)


def test_the_headline_leaves_out_text_that_would_reorder_it() -> None:
    told, left = argument_text.headline({"a": "שלום", "b": 1})
    assert told == [("b", "1")]
    assert left == 1


def test_pages_hold_everything_in_order() -> None:
    drawn = argument_text.draw({"a": "z" * 50, "b": "\n".join(["line"] * 30)})
    parts = argument_text.pages(drawn, 40)
    assert all(len(part) <= 40 for part in parts)
    joined = "\n".join(parts).replace("↩\n", "")
    assert joined == drawn
