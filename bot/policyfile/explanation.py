"""A ruling explained for an admin: every rule and its reason, who is asked, until when, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain.action import Action
from bot.domain.change import delay_text, repeat_text
from bot.domain.durations import as_written, in_table
from bot.domain.escalation import Chain
from bot.domain.people import OnCall, PeopleSource, UserGroup, Users
from bot.domain.policy import Policy
from bot.domain.redaction import withheld
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling, TraceStep

_AND_THEN = {
    AbsentDefault.SAFE_HALT: "safe-halt: it is parked with its state, escalated, and can still be answered",
    AbsentDefault.ABORT: "abort: it does not happen, and the agent is told that nobody answered",
    AbsentDefault.ESCALATE: "escalate: it is overdue, and people are paged until one of them acts",
}


def explanation(policy: Policy, action: Action, ruling: Ruling, now: float) -> str:
    """Return the full ruling of an action as text. `now` selects the person on duty in a rotation."""
    kept = withheld(action, ruling.redact)
    lines = [
        f"{kept.kind} {kept.canonical.decode()}",
        f"is tier {int(ruling.tier)}, {ruling.tier.label}: {ruling.reason}",
        "",
        "Checks",
        *_trace(kept, ruling),
        "",
        *(_gated(policy, ruling, now) if ruling.tier.waits else _passing(ruling)),
        "",
        f"Its receipt is due within {as_written(ruling.report_within_s)} of the start; "
        + ("without one, it runs again." if ruling.idempotent else "without one, a person is asked."),
        f"Policy {ruling.policy_version[:19]}",
    ]
    return "\n".join(lines)


def _trace(action: Action, ruling: Ruling) -> Iterator[str]:
    width = max(len(step.name) for step in ruling.trace)
    for step in ruling.trace:
        mark = "*" if step.name == ruling.rule else "+" if step.matched else "-"
        tier = f"tier {int(step.to)}" if step.to is not None else ""
        yield f"  {mark} {step.name:<{width}}  {tier:<6}  {step.why}"
    yield from _values(action.args, ruling.trace)
    yield "  (* decided, + also holds, - does not hold)"


def _values(args: Mapping[str, Any], trace: tuple[TraceStep, ...]) -> Iterator[str]:
    """Show the arguments that the steps name, to show what was compared."""
    said = " ".join(step.why for step in trace)
    for name, value in args.items():
        if name in said:
            yield f"    {name} is {_short(json.dumps(value, ensure_ascii=False))}"


def _passing(ruling: Ruling) -> Iterator[str]:
    yield "It passes: nobody is asked, and nothing waits."
    if ruling.tier is Tier.ASYNC_REVIEW:
        yield f"It is shown afterwards, in the digest in {ruling.channel}."
    else:
        yield "It is logged."


def _gated(policy: Policy, ruling: Ruling, now: float) -> Iterator[str]:
    window = ruling.window_s or 0.0
    yield f"Who is asked: {ruling.quorum} of these, in {ruling.channel}; one rejection ends it"
    for name in ruling.approvers:
        yield f"  {name}: {_people(policy.people[name], now)}"
    keeps = as_written(ruling.valid_for_s)
    yield f"Until when: within {as_written(window)}; an approval is valid for {keeps}"
    if ruling.chain is not None:
        yield from _chain(ruling.chain, window, mandated=ruling.mandated)
    if ruling.default is not None:
        yield f"If nobody answers: {_AND_THEN[ruling.default]}"


def _chain(chain: Chain, window_s: float, *, mandated: bool) -> Iterator[str]:
    for step in sorted(chain.steps, key=lambda each: each.after.of(window_s)):
        reached = [f"page {name}" for name in step.page]
        if step.post:
            reached.append(f"post in {step.post}")
        due = step.after.of(window_s)
        share = f" ({delay_text(step.after)})" if step.after.seconds is None else ""
        never = "  never: the window is over" if due >= window_s and not mandated else ""
        yield f"  after {in_table(due)}{share}: {', '.join(reached)}{never}"
    for line in repeat_text(chain):
        yield f"  {line}: everybody again"
    yield f'  "I am on it" quiets them for {as_written(chain.ack_for_s)}, never past 80 % of the window'


def _people(source: PeopleSource, now: float) -> str:
    match source:
        case Users(ids):
            return ", ".join(ids)
        case UserGroup(group):
            return f"the members of the user group {group}"
        case OnCall(rotation):
            turn = f"now {rotation.on_call(now)}"
            return f"{turn}, in turns of {as_written(rotation.every_s)} with {', '.join(rotation.users)}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:79]}…"
