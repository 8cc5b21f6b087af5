"""The graphs that a host serves, and those that it refuses. A refused graph does not affect the others."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver

from bot.domain.policy import Policy
from bot.errors import GraphRefused, NotFound
from bot.graph.code_origin import code_from
from bot.graph.inspection import problems_of, toolbox_of, version_of
from bot.graph.loader import AnyGraph, GraphSpec, Hosted, load_graph, read_specs
from bot.graph.state_types import declared_types

log = structlog.get_logger(__name__)


def under(graph: AnyGraph, saver: BaseCheckpointSaver[str]) -> AnyGraph:
    """Return a copy of a graph that saves its threads with `saver`, which reads the types the graph declares.

    It is a plain copy, because LangGraph's own (`Pregel.copy`) drops attributes that it does not know.
    """
    placed = copy.copy(graph)
    placed.checkpointer = saver.with_allowlist(declared_types(graph))
    return placed


class GraphRegistry:
    """The graphs by name. `hosted` has the loaded ones, `refused` says why others could not be loaded."""

    def __init__(self) -> None:
        self.hosted: dict[str, Hosted] = {}
        self.refused: dict[str, str] = {}

    async def load(
        self, named: Sequence[str], saver: BaseCheckpointSaver[str], stack: AsyncExitStack, policy: Policy
    ) -> None:
        """Load the graphs of MEMBRANE_GRAPHS. Faults are kept by graph, and logged as errors."""
        for spec in self._specs(named):
            try:
                with code_from(spec.name):
                    loaded = await load_graph(spec, stack)
                graph = under(loaded, saver)
                self.hosted[spec.name] = Hosted(
                    spec.name, graph, version_of(graph), folder=spec.path.parent, toolbox=toolbox_of(graph)
                )
            except GraphRefused as refused:
                self._refuse(spec.name, str(refused))
            except Exception as error:  # noqa: BLE001 - the inspection reads hosted code, which can make it fail
                self._refuse(spec.name, f"{spec}: inspecting it raised {type(error).__name__}: {error}")
        self.recheck(policy)
        for name, why in self.problems().items():
            log.error("a graph is refused; its threads wait, and the others run", graph=name, why=why)

    def _specs(self, named: Sequence[str]) -> list[GraphSpec]:
        found: list[GraphSpec] = []
        for text in named:
            try:
                found.extend(read_specs([text]))
            except GraphRefused as refused:
                self._refuse(text if text.endswith(".json") else text.partition("=")[0].strip(), str(refused))
        times = Counter(spec.name for spec in found)
        for name in (name for name, count in times.items() if count > 1):
            self._refuse(name, f"two graphs are named {name!r}; give each a name of its own")
        return [spec for spec in found if times[spec.name] == 1]

    def _refuse(self, name: str, why: str) -> None:
        self.refused[name] = f"{self.refused[name]}; {why}" if name in self.refused else why

    def recheck(self, policy: Policy) -> list[str]:
        """Check every loaded graph under a policy. Return the problems, each with what to change.

        A graph with a problem starts and resumes no thread until another check finds none.
        """
        found: list[str] = []
        for name, hosted in self.hosted.items():
            problems = tuple(problems_of(hosted.graph, policy))
            self.hosted[name] = replace(hosted, problems=problems)
            found.extend(f"the graph {name}: {problem}" for problem in problems)
        return found

    def problems(self) -> dict[str, str]:
        """Return why graphs are refused, by name."""
        ill = {name: "; ".join(hosted.problems) for name, hosted in self.hosted.items() if hosted.problems}
        return dict(sorted({**ill, **self.refused}.items()))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the graphs that are loaded, sorted."""
        return tuple(sorted(self.hosted))

    @property
    def folders(self) -> set[Path]:
        """The folders that contain the graphs' own code."""
        return {hosted.folder for hosted in self.hosted.values() if hosted.folder is not None}

    def usable(self, name: str) -> Hosted:
        """Return a graph whose threads may run. Raises NotFound, or GraphRefused with the reason."""
        hosted = self.hosted.get(name)
        if hosted is not None and not hosted.problems:
            return hosted
        if why := self.problems().get(name):
            raise GraphRefused(f"the graph {name} is refused: {why}")
        raise NotFound(f"there is no graph {name!r}; there is: {', '.join(self.names) or 'none'}")
