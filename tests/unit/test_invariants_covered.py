"""Every invariant of the membrane has a test that is named after it."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
NAME = re.compile(r"test_invariant_(\d+)_\w+")
INVARIANTS = range(1, 19)


@cache
def named_after_invariants() -> dict[int, list[str]]:
    """Return where each invariant is tested, as `file::test`, read without importing anything."""
    found: dict[int, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if named := NAME.fullmatch(node.name):
                where = f"{path.relative_to(TESTS)}::{node.name}"
                found.setdefault(int(named[1]), []).append(where)
    return found


@pytest.mark.parametrize("number", INVARIANTS)
def test_an_invariant_is_tested(number: int) -> None:
    assert named_after_invariants().get(number), f"no test is called test_invariant_{number}_…"


def test_the_page_on_the_code_has_every_invariant_with_a_test() -> None:
    page = (TESTS.parent / "bot" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| \*\*.+ \| `tests/([^`]+)` \|$", page, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(INVARIANTS), "bot/README.md lacks an invariant"
    for number, test in rows:
        assert test in named_after_invariants()[int(number)], f"bot/README.md, invariant {number}"


def test_no_test_is_named_after_an_invariant_that_is_not_there() -> None:
    """A mistyped number would leave the right invariant without a test, unnoticed."""
    assert set(named_after_invariants()) <= set(INVARIANTS)
