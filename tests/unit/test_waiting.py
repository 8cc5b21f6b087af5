"""No test relies on a fast machine: no short bound, no measured time, no sleep instead of a wait.

A bound is `tests.waiting.PATIENCE_S` or at least as long, so that only a hang reaches it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.waiting import PATIENCE_S

TESTS = Path(__file__).parent.parent
NOT_TESTS = ("bench", "chaos")
"""Programs that measure, or that run for a set time."""
BOUNDS = {"timeout", "wait_for"}
"""Functions of asyncio that give up; so does whatever takes `timeout=`."""
CLOCKS = {"monotonic", "perf_counter", "process_time"}

ALLOWED: dict[str, str] = {
    "attacks/test_rights.py::test_a_half_written_policy_file_is_never_in_force": (
        "the file is written slowly on purpose, and the tier is the same at any pace"
    ),
    "integration/graph/test_between_saves.py::Dying::sweep": "lets a stop begin, without an event",
    "integration/graph/test_saver.py::test_a_cancelled_write_is_finished": "it must not wait for a lock",
    "integration/localslack/test_guard.py::test_people_are_told_what_they_cannot_do": (
        "the bound itself is tested, on what never comes"
    ),
    "integration/slack/test_connections.py::clicks": "the pace of the clicks; any pace will do",
    "integration/test_jobs.py::test_stopping_waits_for_a_sweep_that_is_just_starting": (
        "blocks the loop so that two jobs are due together; what began has ended at any pace"
    ),
    "releases/staging.py::Later::__init__": "it is a clock",
    "releases/staging.py::Later::__call__": "it is a clock",
    "unit/demo/test_autopilot.py::test_without_a_bot_every_scene_is_a_miss": (
        "the bound itself is tested, on what never comes"
    ),
    "unit/policyfile/test_document.py::test_hostile_files_are_refused_soon": (
        "CPU time of this process, far above what it takes; only a cost that grows too fast reaches it"
    ),
    "unit/policyfile/test_document.py::test_many_wrong_names_cost_little": (
        "CPU time of this process, far above what it takes; only a cost that grows too fast reaches it"
    ),
}
"""`file::function` and why the rule does not hold there."""


def _called(node: ast.AST) -> str:
    """Return the last part of the name of what is called."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _number(node: ast.AST) -> float | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int | float) else None


def _bounds(node: ast.Call) -> Iterator[float]:
    """Yield the bounds that a call sets by a number."""
    given = [each.value for each in node.keywords if each.arg in {"timeout", "within"}]
    if _called(node) in BOUNDS:
        given += node.args[-1:]
    yield from (found for each in given if (found := _number(each)) is not None)


def _breaches(node: ast.AST, polls: bool) -> Iterator[str]:
    if isinstance(node, ast.Call):
        if any(bound < PATIENCE_S for bound in _bounds(node)):
            yield f"line {node.lineno}: a bound below {PATIENCE_S:g} s; use tests.waiting"
        if _called(node) in CLOCKS:
            yield f"line {node.lineno}: reads {_called(node)}; give the test a clock of its own"
        sleeps_s = _number(node.args[0]) if _called(node) == "sleep" and node.args else None
        if sleeps_s and sleeps_s < PATIENCE_S and not polls:
            yield f"line {node.lineno}: sleeps {sleeps_s:g} s; wait for what has to happen"


def _walk(node: ast.AST, where: str, polls: bool = False) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        inner = where
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{where}::{child.name}"
        yield from ((where, found) for found in _breaches(child, polls))
        yield from _walk(child, inner, polls or isinstance(child, ast.While))


@cache
def breaches() -> dict[str, list[str]]:
    """Return what every function of the tests does against the rules, by `file::function`."""
    found: dict[str, list[str]] = {}
    for path in sorted(TESTS.rglob("*.py")):
        name = path.relative_to(TESTS)
        if name.parts[0] in NOT_TESTS or name.name == "waiting.py":
            continue
        for where, what in _walk(ast.parse(path.read_text(encoding="utf-8")), str(name)):
            found.setdefault(where, []).append(what)
    return found


def test_no_test_relies_on_a_fast_machine() -> None:
    assert {where: what for where, what in breaches().items() if where not in ALLOWED} == {}


@pytest.mark.parametrize("where", ALLOWED)
def test_each_exception_is_still_needed(where: str) -> None:
    assert where in breaches()
