"""The fast reader and the exact one agree on every text: both accept it, or both refuse it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.api import strict_json
from bot.api.strict_json import MAX_DEPTH, Rounded, Unreadable, loads

NUMBERS = st.one_of(
    st.integers().map(str),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][-+]?[0-9]{1,3})?", fullmatch=True),
)
STRINGS = (st.text(max_size=8) | st.from_regex(r'[0-9.eE:,"\\{}\[\]-]{0,24}', fullmatch=True)).map(json.dumps)
SCALARS = NUMBERS | STRINGS | st.sampled_from(["true", "false", "null"])


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key} : {value}" for key, value in pairs) + "}"


TEXTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5).map(lambda items: "[" + " ,".join(items) + "]")
        | st.lists(st.tuples(STRINGS, inner), max_size=5).map(_object)
    ),
    max_leaves=25,
)


def read(text: str, reader: Any) -> Any:
    try:
        found = reader(text.encode(), "body")
    except (Unreadable, Rounded) as error:
        return type(error), str(error)
    return json.dumps(found)  # tells 1 from 1.0, and -0.0 from 0.0


@given(TEXTS)
@example('{"a":1,"a":1}')
@example("[9007199254740993.0]")
@example("-0")
@example("-0.0")
@example("18446744073709551616")
@example("0.1000000000000000055")
@example("1e400")
@example("[NaN]")
def test_both_readers_give_one_answer(text: str) -> None:
    assert read(text, loads) == read(text, strict_json._exactly)


@given(TEXTS, st.integers(0, 60))
def test_both_readers_refuse_what_is_cut_off(text: str, kept: int) -> None:
    assert read(text[:kept], loads) == read(text[:kept], strict_json._exactly)


@given(st.lists(STRINGS, min_size=1, max_size=6, unique_by=json.loads), st.data())
def test_a_duplicate_key_is_refused_at_every_depth(keys: list[str], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(keys))
    text = _object([(key, "[]") for key in [*keys, twice]])
    for _ in range(data.draw(st.integers(0, 4))):
        text = f'[{{"outer": {text}}}]'
    with pytest.raises(Unreadable, match="stands twice"):
        loads(text.encode())


def test_json_nested_too_deep_is_refused() -> None:
    loads(("[" * MAX_DEPTH + "]" * MAX_DEPTH).encode())
    for depth in (MAX_DEPTH + 1, 1_000, 3_000):
        with pytest.raises(Unreadable, match=f"deeper than {MAX_DEPTH}"):
            loads(("[" * depth + "]" * depth).encode())


@pytest.mark.parametrize("text", [b'"\\ud800"', b'{"\\udfff": 1}', b'"\xff"', b"\xef\xbb\xbf{}", b""])
def test_text_that_no_store_holds_is_refused(text: bytes) -> None:
    with pytest.raises(Unreadable):
        loads(text)


def test_a_rounded_number_is_named_with_its_path() -> None:
    with pytest.raises(Rounded) as caught:
        loads(b'{"args": {"a": [1, 9007199254740993.0]}}')
    assert (caught.value.where, caught.value.number.text) == ("body.args.a[1]", "9007199254740993.0")
