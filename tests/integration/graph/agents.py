"""The graphs that the tests host: an agent in each way of gating it, and graphs with nodes of their own.

Each effect is noted in ran; a tool named in BROKEN raises.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

from bot.errors import MembraneError
from bot.graph import Execution, MembraneMiddleware, Proposal, Settled, add_gate, execution, gate_graph
from tests.integration.graph.scripted import ScriptedModel, Turn

ran: list[Any] = []
BROKEN: set[str] = set()
HOLD: dict[str, asyncio.Event] = {}
"""Effects that wait here, after they took effect, until the event is set: where a crash would hurt."""


async def note(name: str, what: Any) -> str:
    if name in BROKEN:
        raise RuntimeError(f"{name} is broken")
    ran.append((name, what))
    if name in HOLD:
        await HOLD[name].wait()
    return f"{name} {what} done"


@tool
async def read(id: int) -> str:  # noqa: A002 - the tools' arguments are the model's
    """Read a row: tier 0."""
    return await note("read", id)


@tool
async def make_report(id: int) -> str:  # noqa: A002
    """Make a report that costs money: tier 1."""
    return await note("make_report", id)


@tool
async def mail(to: str) -> str:
    """Send a mail: tier 2."""
    return await note("mail", to)


@tool
async def delete(id: int) -> str:  # noqa: A002
    """Delete data: tier 3."""
    return await note("delete", id)


@tool
async def job(id: int) -> str:  # noqa: A002
    """Run an idempotent job: tier 3."""
    try:
        run = execution()
    except MembraneError:  # a stock agent's tools get no key
        return await note("job", id)
    return await note("job", (id, run.key, run.attempt))


@tool
def blocking_delete(id: int) -> str:  # noqa: A002
    """Delete data, synchronously: tier 3."""
    ran.append(("blocking_delete", id))
    return "gone"


TOOLS = [read, make_report, mail, delete, job]
KINDS = {
    "read": "db.read",
    "make_report": "report.make",
    "mail": "mail.send",
    "delete": "data.delete",
    "blocking_delete": "data.delete",
    "job": "job.run",
    "ask_sub": "db.read",
    "ask_stock": "db.read",
    "ask_sync_stock": "db.read",
    "ask_yourself": "report.make",
}
"""The policy's `tools`."""

SCRIPTS: dict[str, list[Turn]] = {
    "hello": ["hello"],
    "read": [[("read", {"id": 1})], "read it"],
    "pass": [[("read", {"id": 1}), ("make_report", {"id": 2})], "passed"],
    "delete": [[("delete", {"id": 1})], "deleted"],
    "delete again": [[("delete", {"id": 1})], [("delete", {"id": 1})], "deleted"],
    "delete all": [[("blocking_delete", {"id": 1})], "deleted"],
    "mail": [[("mail", {"to": "ada"})], "mailed"],
    "job": [[("job", {"id": 1})], "ran"],
    "two": [[("delete", {"id": 1}), ("delete", {"id": 2})], "both"],
    "mixed": [[("read", {"id": 1}), ("mail", {"to": "ada"}), ("delete", {"id": 3})], "mixed"],
    "huge": [[("mail", {"to": "x" * 70_000}), ("delete", {"id": 3})], "huge"],
    "flood": [[("delete", {"id": number}) for number in range(500)], "flooded"],
    "thirty": [[("delete", {"id": number}) for number in range(30)], "thirty"],
    "mostly passing": [[("read", {"id": number}) for number in range(30)] + [("delete", {"id": 1})], "read"],
    "stock": [[("ask_stock", {"text": "two"})], "asked"],
    "yourself": [[("ask_yourself", {"text": "are you sure?"})], "asked"],
    "sync stock": [[("ask_sync_stock", {"text": "delete all"})], "asked"],
    "sub": [[("ask_sub", {"text": "delete all"})], "asked"],
}


def model() -> ScriptedModel:
    return ScriptedModel(scripts=SCRIPTS)


DECISIONS: dict[str, Any] = {"allowed_decisions": ["approve", "reject"]}
GATED: dict[str, Any] = {
    "make_report": True,
    "mail": DECISIONS,
    "delete": True,
    "job": DECISIONS,
    "blocking_delete": True,
}

gated = create_agent(model(), tools=[*TOOLS, blocking_delete], middleware=[MembraneMiddleware()])
batched = create_agent(model(), tools=TOOLS, middleware=[HumanInTheLoopMiddleware({**GATED, "read": True})])
per_call = create_agent(
    model(), tools=TOOLS, middleware=[HumanInTheLoopMiddleware(GATED, interrupt_mode="per_call")]
)
ungated = create_agent(model(), tools=TOOLS)
harmless = create_agent(model(), tools=[read, make_report])


async def carry_out(run: Execution) -> dict[str, Any]:
    return {"did": await note(run.kind, run.args), "key": run.key}


def carry_out_blocking(run: Execution) -> str:
    ran.append((run.kind, run.args))
    return "done"


one = gate_graph(carry_out)
one_blocking = gate_graph(carry_out_blocking).compile()


class Order(TypedDict, total=False):
    number: int
    kind: str
    settled: Settled
    seen: list[str]


def propose(state: Order) -> Proposal:
    return {"kind": state["kind"], "args": {"number": state["number"]}, "description": "as the order says"}


def afterwards(state: Order) -> dict[str, Any]:
    ran.append(("after", state["settled"]["receipt"]))
    return {"seen": [state["settled"]["text"]]}


def own_graph() -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Order)
    gate = add_gate(builder, effect=carry_out, propose=propose)
    builder.add_node("afterwards", afterwards)
    builder.add_edge(START, gate.entry)
    builder.add_edge(gate.exit, "afterwards")
    return builder


def two_gates() -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Order)
    first = add_gate(builder, effect=carry_out, propose=propose, name="first", settle=lambda _: {})
    second = add_gate(
        builder,
        effect=carry_out,
        propose=lambda s: {"kind": "data.delete", "args": {"second": True}},
        name="second",
    )
    builder.add_edge(START, first.entry)
    builder.add_edge(first.exit, second.entry)
    return builder


class Plain(TypedDict, total=False):
    answer: str


def raises(state: Plain) -> dict[str, Any]:
    raise ValueError("the graph is wrong")


def asks_strangely(state: Plain) -> dict[str, Any]:
    return {"answer": interrupt("are you sure?")}


def single(node: Any) -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Plain)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    return builder


raising = single(raises)
strange = single(asks_strangely)


@tool
def ask_sub(text: str) -> str:
    """Ask an agent that gates its own tools, synchronously as in tutorials."""
    said: str = gated.invoke({"messages": [{"role": "user", "content": text}]})["messages"][-1].text
    return said


@tool
async def ask_stock(text: str) -> str:
    """Ask a stock agent."""
    return str(
        (await batched.ainvoke({"messages": [{"role": "user", "content": text}]}))["messages"][-1].text
    )


sync_stock = create_agent(
    model(), tools=[blocking_delete], middleware=[HumanInTheLoopMiddleware({"blocking_delete": True})]
)


@tool
def ask_sync_stock(text: str) -> str:
    """Ask a stock agent, synchronously."""
    said: str = sync_stock.invoke({"messages": [{"role": "user", "content": text}]})["messages"][-1].text
    return said


@tool
def ask_yourself(text: str) -> str:
    """Ask a question after the tool has started."""
    ran.append(("asked", text))
    return f"{interrupt(text)}"


supervisor = create_agent(model(), tools=[ask_sub, ask_yourself], middleware=[MembraneMiddleware()])
with_stock_agent = create_agent(model(), tools=[ask_stock])
with_sync_stock_agent = create_agent(model(), tools=[ask_sync_stock])
with_sub_agent = create_agent(model(), tools=[ask_sub])
nested_agent = StateGraph(MessagesState).add_node("agent", gated).add_edge(START, "agent")


def renamed_gate() -> StateGraph[Any, Any, Any, Any]:
    """The graph `one` after its author renamed the gate."""
    builder = StateGraph(Order)
    gate = add_gate(builder, effect=carry_out, propose=propose, name="renamed")
    builder.add_edge(START, gate.entry)
    return builder
