"""What the agents want to do: an endless stream of small jobs, the same for the same seed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

from tests.chaos.world import AGENTS, CUSTOMER, FLOODER, KINDS, QUIET, breaks, drags, fails, job_name


class Habit(StrEnum):
    """How an agent that asks over HTTP goes about it."""

    STEADY = "steady"
    TWICE = "proposes twice at once, under one key"
    SLOW = "claims so late that the approval may have lapsed"
    FORGETFUL = "never claims"
    DIES_BEFORE = "dies after the claim, before the effect"
    DIES_AFTER = "dies after the effect, before the report"
    WITHDRAWS = "takes it back after a while"
    REPEATS = "proposes again what was rejected"


@dataclass(frozen=True, slots=True)
class ProposingJob:
    """One action that an agent proposes over HTTP and carries out itself."""

    job: str
    kind: str
    agent: str
    on_behalf_of: str | None
    habit: Habit


@dataclass(frozen=True, slots=True)
class HostedJob:
    """One thread of a hosted graph. Its first job's name is its idempotency key."""

    job: str
    graph: str
    given: dict[str, Any]
    agent: str
    on_behalf_of: str | None


Job = ProposingJob | HostedJob

_KINDS = {
    "note.write": 2,
    "report.make": 2,
    "mail.send": 3,
    "order.change": 3,
    "data.wipe": 3,
    "money.wire": 2,
    "job.run": 3,
    "release.sign": 1,
    "undeclared": 1,
}
_HABITS = {
    Habit.STEADY: 6,
    Habit.TWICE: 2,
    Habit.SLOW: 2,
    Habit.FORGETFUL: 1,
    Habit.DIES_BEFORE: 1,
    Habit.DIES_AFTER: 1,
    Habit.WITHDRAWS: 2,
    Habit.REPEATS: 1,
}
_GRAPHS = {"one": 3, "own": 3, "gated": 3, "batched": 2, "per_call": 2}
_CLIENT_SHARE = 0.4
"""How many of the jobs come over HTTP."""


_FLOOD_KINDS = {"leaflet.print": 4, "banner.hang": 4, "undeclared": 1}
FLOOD_CALLS = 30
"""Calls in one turn of a thread of the flooding agent."""
FLOOD_BETWEEN = 60
"""Its proposals over HTTP between two such threads."""
FLOOD_FROM, QUIET_FROM = 300_000, 600_000
"""Where the numbers of these agents' jobs begin."""


def stream(seed: str) -> Iterator[Job]:
    """Yield jobs without end."""
    rng, numbers = Random(f"jobs {seed}"), itertools.count(1)
    while True:
        agent = rng.choice(AGENTS)
        on_behalf_of = CUSTOMER if rng.random() < 0.2 else None
        if rng.random() < _CLIENT_SHARE:
            job = job_name(next(numbers))
            yield ProposingJob(job, _pick(rng, _KINDS), agent, on_behalf_of, _pick(rng, _HABITS))
            continue
        graph = _pick(rng, _GRAPHS)
        first, given = _given(rng, graph, numbers)
        yield HostedJob(first, graph, given, agent, on_behalf_of)


def flood(seed: str) -> Iterator[Job]:
    """Yield what the flooding agent wants: many calls in one turn at first, and one by one between."""
    rng, numbers = Random(f"flood {seed}"), _plain(FLOOD_FROM)
    while True:
        turn = [(KINDS[_pick(rng, _FLOOD_KINDS)].tool, job_name(next(numbers))) for _ in range(FLOOD_CALLS)]
        given = {"messages": [{"role": "user", "content": json.dumps([turn])}]}
        yield HostedJob(turn[0][1], rng.choice(("gated", "batched")), given, FLOODER, None)
        for _ in range(FLOOD_BETWEEN):
            kind, habit = _pick(rng, _FLOOD_KINDS), rng.choice((Habit.FORGETFUL, Habit.STEADY))
            yield ProposingJob(job_name(next(numbers)), kind, FLOODER, None, habit)


def quiet(seed: str) -> Iterator[Job]:
    """Yield what the quiet agent wants, over HTTP most often."""
    rng, numbers = Random(f"quiet {seed}"), _plain(QUIET_FROM)
    while True:
        job = job_name(next(numbers))
        if rng.random() < 0.7:
            yield ProposingJob(job, "key.revoke", QUIET, None, Habit.STEADY)
        else:
            yield HostedJob(job, "one", {"kind": "key.revoke", "args": {"job": job}}, QUIET, None)


def _plain(first: int) -> Iterator[int]:
    """Yield the numbers of jobs that do not fail by design."""
    for number in itertools.count(first):
        job = job_name(number)
        if not (breaks(job) or drags(job) or fails(job)):
            yield number


def _pick(rng: Random, weights: dict[Any, int]) -> Any:
    return rng.choices(list(weights), list(weights.values()))[0]


def _given(rng: Random, graph: str, numbers: Iterator[int]) -> tuple[str, dict[str, Any]]:
    """Return a thread's first job, and its input."""
    if graph in ("one", "own"):
        kind, job = _pick(rng, _KINDS), job_name(next(numbers))
        if graph == "own":
            return job, {"kind": kind, "job": job}
        return job, {"kind": kind, "args": {"job": job}}
    turns = [
        [(KINDS[_pick(rng, _KINDS)].tool, job_name(next(numbers))) for _ in range(rng.randint(1, 3))]
        for _ in range(rng.choice((1, 1, 2)))
    ]
    return turns[0][0][1], {"messages": [{"role": "user", "content": json.dumps(turns)}]}
