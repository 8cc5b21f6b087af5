"""The declared types of a graph's state survive a park, and no other type is revived."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from bot.graph.state_types import declared_types
from tests.integration.graph import typed
from tests.integration.graph.conftest import House

DELETE = {"kind": "data.delete"}
WHOLE = ["Order", "Item", "Line", "Colour", "Point", "Box", "Item", "Colour", {"what": "not declared"}]
FILE = Path(typed.__file__)


def seen() -> list[Any]:
    """Return the values that the hosted module saw; the host imports it under another name."""
    hosted = [module for name, module in sys.modules.items() if name.startswith("membrane_graph_")]
    (module,) = [each for each in hosted if each.__file__ == typed.__file__]
    found: list[Any] = module.seen
    return found


async def parked_and_approved(house: House, graph: str, restart: bool) -> str:
    await house.open(graph, file=FILE)
    seen().clear()
    thread = await house.run(graph, DELETE)
    for index in range(len(await house.actions(thread))):
        await house.vote(thread, index)
    if restart:
        await house.host.stop()
        await house.open(graph, file=FILE)
    await house.settle()
    return thread


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("graph", ["typed", "nested"])
async def test_declared_types_survive_a_park(house: House, graph: str, restart: bool) -> None:
    """Dataclasses, models, enums and named tuples survive nested, in collections and in a sub-graph."""
    thread = await parked_and_approved(house, graph, restart)
    done = await house.thread(thread)
    assert (done.state, done.error) == ("finished", None)
    assert await house.states(thread) == ["executed"]
    assert seen() == WHOLE


async def test_a_value_sent_to_a_node_survives(house: House) -> None:
    thread = await parked_and_approved(house, "fanned", restart=True)
    assert (await house.thread(thread)).state == "finished"
    assert set(seen()) == {"Line"}


async def test_the_result_of_a_functional_api_task_survives(house: House) -> None:
    thread = await parked_and_approved(house, "functional", restart=True)
    assert (await house.thread(thread)).state == "finished"
    assert seen() == ["Item"]


def test_only_declared_types_are_listed() -> None:
    listed = {name for module, name in declared_types(typed.nested().compile()) if module == typed.__name__}
    assert listed == {"Order", "Item", "Line", "Colour", "Point", "Box"}
