"""Reading what a thread is parked at: the membrane's own gate, or LangChain's human in the loop.

Three shapes are understood; the last two are those of LangChain's `human_in_the_loop` middleware (1.x):

    gate        {"type": "membrane_gate", ...}                       one action
    hitl_batch  {"action_requests": [...], "review_configs": [...]}  several, answered together, in order
    hitl_call   {"type": "tool_approval", ...}                       one tool call
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolCall
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.types import Interrupt, StateSnapshot

from bot.domain.action import Action
from bot.domain.hosting import InterruptRecord, ThreadRecord
from bot.domain.states import InterruptShape
from bot.errors import BadAction, GraphRefused, UnfitAction
from bot.graph.arguments import Unfit
from bot.graph.gate_payload import GATE, action_of
from bot.graph.loader import AnyGraph
from bot.graph.toolbox import SAME_ID, KindOfTool, Toolbox
from bot.membrane import UNFIT, Call, Parked

NO_TOOLS = Toolbox()


def shape_of(value: Any) -> InterruptShape:
    """Return the shape of an interrupt's value. Raises GraphRefused for one that nobody could judge."""
    if isinstance(value, dict):
        if value.get("type") == GATE:
            return InterruptShape.GATE
        if value.get("type") == "tool_approval":
            return InterruptShape.HITL_CALL
        if isinstance(value.get("action_requests"), list) and isinstance(value.get("review_configs"), list):
            return InterruptShape.HITL_BATCH
    raise GraphRefused(
        f"the graph interrupted with {str(value)[:200]!r}, which is none of the questions that the membrane "
        "can put before a person; use bot.graph.add_gate, MembraneMiddleware, or LangChain's "
        "HumanInTheLoopMiddleware"
    )


def is_known(value: Any) -> bool:
    """Whether an interrupt's value is a question that can be put before people."""
    try:
        shape_of(value)
    except GraphRefused:
        return False
    return True


def read(
    interrupt: Interrupt,
    thread: ThreadRecord,
    kind_of_tool: KindOfTool,
    calls: Sequence[ToolCall] = (),
    toolbox: Toolbox = NO_TOOLS,
    *,
    check_fit: Callable[[Action], None] = lambda _: None,
) -> Parked:
    """Return what an interrupt asks. `calls` are the tool calls of the message that led to it.

    A tool call that cannot be put before a person, or that its tool or `check_fit` would refuse, is left out:
    it is answered with the reason when the interrupt is. Raises GraphRefused for an unknown shape, BadAction
    for a gate's.
    """
    value = interrupt.value
    shape = shape_of(value)
    if shape is InterruptShape.GATE:
        return _gate(interrupt.id, value, thread)
    requests = value["action_requests"] if shape is InterruptShape.HITL_BATCH else [value]
    ids = _call_ids(requests, calls) if shape is InterruptShape.HITL_BATCH else [value.get("tool_call_id")]
    given = Counter(call["id"] for call in calls)
    names = {call["name"] for call in calls}
    asked: list[Call] = []
    unfit: dict[str, str] = {}
    for place, (request, call_id) in enumerate(zip(requests, ids, strict=True)):
        if given[call_id] > 1:
            unfit[str(place)] = SAME_ID.format(id=call_id)
            continue
        try:
            action = toolbox.action(request, thread, kind_of_tool, own=request.get("name") in names)
            check_fit(action)
        except BadAction as bad:
            unfit[str(place)] = _told(bad)
        else:
            asked.append(Call(action, place, call_id))
    return Parked(interrupt.id, shape, {**value, UNFIT: unfit} if unfit else value, tuple(asked))


def _told(bad: BadAction) -> str:
    return str(bad) if isinstance(bad, Unfit | UnfitAction) else f"this cannot be put before a person: {bad}"


def calls_of(
    record: InterruptRecord, thread: ThreadRecord, kind_of_tool: KindOfTool, toolbox: Toolbox
) -> dict[int, Action | str]:
    """Return what an interrupt asked for, by place: an action, or why it was not put before a person."""
    left_out = {int(place): why for place, why in record.payload.get(UNFIT, {}).items()}
    found: dict[int, Action | str] = {}
    for place, request in enumerate(requests_of(record)):
        try:
            found[place] = left_out.get(place) or toolbox.action(request, thread, kind_of_tool, own=False)
        except BadAction as bad:
            found[place] = _told(bad)
    return found


def requests_of(record: InterruptRecord) -> list[dict[str, Any]]:
    """Return the tool calls that an interrupt in LangChain's form asks about, in its own order."""
    payload = record.payload
    return list(payload["action_requests"]) if record.shape is InterruptShape.HITL_BATCH else [payload]


def asked_again(interrupts: Iterable[Interrupt]) -> set[str]:
    """Return the actions that gates ask about once more: each has taken its earlier answer."""
    values = [each.value for each in interrupts if is_known(each.value)]
    return {
        each["action_id"]
        for each in values
        if shape_of(each) is InterruptShape.GATE and each.get("action_id")
    }


def _gate(interrupt_id: str, value: dict[str, Any], thread: ThreadRecord) -> Parked:
    if value.get("action_id"):
        return Parked(interrupt_id, InterruptShape.GATE, value, action_id=value["action_id"])
    call = Call(action_of(value, thread), 0, value.get("tool_call_id"))
    return Parked(interrupt_id, InterruptShape.GATE, value, (call,))


def _call_ids(requests: Sequence[dict[str, Any]], calls: Iterable[ToolCall]) -> list[str | None]:
    """Match a batch's requests, which have no ids, to the calls they were made of, in order."""
    left = list(calls)
    ids: list[str | None] = []
    for request in requests:
        same = next(
            (
                index
                for index, call in enumerate(left)
                if (call["name"], call["args"]) == (request.get("name"), request.get("args"))
            ),
            None,
        )
        ids.append(left[same]["id"] if same is not None else None)
        if same is not None:
            del left[: same + 1]
    return ids


def calls_behind(snapshot: StateSnapshot, interrupt_id: str) -> list[ToolCall]:
    """Return the tool calls of the last model message in the (sub-)graph that raised an interrupt."""
    for task in snapshot.tasks:
        if isinstance(task.state, StateSnapshot) and any(
            each.id == interrupt_id for each in task.state.interrupts
        ):
            return calls_behind(task.state, interrupt_id)
    said = [message for message in messages_of(snapshot) if isinstance(message, AIMessage)]
    return list(said[-1].tool_calls) if said else []


STOCK_NODE = "HumanInTheLoopMiddleware.after_model"
"""The node in which LangChain's own middleware interrupts. It acts on nothing itself: tools start later."""


def asked_by_stock(snapshot: StateSnapshot, interrupt_id: str) -> bool:
    """Whether an interrupt is certainly of LangChain's own middleware, and of no other node."""
    for task in snapshot.tasks:
        if any(each.id == interrupt_id for each in task.interrupts):
            inner = task.state if isinstance(task.state, StateSnapshot) else None
            return asked_by_stock(inner, interrupt_id) if inner else task.name == STOCK_NODE
    return False


def live_interrupts(snapshot: StateSnapshot, *, deep: bool) -> dict[str, Interrupt]:
    """Return the interrupts that wait for an answer, by id.

    `deep` leaves out those of a sub-graph in which no node waits at them any more: the sub-graph changed, and
    would go on without asking. The state has to be read with its sub-graphs then.
    """
    live: dict[str, Interrupt] = {}
    for task in snapshot.tasks:
        held: Collection[str] | None = None
        if deep and isinstance(task.state, StateSnapshot):
            held = live_interrupts(task.state, deep=True).keys()
        live.update({each.id: each for each in task.interrupts if held is None or each.id in held})
    return live


async def orphans(graph: AnyGraph, thread_id: str, snapshot: StateSnapshot) -> set[str]:
    """Return the saved interrupts that no node of the graph, as it is now, waits at."""
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
    """Return the messages of a graph's state, if it has any."""
    values = snapshot.values
    found = values.get("messages") if isinstance(values, dict) else None
    return list(found) if isinstance(found, list) else []


def unfinished(snapshot: StateSnapshot) -> bool:
    """Whether a thread was cut off and has to go on by itself, without an answer."""
    return broken_off(snapshot) or unsealed(snapshot)


def broken_off(snapshot: StateSnapshot) -> bool:
    """Whether something of the last step neither ended nor waits for an answer: it will start again."""
    return any(task.result is None and not task.interrupts for task in snapshot.tasks)


def failed_tasks(snapshot: StateSnapshot) -> set[str]:
    """Return the ids of the innermost tasks of the last step that did not end."""
    found: set[str] = set()
    for task in snapshot.tasks:
        if task.result is None:
            inner = failed_tasks(task.state) if isinstance(task.state, StateSnapshot) else set()
            found |= inner or {task.id}
    return found


def unsealed(snapshot: StateSnapshot) -> bool:
    """Whether all of the last step ended and the checkpoint after it is missing: the next step is still due.

    LangGraph saves what the tasks of a step wrote before it saves the checkpoint, and shows nothing that is
    next in between.
    """
    return bool(snapshot.tasks) and all(task.result is not None for task in snapshot.tasks)


def ended(snapshot: StateSnapshot) -> bool:
    """Whether a thread came to its end: it has saved state, and no task, waiting or done, in its last step.

    A graph that lost the node which a thread waits at looks the same.
    """
    return snapshot.created_at is not None and not snapshot.tasks and not snapshot.next
