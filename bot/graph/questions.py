"""Reads the question of an interrupt: of the membrane's own gate, or of LangChain's human in the loop.

There are three shapes. The last two are those of LangChain's `human_in_the_loop` middleware (1.x):

    gate        {"type": "membrane_gate", ...}                       one action
    hitl_batch  {"action_requests": [...], "review_configs": [...]}  several, answered together, in order
    hitl_call   {"type": "tool_approval", ...}                       one tool call
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from langchain_core.messages import ToolCall
from langgraph.types import Interrupt

from bot.domain.action import Action
from bot.domain.hosting import InterruptRecord, ThreadRecord
from bot.domain.states import InterruptShape
from bot.errors import BadAction, GraphRefused, UnfitAction
from bot.graph.gate_payload import GATE, action_of
from bot.graph.tool_arguments import Unfit
from bot.graph.toolbox import SAME_ID, KindOfTool, Toolbox
from bot.membrane import UNFIT, Call, Parked

NO_TOOLS = Toolbox()


def shape_of(value: Any) -> InterruptShape:
    """Return the shape of an interrupt's value. Raises GraphRefused for an unknown one."""
    if isinstance(value, dict):
        if value.get("type") == GATE:
            return InterruptShape.GATE
        if value.get("type") == "tool_approval":
            return InterruptShape.HITL_CALL
        if isinstance(value.get("action_requests"), list) and isinstance(value.get("review_configs"), list):
            return InterruptShape.HITL_BATCH
    raise GraphRefused(
        f"the graph interrupted with {str(value)[:200]!r}, which is not one of the questions that the "
        "membrane can put before a person; use bot.graph.add_gate, MembraneMiddleware, or LangChain's "
        "HumanInTheLoopMiddleware"
    )


def is_known(value: Any) -> bool:
    """Whether an interrupt's value has a shape that can be put before people."""
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
    """Return the question of an interrupt. `calls` are the tool calls of the message that led to it.

    A tool call that cannot be put before a person, or that its tool or `check_fit` refuses, is left out. Its
    answer, given with the others, is the reason. Raises GraphRefused for an unknown shape, and BadAction if a
    gate's own action is bad.
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
    """Return an interrupt's calls by place: each an action, or why it was not put before a person."""
    left_out = {int(place): why for place, why in record.payload.get(UNFIT, {}).items()}
    found: dict[int, Action | str] = {}
    for place, request in enumerate(requests_of(record)):
        try:
            found[place] = left_out.get(place) or toolbox.action(request, thread, kind_of_tool, own=False)
        except BadAction as bad:
            found[place] = _told(bad)
    return found


def requests_of(record: InterruptRecord) -> list[dict[str, Any]]:
    """Return the tool calls that an interrupt of LangChain's shapes asks about, in its order."""
    payload = record.payload
    return list(payload["action_requests"]) if record.shape is InterruptShape.HITL_BATCH else [payload]


def asked_again(interrupts: Iterable[Interrupt]) -> set[str]:
    """Return the ids of actions that gates ask about again: each gate has taken its earlier answer."""
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
    """Return the call ids of a batch's requests, which have none, by matching them to the calls in order."""
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
