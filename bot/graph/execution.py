"""Runs an effect once: the store has a claim before it and a report after it, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from langchain_core.messages import ToolCall
from langgraph.errors import GraphBubbleUp

from bot.domain.action import Action
from bot.domain.record import ActionRecord, Claim, Standing
from bot.domain.redaction import scrub
from bot.domain.states import ASKED, ActionState, Receipt
from bot.errors import ClaimRefused, MembraneError, Refusal, ReportRefused
from bot.graph.answer import verdict
from bot.graph.run_context import RunContext
from bot.graph.tool_permits import Permit

MAX_RESULT = 16 * 1024
"""Bytes of a result's JSON that are kept. A longer result is kept as cut text."""

NOT_KNOWN = (
    "an earlier attempt started and never reported, so whether it happened is not known; it was not run again"
)
"""The text about an action that may have happened."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Execution:
    """One claimed run of an effect. Its arguments are the approved ones: their digest was compared.

    `key` is the idempotency key for the systems that the effect calls. It is the same on every attempt.
    """

    kind: str
    args: dict[str, Any]
    action_id: str
    key: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Ran:
    """The result of running an effect. The caller passes `output` on; `result` is reported."""

    executed: bool
    result: Any = None
    detail: str | None = None
    output: Any = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended. `receipt` is None if people have to be asked (again)."""

    receipt: Receipt | None
    text: str
    result: Any = None
    ran: Ran | None = None


_EXECUTION: ContextVar[Execution] = ContextVar("membrane_execution")


def execution() -> Execution:
    """Return the current execution: the idempotency key, attempt and arguments of this effect.

    Raises MembraneError outside of an effect that the membrane runs.
    """
    found = _EXECUTION.get(None)
    if found is None:
        raise MembraneError("execution() works only inside an effect or a tool that the membrane runs")
    return found


@contextmanager
def _running(claim: Claim, action: Action) -> Iterator[Execution]:
    found = Execution(action.kind, dict(action.args), claim.action.id, claim.key, claim.attempt)
    token = _EXECUTION.set(found)
    try:
        yield found
    finally:
        _EXECUTION.reset(token)


def plain(value: Any) -> Any:
    """Return a value as plain JSON, which can be stored and read back without the value's types."""
    try:
        text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    except (TypeError, ValueError):
        return str(value)[:MAX_RESULT]
    if len(text) > MAX_RESULT:
        return text[:MAX_RESULT].decode(errors="ignore") + "…"
    return orjson.loads(text)


async def carry_out(
    context: RunContext,
    action_id: str,
    action: Action,
    effect: Callable[[Execution], Awaitable[Ran]],
    call: ToolCall | None = None,
) -> Ending:
    """Claim an action, run its effect and report it. Never raises what the effect raises.

    The arguments come from the thread, since the store does not keep redacted values; the claim checks that
    they are the approved ones. Results and errors are kept and logged without copies of redacted values.

    A refused claim starts nothing, and the ending says why. After a crash between the effect and the report,
    an idempotent kind runs again under the same key; the receipt of any other kind is unknown.

    `call` is the tool call that carries out the effect: the tool may start once, for that call alone. Without
    it, any tool of the action's kind may start once.
    """
    try:
        claim = await context.reach(context.membrane.claims.start(action_id, action, rerun=True))
    except ClaimRefused as refused:
        return await _refused(context, action_id, refused)
    permit = Permit(claim.action, call["name"], call["id"]) if call else Permit(claim.action)
    with _running(claim, action) as run, context.permits.issued(permit):
        ran = await _run(claim, run, effect)
    await _report(context, claim.action, ran, action.args)
    if not ran.executed:
        return Ending(Receipt.FAILED, f"it failed: {ran.detail}", ran=ran)
    return Ending(Receipt.EXECUTED, "executed", ran.result, ran)


async def _run(claim: Claim, run: Execution, effect: Callable[[Execution], Awaitable[Ran]]) -> Ran:
    try:
        return await effect(run)
    except GraphBubbleUp:
        if claim.action.ruling.idempotent:
            raise
        # Its node will run again from the top, but the claim is used up: it could never finish.
        return Ran(
            executed=False,
            detail=f"the effect of {run.kind} asked a question of its own (interrupt) after it had started; "
            "move the question out of it, or declare the kind `idempotent: true`",
        )
    except Exception as error:
        # The message and the causes may hold redacted values.
        trace = None if claim.action.ruling.redact else error
        name = type(error).__name__
        log.warning("an effect raised", kind=run.kind, action=run.action_id, error=name, exc_info=trace)
        return Ran(executed=False, detail=f"{type(error).__name__}: {error}")


async def _report(context: RunContext, record: ActionRecord, ran: Ran, args: Mapping[str, Any]) -> None:
    paths = record.ruling.redact
    detail, result = scrub(ran.detail, args, paths), scrub(ran.result, args, paths)
    try:
        await context.reach(
            context.membrane.reports.record(record.id, executed=ran.executed, detail=detail, result=result)
        )
    except ReportRefused as refused:
        # It took longer than the kind's report_within. The receipt in the store stands.
        log.warning("a report came too late", action=record.id, why=str(refused))


async def _refused(context: RunContext, action_id: str, refused: ClaimRefused) -> Ending:
    standing = await context.reach(context.membrane.proposals.standing(action_id))
    state = standing.action.state
    asked_again = state in ASKED
    if asked_again or refused.reason in {Refusal.LAPSED, Refusal.TIGHTENED, Refusal.FROZEN}:
        return Ending(None, str(refused))
    if refused.reason is Refusal.ALREADY_CLAIMED:
        return _earlier(standing)
    if refused.reason is Refusal.ARGS_CHANGED:
        return Ending(Receipt.DENIED, str(refused))
    return Ending(Receipt.DENIED, verdict(standing, standing.decided))


def _earlier(standing: Standing) -> Ending:
    """Return how an earlier attempt ended, as far as is known."""
    action = standing.action
    if action.state is ActionState.EXECUTED:
        return Ending(Receipt.EXECUTED, "executed", action.result)
    if action.state is ActionState.FAILED:
        return Ending(Receipt.FAILED, f"it failed: {action.detail}")
    return Ending(Receipt.UNKNOWN, NOT_KNOWN)
