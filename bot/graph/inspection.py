"""Inspects a graph's structure: would a tool run ungated, could an answer be lost, did the graph change.

Hosted graphs are trusted code, so this finds mistakes, not malice. It cannot see effects outside of tools.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from hashlib import sha256
from types import FunctionType, ModuleType
from typing import Any

from langchain.agents.middleware import AgentMiddleware, HumanInTheLoopMiddleware
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel

from bot.domain.policy import Policy
from bot.domain.risk import Tier
from bot.graph.loader import AnyGraph
from bot.graph.middleware import MembraneMiddleware
from bot.graph.start_overrides import own_start
from bot.graph.toolbox import Toolbox
from bot.graph.wrapped_graphs import graphs_held_by


def levels(graph: AnyGraph, *, held: bool = False) -> Iterator[tuple[str, AnyGraph]]:
    """Yield a graph and every graph in it, each with its path ("" for the graph itself).

    LangGraph's own `get_subgraphs` omits graphs without a checkpointer and graphs that a tool runs. `held`
    also searches the values that functions name: an agent in a dict, behind a partial, a method or
    `with_retry`.
    """
    seen: set[int] = set()
    todo: list[tuple[str, AnyGraph]] = [("", graph)]
    while todo:
        where, level = todo.pop(0)
        if id(level) not in seen:
            seen.add(id(level))
            yield where, level
            prefix = f"{where}/" if where else ""
            todo += [(f"{prefix}{name}", found) for name, found in _inside(level, held=held)]


def _inside(level: AnyGraph, *, held: bool) -> Iterator[tuple[str, AnyGraph]]:
    for name, node in level.nodes.items():
        yield from ((name, found) for found in _graphs_in(node.bound, held=held))
        if isinstance(node.bound, ToolNode):
            for tool_name, tool in node.bound.tools_by_name.items():
                yield from ((f"{name}/{tool_name}", found) for found in _graphs_in(tool, held=held))


def _graphs_in(runnable: Any, *, held: bool) -> Iterator[AnyGraph]:
    """Yield the graphs that a node or a tool is, contains, or names in its function."""
    if isinstance(runnable, Pregel):
        yield runnable
        return
    for step in getattr(runnable, "steps", ()):
        yield from _graphs_in(step, held=held)
    for function in functions_of(runnable):
        for value in names_in(function):
            owner = getattr(value, "__self__", value)  # graph.ainvoke is as good as the graph
            if isinstance(owner, Pregel):
                yield owner
            elif held:
                yield from graphs_held_by(value)
        if held and not isinstance(function, FunctionType):
            yield from graphs_held_by(function)


def functions_of(runnable: Any) -> list[Any]:
    """Return the Python functions that a node or a tool calls."""
    found = (getattr(runnable, attribute, None) for attribute in ("func", "afunc", "coroutine"))
    return [function for function in found if function is not None]


def names_in(function: Any) -> Iterable[Any]:
    """Return the values of the names in a function's body, as far as they can be seen."""
    try:
        found = inspect.getclosurevars(function)
    except (TypeError, ValueError):  # not a Python function, or one whose cells are not filled yet
        return ()
    values = [*found.nonlocals.values(), *found.globals.values()]
    modules = [value for value in values if isinstance(value, ModuleType)]
    # `agents.support.ainvoke(...)`: the graph is an attribute of a module that the function names
    values += [vars(module)[name] for module in modules for name in found.unbound & vars(module).keys()]
    return values


def version_of(graph: AnyGraph) -> str:
    """Return a short hash of a graph's node names, on which the ids of its interrupts depend."""
    names = [f"{where}/{node}" for where, level in levels(graph) for node in sorted(level.nodes)]
    return sha256("\n".join(names).encode()).hexdigest()[:12]


def toolbox_of(graph: AnyGraph) -> Toolbox:
    """Return the tools that can be seen in a graph."""
    found: dict[str, list[BaseTool]] = {}
    complete = True
    for _, level in levels(graph, held=True):
        complete = complete and not any(_may_add_tools(each) for each in _middleware(level))
        for node in level.nodes.values():
            if isinstance(node.bound, ToolNode):
                for name, tool in node.bound.tools_by_name.items():
                    same = found.setdefault(name, [])
                    same += [tool] if all(tool is not each for each in same) else []
    return Toolbox(found, complete)


def _may_add_tools(middleware: AgentMiddleware[Any, Any, Any]) -> bool:
    """Whether a middleware handles tool calls itself, and so could run tools that its agent was not given."""
    if isinstance(middleware, (MembraneMiddleware, HumanInTheLoopMiddleware)):
        return False
    own = type(middleware)
    return (
        own.wrap_tool_call is not AgentMiddleware.wrap_tool_call
        or own.awrap_tool_call is not AgentMiddleware.awrap_tool_call
    )


def problems_of(graph: AnyGraph, policy: Policy) -> list[str]:
    """Return the reasons why the host may not run a graph under a policy, each with what to change."""
    found: list[str] = []
    for where, level in levels(graph, held=True):
        place = f" in {where}" if where else ""
        if where and level.checkpointer is False:
            found.append(
                f"the graph in {where} is compiled with checkpointer=False, so an answer given in it would "
                "be lost; omit checkpointer"
            )
        if level.interrupt_before_nodes or level.interrupt_after_nodes:
            found.append(
                f"interrupt_before or interrupt_after is set{place}: a breakpoint asks no question that a "
                "person could answer; use add_gate, or interrupt() in a middleware"
            )
        found.extend(f"{problem}{place}" for problem in _ungated(level, policy, where))
    return found


def _ungated(level: AnyGraph, policy: Policy, where: str) -> Iterator[str]:
    own, stock = _gates(level)
    if own and stock:
        yield "MembraneMiddleware and HumanInTheLoopMiddleware would both ask; use one of them"
    for each in stock:
        for tool, config in each.interrupt_on.items():
            if not {"approve", "reject"} <= set(config["allowed_decisions"]):
                yield f"interrupt_on[{tool!r}] must allow approve and reject, which is what a card offers"
    for node in level.nodes.values():
        if isinstance(node.bound, ToolNode):
            yield from _unseen(node.bound, policy)
        if isinstance(node.bound, ToolNode) and not own and not _gates_itself(node.bound):
            for tool in node.bound.tools_by_name:
                if problem := _why_ungated(tool, stock, policy, where):
                    yield problem


def _unseen(node: ToolNode, policy: Policy) -> Iterator[str]:
    """Yield a problem for each tool that can be gated and whose start the guard would not see."""
    for name, tool in node.tools_by_name.items():
        method = own_start(type(tool))
        if method is not None and policy.strictest(policy.kind_of_tool(name)) >= Tier.ASYNC_APPROVAL:
            yield (
                f"the tool {name} has {method} of its own ({type(tool).__name__}.{method}), which starts it "
                "past LangChain's callbacks, so nothing holds it to the approved arguments; write _run or "
                f"_arun instead, or call super().{method}()"
            )


def _gates(level: AnyGraph) -> tuple[bool, list[HumanInTheLoopMiddleware[Any, Any, Any]]]:
    """Return whether an agent has the membrane's middleware, and its middleware of LangChain."""
    middleware = list(_middleware(level))
    own = any(isinstance(each, MembraneMiddleware) for each in middleware)
    return own, [each for each in middleware if isinstance(each, HumanInTheLoopMiddleware)]


def gating_of(graph: AnyGraph, policy: Policy) -> list[str]:
    """Return a line for each visible tool of a graph: its kind, its tiers, and what gates it."""
    lines: list[str] = []
    for where, level in levels(graph, held=True):
        own, stock = _gates(level)
        for node in level.nodes.values():
            if isinstance(node.bound, ToolNode):
                member = own or _gates_itself(node.bound)
                for tool in node.bound.tools_by_name:
                    place = f" in {where}" if where else ""
                    lines.append(f"{tool}{place}: {_gating(tool, policy, stock, own=member)}")
    return lines


def _gating(
    tool: str, policy: Policy, stock: list[HumanInTheLoopMiddleware[Any, Any, Any]], *, own: bool
) -> str:
    kind = policy.kind_of_tool(tool)
    low, high = int(policy.own_tier(kind)), int(policy.strictest(kind))
    tiers = f"{kind}, tier {low}" if low == high else f"{kind}, tier {low} to {high}"
    if policy.strict and kind not in policy.actions:
        return (
            f"{kind}, which the policy does not name, so it is never run: name it in `actions`, or in `tools`"
        )
    if own:
        return f"{tiers}; gated by MembraneMiddleware"
    if any(tool in each.interrupt_on for each in stock):
        return f"{tiers}; gated by LangChain's HumanInTheLoopMiddleware"
    if high >= Tier.ASYNC_APPROVAL:
        return f"{tiers}; nothing asks, so the guard stops it wherever it starts"
    return f"{tiers}; runs without a gate"


def _why_ungated(
    tool: str, stock: list[HumanInTheLoopMiddleware[Any, Any, Any]], policy: Policy, where: str
) -> str | None:
    kind = policy.kind_of_tool(tool)
    tier = policy.strictest(kind)
    if tier < Tier.ASYNC_APPROVAL:
        return None
    configs = [each.interrupt_on[tool] for each in stock if tool in each.interrupt_on]
    if any(config.get("when") is None for config in configs):
        return None
    rules = f"the policy can rule {kind} tier {int(tier)}"
    if configs:
        return f"the tool {tool} would run ungated if its `when` says no, but {rules}; omit `when`"
    agent = "the sub-agent, which has none of its caller's," if where else "the agent"
    return (
        f"the tool {tool} would run ungated, but {rules}; add MembraneMiddleware() to the middleware of "
        f"{agent} or {tool!r} to its HumanInTheLoopMiddleware's interrupt_on{_DEEP if where else ''}"
    )


_DEEP = (
    ". With Deep Agents, name each sub-agent in `subagents`, the general-purpose one too, as "
    "{**GENERAL_PURPOSE_SUBAGENT, 'tools': [...], 'middleware': [MembraneMiddleware()]}, and declare the "
    "kind of the tool that runs it `idempotent: true`: it starts again after each answer. The tool stands"
)


def _middleware(level: AnyGraph) -> Iterator[AgentMiddleware[Any, Any, Any]]:
    """Yield the middleware of an agent: the objects whose hooks are its nodes."""
    seen: set[int] = set()
    for node in level.nodes.values():
        for hook in (getattr(node.bound, "func", None), getattr(node.bound, "afunc", None)):
            owner = getattr(hook, "__self__", None)
            if isinstance(owner, AgentMiddleware) and id(owner) not in seen:
                seen.add(id(owner))
                yield owner


def _gates_itself(node: ToolNode) -> bool:
    """Whether a ToolNode in an author's own graph has the membrane's wrapper."""
    owner = getattr(node._awrap_tool_call, "__self__", None)  # noqa: SLF001 - it is kept nowhere else
    return isinstance(owner, MembraneMiddleware)
