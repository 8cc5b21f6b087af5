"""The quick look at the arguments passes nothing that the close one refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain import action
from bot.domain.action import canonical_json
from bot.domain.numbers import Inexact
from bot.errors import BadAction

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from([Inexact("1e400"), b"bytes", object(), 1j]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def refused(args: dict[Any, Any]) -> bool:
    try:
        action._check(args, "args", 1)
    except BadAction:
        return True
    return False


def nested(depth: int, inside: Any) -> dict[str, Any]:
    value = inside
    for level in range(depth - 1):
        value = [value] if level % 2 else {"a": value}
    return {"a": value}


@given(st.dictionaries(st.text(max_size=3) | st.integers(), VALUES, max_size=5), st.integers(1, 35))
@example({"a": float("nan")}, 1)
def test_arguments_that_pass_the_quick_look_pass_the_close_one(args: dict[Any, Any], depth: int) -> None:
    for each in (args, nested(depth, args)):
        if action._is_plain(each):
            assert not refused(each)


@given(st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False) | st.text()))
def test_plain_arguments_need_no_close_look(args: dict[str, Any]) -> None:
    assert action._is_plain(args)


@pytest.mark.parametrize("inside", [1, "a", [], {}, None])
def test_deep_arguments_are_refused_at_one_depth(inside: Any) -> None:
    canonical_json(nested(action.MAX_DEPTH - 1, inside))
    with pytest.raises(BadAction, match="nested deeper"):
        canonical_json(nested(action.MAX_DEPTH + 1, inside))
