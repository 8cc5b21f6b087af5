"""Opens the reviews of queued actions as their agent gets free places.

An action is queued if its agent is at the policy's cap of open reviews. Nothing polls for it: a pass reads,
by index, which agents have queued actions and a free place. The graph host makes a pass when it starts and
whenever it is woken, as it is by every closed review.
"""

from __future__ import annotations

from functools import partial

from bot.domain.record import ActionRecord
from bot.domain.reruling import says_more, strictest
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState, InterruptState
from bot.membrane import remembered_outcomes
from bot.membrane.caps import free_places
from bot.membrane.changes import open_review
from bot.membrane.core import Core, the_action
from bot.membrane.rerulings import rule_now
from bot.membrane.thread_changes import settle_interrupt
from bot.store import actions, equal_actions, interrupts, queued_actions
from bot.store.database import Transaction

MOST_AT_ONCE = 20
"""Maximum number of an agent's reviews that one transaction opens; the next pass goes on."""


class Queue:
    """The use case of opening queued reviews."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def open_next(self) -> int:
        """Open reviews of queued actions while their agents have free places.

        Returns how many actions left the queue.
        """
        core = self._core
        agents = await core.db.read(
            lambda connection: [
                agent
                for agent in queued_actions.agents(connection)
                if free_places(core, connection, agent, core.clock())
            ]
        )
        moved = 0
        for agent in agents:
            moved += await core.db.write(partial(self._open, agent=agent))
        if moved:
            core.wakeups.wake()
        return moved

    def _open(self, tx: Transaction, agent: str) -> int:
        places, moved = free_places(self._core, tx.connection, agent, self._core.clock()), 0
        for action in queued_actions.of_agent(tx.connection, agent, MOST_AT_ONCE):
            if not places:
                break
            places -= self._take(tx, action)
            moved += 1
        return moved

    def _take(self, tx: Transaction, action: ActionRecord) -> int:
        """Ask people about an action, or answer it from memory. Return how many places that takes: 1 or 0."""
        core, now = self._core, self._core.clock()
        asked = (tx.connection, action.agent, [action.args_digest], core.policy().limits, now)
        earlier = remembered_outcomes.rejection(*asked) or remembered_outcomes.expiry(*asked)
        if earlier is not None:
            equal_actions.remember(
                tx.connection, action.id, earlier.action_id, earlier.state, at=now, detail=earlier.why
            )
            body = {"remembers": earlier.action_id, "tier": int(action.tier)}
            tx.journal(now, "action.remembered", body, action_id=action.id, tier=action.tier)
            if action.interrupt_id is not None:
                settle_interrupt(tx, action.interrupt_id, now)
            return 0
        ruling = self._ruling_of(action)
        actions.move(tx.connection, action, ActionState.WAITING, at=None)
        if ruling is not action.ruling:
            actions.rerule(tx.connection, action.id, ruling)
        put, interrupt_id = the_action(tx.connection, action.id), _waits_at(tx, action)
        open_review(core, tx, put, ruling, now, interrupt_id=interrupt_id)
        return 1

    def _ruling_of(self, action: ActionRecord) -> Ruling:
        """Return the stricter of the action's own ruling and that of the policy in force."""
        then = action.ruling
        present = rule_now(self._core, action, then, None)
        return then if present is None or says_more(then, present) is None else strictest(then, present)


def _waits_at(tx: Transaction, action: ActionRecord) -> str | None:
    """Return the interrupt that the review will answer; None if its thread is not parked at one yet.

    A gate that asks again parks after its action was queued.
    """
    interrupt = interrupts.get(tx.connection, action.interrupt_id) if action.interrupt_id else None
    return interrupt.id if interrupt is not None and interrupt.state is InterruptState.WAITING else None
