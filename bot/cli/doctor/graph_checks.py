"""Checks of the hosted graphs: do their files exist, do they load, and what gates each tool."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from bot.cli.doctor.findings import Finding, fail, ok
from bot.domain.policy import Policy
from bot.errors import GraphRefused
from bot.graph.inspection import gating_of, problems_of
from bot.graph.loader import GraphSpec, load_graph, read_specs
from bot.settings import Settings


def check(chosen: Settings, policy: Policy | None) -> list[Finding]:
    """Import the hosted graphs as the bot does, without running them, and list the gate of each tool."""
    found: list[Finding] = []
    for named in chosen.graphs:
        path = Path(named if named.endswith(".json") else named.partition("=")[2].rpartition(":")[0])
        if not path.is_file():
            found.append(fail("graphs", f"{named}: there is no file {path}", "correct MEMBRANE_GRAPHS"))
            continue
        if policy is None:
            found.append(ok("graphs", f"{named}: the file exists"))
            continue
        found += asyncio.run(_check(named, policy))
    return found


async def _check(named: str, policy: Policy) -> list[Finding]:
    found: list[Finding] = []
    async with AsyncExitStack() as stack:
        try:
            for spec in read_specs([named]):
                found += await _look_into(spec, policy, stack)
        except GraphRefused as refused:
            found.append(fail("graphs", str(refused)))
    return found


async def _look_into(spec: GraphSpec, policy: Policy, stack: AsyncExitStack) -> list[Finding]:
    graph = await load_graph(spec, stack)
    problems = [fail("graphs", f"{spec.name}: {problem}") for problem in problems_of(graph, policy)]
    lines = [ok("graphs", f"{spec.name}: {line}") for line in gating_of(graph, policy)]
    return problems + (lines or [ok("graphs", f"{spec.name}: no tools were found in it")])
