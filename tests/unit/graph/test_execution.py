"""Results are kept as plain JSON, and a call outside of a run fails with a clear error."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.errors import GraphRefused, MembraneError
from bot.graph import execution
from bot.graph.execution import MAX_RESULT, plain
from bot.graph.run_context import require_context


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"a": [1, None, True]}, {"a": [1, None, True]}),
        ((1, 2), [1, 2]),
        ({1: "one"}, {"1": "one"}),
        (datetime(2026, 6, 1, tzinfo=UTC), "2026-06-01T00:00:00+00:00"),
        (ValueError("x"), "x"),
        ({"deep": object}, {"deep": "<class 'object'>"}),
    ],
)
def test_results_are_kept_as_plain_json(value: Any, kept: Any) -> None:
    assert plain(value) == kept


def test_a_result_that_is_too_long_is_cut_visibly() -> None:
    kept = plain({"text": "x" * 2 * MAX_RESULT})
    assert isinstance(kept, str)
    assert kept.endswith("…")
    assert len(kept) == MAX_RESULT + 1


def test_a_call_outside_of_a_run_says_what_is_missing() -> None:
    with pytest.raises(MembraneError, match="only inside an effect"):
        execution()
    with pytest.raises(GraphRefused, match="MEMBRANE_GRAPHS"):
        require_context()
