"""Sets of states: each state has its place, and no list of states is written twice."""

from __future__ import annotations

import ast
from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest

import bot
from bot.api.list_parameters import ThreadStates
from bot.cli.threads import STATES
from bot.domain import states
from bot.domain.states import (
    CLAIMED,
    ENDED,
    ENDED_THREADS,
    OPEN,
    OPEN_THREADS,
    STARTED,
    UNSETTLED,
    UNSTARTED,
    ActionState,
    InterruptShape,
    InterruptState,
    ThreadState,
)

HOME = Path(bot.__file__).parent
ONLY_STATES = {
    state.value
    for kind in (ThreadState, InterruptState, InterruptShape)
    for state in kind
    if state.value not in {"wanted", "answered", "waiting", "gate", "failed", "gone", "running", "delivered"}
}
"""Values of states that mean nothing else in the code."""
ELSEWHERE = {"about"}
"""Arguments that name the occasion of a notice, which is no state."""


def test_an_action_is_unstarted_claimed_or_ended() -> None:
    assert set(ActionState) == UNSTARTED | CLAIMED | ENDED
    assert not UNSTARTED & CLAIMED
    assert not ENDED & (UNSTARTED | CLAIMED)
    assert UNSETTLED == UNSTARTED | CLAIMED
    assert set(ActionState) >= STARTED
    assert STARTED.isdisjoint(UNSTARTED)
    assert ActionState.PASSED not in OPEN


def test_a_thread_is_open_or_has_ended() -> None:
    assert {*OPEN_THREADS, *ENDED_THREADS} == set(ThreadState)
    assert set(OPEN_THREADS).isdisjoint(ENDED_THREADS)
    assert ThreadState.STALLED in OPEN_THREADS


def test_a_list_of_threads_accepts_every_state() -> None:
    assert set(STATES) >= {state.value for state in ThreadState}
    (query,) = get_args(ThreadStates)[1:]
    assert set(query.json_schema_extra["items"]["enum"]) >= set(ThreadState)


@pytest.mark.parametrize("kind", [each for each in vars(states).values() if isinstance(each, type)])
def test_values_are_stored_strings(kind: type[StrEnum]) -> None:
    if issubclass(kind, StrEnum) and kind is not StrEnum:
        assert [state.value for state in kind] == [state.name.lower() for state in kind]


def test_no_state_is_written_as_a_string() -> None:
    """Other lists drift. Only the demo, which sees the API alone, and migrations name states by strings."""
    found = []
    for path in HOME.rglob("*.py"):
        inside = path.relative_to(HOME).as_posix()
        if inside.startswith(("demo/", "localslack/", "store/migrations/")) or inside == "domain/states.py":
            continue
        tree = ast.parse(path.read_text())
        named = {
            id(word.value)
            for word in ast.walk(tree)
            if isinstance(word, ast.keyword) and word.arg in ELSEWHERE
        }
        found += [
            f"{inside}:{node.lineno}: {node.value}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and node.value in ONLY_STATES and id(node) not in named
        ]
    assert found == []
