"""Numbers are kept exactly or refused, and never rounded in between."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.action import Action, canonical_json
from bot.domain.numbers import Inexact, exact, first_inexact, in_words, normal, read_float, read_int
from bot.errors import BadAction

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)


def parsed(text: str) -> Any:
    return json.loads(text, parse_float=read_float, parse_int=read_int)


@given(
    DECIMALS.map(lambda number: format(number, "E"))
    | DECIMALS.filter(lambda d: abs(d.adjusted()) < 50).map(str)
)
def test_a_number_is_read_exactly_or_refused(text: str) -> None:
    found = read_float(text)
    if not isinstance(found, Inexact):
        assert Decimal(repr(found)) == Decimal(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_is_read_back(number: float) -> None:
    assert read_float(repr(number)) == number
    assert parsed(json.dumps({"n": number})) == {"n": number}


@given(st.integers(-(2**70), 2**70))
def test_integers_of_64_bits_are_kept(number: int) -> None:
    found = read_int(str(number))
    assert (found == number) is (-(2**63) <= number < 2**64)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1))
def test_one_form_for_one_value(number: float) -> None:
    assert Decimal(repr(exact(number))) == Decimal(repr(number))
    assert normal([number, {"n": number}]) == [exact(number), {"n": exact(number)}]


@pytest.mark.parametrize(
    ("number", "words"),
    [(900.0, "900"), (0.5, "0.5"), (1234567.0, "1234567"), (-0.0, "0"), (1e300, "1e+300")],
)
def test_a_number_in_words_has_all_its_digits(number: float, words: str) -> None:
    assert in_words(number) == words


@pytest.mark.parametrize(
    "text", ["9007199254740993.0", "1e-400", "99999999999999999.99", "100.00000000000000001"]
)
def test_an_action_with_a_rounded_number_is_refused_with_its_path(text: str) -> None:
    args = parsed(f'{{"order": [{{"amount": {text}}}]}}')
    with pytest.raises(BadAction, match=rf"args\.order\[0\]\.amount is {text}, which a 64-bit number"):
        Action.of("payment.refund", args, agent="ops-agent")
    where = first_inexact(args, "body")
    assert where is not None
    assert where[0] == "body.order[0].amount"


def test_canonical_json_keeps_numbers_as_they_were_sent() -> None:
    assert canonical_json(parsed('{"a": 900, "b": 900.0, "c": 1e2}')) == b'{"a":900,"b":900.0,"c":100.0}'
