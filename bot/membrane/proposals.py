"""Propose, look, wait, withdraw: an action's way in."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.following import Next, follows
from bot.domain.record import EVERYTHING, ActionLine, ActionRecord, Listing, Standing
from bot.domain.review import ActionState
from bot.domain.ruling import Ruling
from bot.errors import BadAction, Conflict, UnfitAction
from bot.membrane.bells import wait_for
from bot.membrane.changes import WITHDRAWABLE, withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.recording import record, record_passed
from bot.membrane.scrubbing import Scrubbing
from bot.store import actions, lines
from bot.store.database import Transaction

LOOK_AGAIN_S = 5.0
"""How often a long poll looks by itself, as a net under the bell."""
THREAD_KEY = "thr_"
"""How the idempotency keys of hosted threads begin: with the thread's id."""


class Proposals:
    """The use cases of an action before anybody judged it."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def propose(
        self,
        action: Action,
        *,
        idempotency_key: str | None = None,
        thread_id: str | None = None,
        call_id: str | None = None,
        reference: str | None = None,
    ) -> Standing:
        """Rule an action and record it; open a review if it waits. Returns when that is durable.

        `reference` is what its agent calls it: a session, a run, a call.

        Proposing again under the same `idempotency_key` returns what the first did. Raises Conflict where
        that was another action, TooMany where the agent has too many open reviews, has stored its share or
        the disk nears its end, BadAction where the key is one that a hosted thread would use, UnfitAction
        where the policy is strict and the action does not fit it. (A hosted thread's was checked before.)
        """
        core = self._core
        if thread_id is None and (idempotency_key or "").startswith(THREAD_KEY):
            raise BadAction(
                f"idempotency keys that begin with {THREAD_KEY} belong to hosted threads; choose another key"
            )
        if thread_id is None:
            try:
                self.check_fit(action)
            except UnfitAction:
                if (earlier := await self._earlier(action, idempotency_key)) is None:
                    raise
                return earlier
        size = len(action.canonical) + len(action.description or "")
        await core.intake.admit(core.db, action.agent, size, core.clock())
        ruling = core.policy().rule(action)
        place = {
            "idempotency_key": idempotency_key,
            "thread_id": thread_id,
            "call_id": call_id,
            "reference": reference,
        }
        if not ruling.tier.waits and idempotency_key is None:
            return await core.db.append(lambda tx: record_passed(core, tx, action, ruling, **place))
        standing = await core.db.write(lambda tx: self._propose(tx, action, ruling, **place))
        if ruling.tier.waits:
            core.bells.ring(standing.action.id)
        return standing

    def check_fit(self, action: Action) -> None:
        """Raise UnfitAction where the policy in force is strict, and its schema does not take the action."""
        policy = self._core.policy()
        if policy.strict and (misfits := policy.misfits(action)):
            raise UnfitAction(misfits)

    def _propose(self, tx: Transaction, action: Action, ruling: Ruling, **place: Any) -> Standing:
        earlier = self._under_key(tx.connection, action, place["idempotency_key"])
        return earlier or record(self._core, tx, action, ruling, **place)

    async def _earlier(self, action: Action, key: str | None) -> Standing | None:
        return await self._core.db.read(lambda connection: self._under_key(connection, action, key))

    def _under_key(self, connection: Connection, action: Action, key: str | None) -> Standing | None:
        """Return what was proposed under an idempotency key. Raises Conflict where it was another action."""
        earlier = actions.by_key(connection, action.agent, key) if key else None
        if earlier is None:
            return None
        if not self._core.digest_fits(earlier.args_digest, action):
            raise Conflict(f"the idempotency key {key!r} was used for another action, {earlier.id}")
        return standing_of(connection, earlier.id)

    async def standing(self, action_id: str, *, agent: str | None = None) -> Standing:
        """Return where an action stands. Raises NotFound, also where it is another agent's."""
        return await self._core.db.read(lambda connection: standing_of(connection, action_id, agent))

    async def listed(self, agent: str | None, *, most: int, before: str | None = None) -> list[ActionRecord]:
        """Return the newest actions of an agent (of all, if None), older than the id `before`."""
        return await self._core.db.read(
            lambda connection: actions.of_agent(connection, agent, most=most, before=before)
        )

    async def lines(self, agent: str, *, most: int, wanted: Listing = EVERYTHING) -> list[ActionLine]:
        """Return the newest actions of an agent that a list wants, in short."""
        now = self._core.clock()
        return await self._core.db.read(
            lambda connection: lines.of_agent(connection, agent, most=most, now=now, wanted=wanted)
        )

    async def lines_of(self, thread_id: str) -> list[ActionLine]:
        """Return the newest actions of a thread in short, in the order in which they were proposed."""
        now = self._core.clock()
        return await self._core.db.read(lambda connection: lines.of_thread(connection, thread_id, now=now))

    async def wait(self, action_id: str, timeout_s: float, *, agent: str | None = None) -> Standing:
        """Return where an action stands once it changes, or after `timeout_s` seconds.

        One that an agent need not wait for is returned at once.
        """
        ends = self._core.clock() + timeout_s
        with self._core.bells.watch(action_id) as changed:
            first = standing = await self.standing(action_id, agent=agent)
            while standing.action.state is first.action.state:
                now = self._core.clock()
                left = ends - now
                if left <= 0 or follows(standing, now).next is not Next.WAIT:
                    break
                await wait_for(changed, min(left, LOOK_AGAIN_S))
                standing = await self.standing(action_id, agent=agent)
        return standing

    async def withdraw(self, action_id: str, *, why: str, agent: str | None = None) -> Standing:
        """Take an action back. Withdrawing it again changes nothing.

        Raises NotFound, or Conflict where it has started or ended, or a hosted thread waits for it.
        """
        core = self._core
        why = await Scrubbing(core).of_action(action_id, why)

        def work(tx: Transaction) -> Standing:
            now = core.clock()
            action = the_action(tx.connection, action_id, agent)
            if action.state is ActionState.WITHDRAWN:
                return standing_of(tx.connection, action_id)
            if action.thread_id is not None:
                raise Conflict("a hosted thread waits for this action; end or re-invoke the thread instead")
            if action.state not in WITHDRAWABLE:
                raise Conflict(f"this action is {action.state} already and cannot be withdrawn")
            withdraw_action(core, tx, action, why, now)
            return standing_of(tx.connection, action_id)

        standing = await core.db.write(work)
        core.bells.ring(action_id)
        return standing
