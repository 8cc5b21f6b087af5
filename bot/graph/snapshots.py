"""Reads saved state: which interrupts of a thread wait, and whether its last step, or the thread, ended."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Interrupt, StateSnapshot

from bot.graph.loader import AnyGraph


def calls_behind(snapshot: StateSnapshot, interrupt_id: str) -> list[ToolCall]:
    """Return the tool calls of the last model message in the graph or sub-graph that raised an interrupt."""
    for task in snapshot.tasks:
        if isinstance(task.state, StateSnapshot) and any(
            each.id == interrupt_id for each in task.state.interrupts
        ):
            return calls_behind(task.state, interrupt_id)
    said = [message for message in messages_of(snapshot) if isinstance(message, AIMessage)]
    return list(said[-1].tool_calls) if said else []


STOCK_NODE = "HumanInTheLoopMiddleware.after_model"
"""The node in which LangChain's own middleware interrupts. It starts nothing itself: tools start later."""


def asked_by_stock(snapshot: StateSnapshot, interrupt_id: str) -> bool:
    """Whether an interrupt certainly comes from LangChain's own middleware."""
    for task in snapshot.tasks:
        if any(each.id == interrupt_id for each in task.interrupts):
            inner = task.state if isinstance(task.state, StateSnapshot) else None
            return asked_by_stock(inner, interrupt_id) if inner else task.name == STOCK_NODE
    return False


def live_interrupts(snapshot: StateSnapshot, *, deep: bool) -> dict[str, Interrupt]:
    """Return the interrupts that wait for an answer, by id.

    `deep` omits interrupts of a sub-graph in which no node waits at them any more: the sub-graph changed and
    would go on without asking. It needs a snapshot with sub-graphs.
    """
    live: dict[str, Interrupt] = {}
    for task in snapshot.tasks:
        held: Collection[str] | None = None
        if deep and isinstance(task.state, StateSnapshot):
            held = live_interrupts(task.state, deep=True).keys()
        live.update({each.id: each for each in task.interrupts if held is None or each.id in held})
    return live


async def orphans(graph: AnyGraph, thread_id: str, snapshot: StateSnapshot) -> set[str]:
    """Return the ids of saved interrupts at which no node of the present graph waits."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    saver = graph.checkpointer
    saved = await saver.aget_tuple(config) if isinstance(saver, BaseCheckpointSaver) else None
    present = {task.id for task in snapshot.tasks}
    raised = {
        each.id
        for task_id, channel, value in (saved.pending_writes or () if saved else ())
        if channel == "__interrupt__" and task_id not in present
        for each in value
    }
    nested = {each.id for task in snapshot.tasks for each in task.interrupts}
    return raised | (nested - live_interrupts(snapshot, deep=True).keys())


def messages_of(snapshot: StateSnapshot) -> list[Any]:
    """Return the messages in a graph's state, if it has any."""
    values = snapshot.values
    found = values.get("messages") if isinstance(values, dict) else None
    return list(found) if isinstance(found, list) else []


def unfinished(snapshot: StateSnapshot) -> bool:
    """Whether a run was interrupted, so that it has to continue without an answer."""
    return broken_off(snapshot) or step_not_saved(snapshot)


def broken_off(snapshot: StateSnapshot) -> bool:
    """Whether a task of the last step neither ended nor waits for an answer: it will start again."""
    return any(task.result is None and not task.interrupts for task in snapshot.tasks)


def failed_tasks(snapshot: StateSnapshot) -> set[str]:
    """Return the ids of the innermost tasks of the last step that did not end."""
    found: set[str] = set()
    for task in snapshot.tasks:
        if task.result is None:
            inner = failed_tasks(task.state) if isinstance(task.state, StateSnapshot) else set()
            found |= inner or {task.id}
    return found


def step_not_saved(snapshot: StateSnapshot) -> bool:
    """Whether all tasks of the last step ended but the checkpoint after it is missing: the next step is due.

    LangGraph saves the writes of a step's tasks before it saves the checkpoint, and in between the snapshot
    names no next node.
    """
    return bool(snapshot.tasks) and all(task.result is not None for task in snapshot.tasks)


def ended(snapshot: StateSnapshot) -> bool:
    """Whether a thread has ended: it has saved state, and no task, waiting or done, in its last step.

    A thread whose graph lost the node at which it waits looks the same.
    """
    return snapshot.created_at is not None and not snapshot.tasks and not snapshot.next
