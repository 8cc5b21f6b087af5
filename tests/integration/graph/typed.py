"""A graph whose state holds its own types at every level, to be parked and read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, NamedTuple, NotRequired, TypedDict, TypeVar

from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.types import Send, interrupt
from pydantic import BaseModel

from bot.graph import Execution, Proposal, add_gate

T = TypeVar("T")
seen: list[Any] = []
"""What came back, by the name of its class."""


class Colour(Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


@dataclass
class Line:
    sku: str
    colour: Colour


class Item(BaseModel):
    line: Line
    at: Point


@dataclass
class Box(Generic[T]):
    held: T


@dataclass
class Undeclared:
    what: str


class Leaf(TypedDict):
    leaf: NotRequired[Item]


@dataclass
class Order:
    items: Sequence[Item]
    by_name: dict[str, Box[Line]] = field(default_factory=dict)
    leaf: Leaf | None = None
    anything: Any = None


def order() -> Order:
    line = Line("s-1", Colour.RED)
    item = Item(line=line, at=Point(1, 2))
    return Order([item], {"a": Box(line)}, {"leaf": item}, Undeclared("not declared"))


class State(TypedDict, total=False):
    kind: str
    order: Order
    colours: Sequence[Colour]


def place(state: State) -> dict[str, Any]:
    return {"order": order(), "colours": [Colour.RED]}


def propose(state: State) -> Proposal:
    return {"kind": state["kind"], "args": {"sku": state["order"].items[0].line.sku}}


async def carry_out(run: Execution) -> str:
    return "paid"


def look(state: State) -> dict[str, Any]:
    """Use the parked values as an author would, after the effect."""
    found = state["order"]
    item = found.items[0]
    assert found.leaf is not None
    parts = [found, item, item.line, item.line.colour, item.at, found.by_name["a"], found.leaf["leaf"]]
    seen.extend([*(type(part).__name__ for part in [*parts, state["colours"][0]]), found.anything])
    return {}


def typed() -> Any:
    builder = StateGraph(State)
    gate = add_gate(builder, effect=carry_out, propose=propose)
    builder.add_node("place", place)
    builder.add_node("look", look)
    builder.add_edge(START, "place")
    builder.add_edge("place", gate.entry)
    builder.add_edge(gate.exit, "look")
    return builder.compile().with_config(recursion_limit=50)


class Outer(TypedDict, total=False):
    kind: str


def nested() -> Any:
    """The same, as a node of a graph that declares none of it."""
    return StateGraph(Outer).add_node("inner", typed()).add_edge(START, "inner")


class One(TypedDict):
    line: Line


def fan(state: Outer) -> list[Send]:
    return [Send("ask", {"line": Line(sku, Colour.RED)}) for sku in ("s-1", "s-2")]


def ask(state: One) -> dict[str, Any]:
    seen.append(type(state["line"]).__name__)
    interrupt({"type": "membrane_gate", "kind": "data.delete", "args": {"sku": state["line"].sku}})
    return {}


def fanned() -> Any:
    """Types that occur only in values sent to a node, and in no channel."""
    builder = StateGraph(Outer).add_node("ask", ask)
    builder.add_conditional_edges(START, fan, ["ask"])
    return builder


@task
async def pick() -> Item:
    return order().items[0]


@entrypoint()
async def functional(given: dict[str, Any]) -> Line:
    item = await pick()
    interrupt({"type": "membrane_gate", "kind": given["kind"], "args": {"sku": item.line.sku}})
    seen.append(type(item).__name__)
    return item.line
