"""Decisions for LangChain's human in the loop, which knows only approve and reject.

If nobody answered, the host applies the absent default. Tier 3 is rejected with a text that says no person
refused it. A Tier 2 call is halted and its interrupt stays open, so it does not come here. The host claims
each approved call just before the thread resumes, and reports the result of the tool.

LangGraph saves a batched answer that does not fit the interrupt before it raises, and then every later answer
fails too. So answers are checked first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bot.domain.action import Action
from bot.domain.hosting import InterruptRecord
from bot.domain.record import Standing
from bot.domain.states import CLAIMED, RUNNABLE, STARTED, ActionState, InterruptShape
from bot.errors import ClaimRefused, GraphRefused, Refusal
from bot.graph.answer import verdict
from bot.graph.execution import NOT_KNOWN
from bot.graph.questions import requests_of
from bot.graph.stop_reasons import what_became
from bot.graph.tool_permits import Permit, Permits
from bot.membrane import Membrane

Decision = dict[str, Any]


class Lapsed(Exception):
    """A call cannot start now: people are asked (again), or it is frozen. The thread keeps waiting."""


def approve() -> Decision:
    """Return the decision that lets a call run."""
    return {"type": "approve"}


def reject(why: str) -> Decision:
    """Return the decision that keeps a call from running; the model is told why."""
    return {"type": "reject", "message": why}


def check(payload: dict[str, Any], decisions: Sequence[Decision]) -> None:
    """Raise GraphRefused unless the decisions fit a batched interrupt in number and in type."""
    requests, configs = payload["action_requests"], payload["review_configs"]
    if len(decisions) != len(requests):
        raise GraphRefused(f"{len(decisions)} decisions were made for {len(requests)} calls")
    allowed = {config.get("action_name"): config.get("allowed_decisions", ()) for config in configs}
    for request, decision in zip(requests, decisions, strict=True):
        name = request.get("name")
        if decision["type"] not in allowed.get(name, ()):
            raise GraphRefused(
                f"the graph does not let a reviewer {decision['type']} {name}; "
                f"its interrupt_on needs allowed_decisions with approve and reject"
            )


class Decider:
    """Makes the decisions of an answered interrupt, and claims what they approve."""

    def __init__(self, membrane: Membrane) -> None:
        self._membrane = membrane

    async def answer(
        self,
        record: InterruptRecord,
        standings: Sequence[Standing],
        calls: Mapping[int, Action | str],
        permits: Permits,
        *,
        unstarted: bool,
    ) -> dict[str, Any]:
        """Return the answer that resumes the thread. Raises Lapsed, or GraphRefused if it would not fit.

        `calls` are the requested calls by place, or the reason why one was not put before a person. Approved
        calls get a permit. `unstarted` says that no call which was claimed earlier can have started, because
        the interrupt still waits.
        """
        by_place = {standing.action.place or 0: standing for standing in standings}
        decisions = {place: reject(why) for place, why in calls.items() if isinstance(why, str)}
        requests = requests_of(record)
        count = len(requests)
        if record.shape is InterruptShape.HITL_BATCH:
            likely = {place: approve() for place, each in by_place.items() if each.action.state in RUNNABLE}
            check(record.payload, [likely.get(place, reject("")) for place in range(count)])
        await self._hold_back(by_place, calls)
        # The approval that lapses first is claimed first: if it is still valid, all are.
        for place in sorted(by_place, key=lambda each: by_place[each].valid_until or math.inf):
            call, standing = calls.get(place), by_place[place]
            args = call.args if isinstance(call, Action) else None
            tool, fresh = (
                str(requests[place].get("name")),
                unstarted and record.shape is InterruptShape.HITL_BATCH,
            )
            decisions[place] = await self._decide(standing, tool, args, unstarted=fresh)
            if decisions[place] == approve():
                action = standing.action
                permits.issue(Permit(action, tool, action.call_id, reports=True))
        if record.shape is InterruptShape.HITL_BATCH:
            return {
                "decisions": [
                    decisions.get(place, reject("it was not put before a person")) for place in range(count)
                ]
            }
        return decisions[0]

    async def _hold_back(self, by_place: Mapping[int, Standing], calls: Mapping[int, Action | str]) -> None:
        """Ask about every call for which the policy has become stricter since it passed. Raises Lapsed."""
        held = []
        for place, standing in by_place.items():
            call = calls.get(place)
            if isinstance(call, Action):
                held.append(await self._membrane.claims.recheck(standing, call.args))
        if whys := [why for why in held if why is not None]:
            raise Lapsed("; ".join(whys))

    async def _decide(
        self, standing: Standing, tool: str, args: Mapping[str, Any] | None, *, unstarted: bool
    ) -> Decision:
        action = standing.action
        if action.state not in RUNNABLE:
            return reject(_what_became(standing))
        if action.state is ActionState.UNKNOWN and await self._membrane.unknowns.may_have_run(action.id):
            return reject(NOT_KNOWN)
        if action.state not in CLAIMED and (kind := self._membrane.policy.kind_of_tool(tool)) != action.kind:
            why = f"the policy now maps the tool {tool} to {kind}, but this was ruled as {action.kind}"
            await self._membrane.interrupts.withdraw_call(action.id, why)
            return reject(f"{why}; propose it again")
        if unstarted and action.state in CLAIMED:
            return await self._claimed_before(standing, args)
        try:
            await self._membrane.claims.start(action.id, action.args_digest, rerun=True, args=args)
        except ClaimRefused as refused:
            if refused.reason in {Refusal.LAPSED, Refusal.TIGHTENED, Refusal.FROZEN}:
                raise Lapsed(str(refused)) from refused
            return reject(NOT_KNOWN if action.state in CLAIMED else str(refused))
        return approve()

    async def _claimed_before(self, standing: Standing, args: Mapping[str, Any] | None) -> Decision:
        """Decide on a call that was claimed for a resume that never happened.

        It cannot have started: its batch still waits, and a batch's tools start in a later step. It may start
        only if it could be claimed now.
        """
        try:
            spoiled = self._membrane.claims.why_not_start(standing, args)
        except ClaimRefused as refused:
            spoiled = str(refused)
        if spoiled is None:
            return approve()
        why = f"the bot stopped before this started, and {spoiled}; propose it again"
        await self._membrane.reports.record(standing.action.id, executed=False, detail=why)
        return reject(why)


def _what_became(standing: Standing) -> str:
    if standing.action.state in STARTED:
        return what_became(standing.action)
    return verdict(standing, standing.decided)
