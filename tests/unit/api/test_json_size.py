"""The values in a JSON text are counted without parsing it, and never too low."""

from __future__ import annotations

import json
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from bot.api import json_size

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


def values_in(data: Any) -> int:
    if isinstance(data, dict):
        return 1 + sum(values_in(item) for item in data.values())
    return 1 + sum(values_in(item) for item in data) if isinstance(data, list) else 1


def keys_in(data: Any) -> int:
    if isinstance(data, dict):
        return len(data) + sum(keys_in(item) for item in data.values())
    return sum(keys_in(item) for item in data) if isinstance(data, list) else 0


@given(VALUES, st.booleans())
def test_a_text_is_accepted_only_within_the_limits(data: Any, plain: bool) -> None:
    text = json.dumps(data, ensure_ascii=plain).encode()
    with patch.object(json_size, "MOST_VALUES", 12), patch.object(json_size, "MOST_KEYS", 5):
        if json_size.too_much(text) is None:
            assert values_in(data) <= 12
            assert keys_in(data) <= 5


@given(VALUES)
def test_a_small_text_is_never_refused(data: Any) -> None:
    # An empty list or object counts as two values.
    text = json.dumps(data).encode()
    with (
        patch.object(json_size, "MOST_VALUES", 2 * values_in(data) + 1),
        patch.object(json_size, "MOST_KEYS", 400),
    ):
        assert json_size.too_much(text) is None
