"""How commands print: aligned, whole, and without anything that plays tricks in a terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from bot.cli import output


def test_how_long_it_is_until_an_instant() -> None:
    assert output.left(1060.0, now=1000.0) == "in 1m"
    assert output.left(997.0, now=1000.0) == "3s ago"
    assert output.left(None) is None


def test_instants_are_utc() -> None:
    assert output.when(1_800_000_000.0) == "2027-01-15 08:00:00Z"
    assert output.when(None) is None


def test_invisible_characters_are_written_out() -> None:
    assert output.safe("a\nb\x1b[2Jc\u202ed") == "a⟨U+000A⟩b⟨U+001B⟩[2Jc⟨U+202E⟩d"
    assert output.safe("straße, 東京") == "straße, 東京"
    assert output.safe("cust\u043emers") == "cust⟨U+043E⟩mers"
    assert output.safe("\u0441\u043e ⟨x⟩") == "\u0441\u043e⟨Cyrillic⟩ ⟨U+27E8⟩x⟩"
    assert output.safe('"перевод\\nфам"') == '"перевод\\nфам"'
    assert output.safe("می\u200cخواهم 👩\u200d💻") == "می\u200cخواهم 👩\u200d💻"
    assert output.safe(None) == output.safe("") == "-"


def test_a_table_is_as_wide_as_it_needs_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_table(("ID", "WHAT"), [("1", "short"), ("1000", None)])
    assert capsys.readouterr().out == "ID    WHAT\n1     short\n1000  -\n"


def test_json_holds_our_data_types(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclass
    class Thing:
        people: frozenset[str]
        body: bytes

    output.print_json(Thing(frozenset({"b", "a"}), b'{"x":1}'), line=True)
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"people": ["a", "b"], "body": {"x": 1}}
    assert printed.count("\n") == 1
    with pytest.raises(TypeError, match="object has no JSON"):
        output.print_json(object())
