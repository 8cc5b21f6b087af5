"""Propose, look, wait, withdraw: an action's way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.following import Next, follows
from bot.domain.record import ALL, ActionLine, ActionRecord, Listing, Standing
from bot.domain.ruling import Ruling
from bot.domain.states import UNSTARTED, ActionState
from bot.errors import BadAction, BatchRefused, Conflict, MembraneError, UnfitAction
from bot.membrane.changes import withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.intake import Origin, record, record_passed
from bot.membrane.scrubber import Scrubber
from bot.membrane.wakeups import LOOK_AGAIN_S, wait_for
from bot.store import actions, lines
from bot.store.database import Transaction

THREAD_KEY = "thr_"
"""Prefix of the idempotency keys of hosted threads: they begin with the thread's id."""


@dataclass(frozen=True, slots=True)
class BatchedAction:
    """One action of a batch that is proposed together."""

    action: Action
    idempotency_key: str | None = None
    reference: str | None = None


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

        Proposing again under the same `idempotency_key` returns what the first did. So does, without a key,
        an equal action while people are asked about the first. Raises Conflict where
        that was another action, TooMany where the agent has too many open reviews, has stored its share or
        the disk nears its end, BadAction where the key is one that a hosted thread would use, UnfitAction
        where the policy is strict and the action does not fit it. (A hosted thread's was checked before.)
        """
        core = self._core
        if thread_id is None:
            _check_key(idempotency_key)
            if (known := await self._fits_or_known(action, idempotency_key)) is not None:
                return known
        size = len(action.canonical) + len(action.description or "")
        await core.quotas.admit(core.db, action.agent, size, core.clock())
        ruling = core.policy().rule(action)
        origin = Origin(idempotency_key, reference, thread_id=thread_id, call_id=call_id)
        if not ruling.tier.waits and idempotency_key is None:
            return await core.db.append(lambda tx: record_passed(core, tx, action, ruling, origin))
        standing = await core.db.write(lambda tx: self._propose(tx, action, ruling, origin))
        if ruling.tier.waits:
            core.wakeups.wake(standing.action.id)
        return standing

    def check_fit(self, action: Action) -> None:
        """Raise UnfitAction where the policy in force is strict, and its schema does not take the action."""
        policy = self._core.policy()
        if policy.strict and (misfits := policy.misfits(action)):
            raise UnfitAction(misfits)

    async def _fits_or_known(self, action: Action, key: str | None) -> Standing | None:
        """Return what was proposed under a key before, where the policy takes the action no more.

        None where it fits. Raises UnfitAction where it does not, and Conflict.
        """
        try:
            self.check_fit(action)
        except UnfitAction:
            if (earlier := await self._earlier(action, key)) is None:
                raise
            return earlier
        return None

    async def _unfit(self, batch: Sequence[BatchedAction]) -> dict[int, MembraneError]:
        """Return what does not fit the policy of a batch, by place."""
        unfit: dict[int, MembraneError] = {}
        for place, each in enumerate(batch):
            try:
                await self._fits_or_known(each.action, each.idempotency_key)
            except (UnfitAction, Conflict) as wrong:
                unfit[place] = wrong
        return unfit

    async def propose_together(self, batch: Sequence[BatchedAction]) -> list[Standing]:
        """Propose the calls of one turn at once: all of them, or none. Their cards name each other.

        Each is ruled by itself, and what was proposed under an idempotency key before is answered with what
        that came to. Raises BatchRefused with what is wrong with which, Conflict where more of them wait for
        people than may at once, TooMany where too few places are free now.
        """
        core, agent = self._core, batch[0].action.agent
        if wrong := _wrong_keys(batch) or await self._unfit(batch):
            raise BatchRefused(wrong)
        size = sum(len(each.action.canonical) + len(each.action.description or "") for each in batch)
        await core.quotas.admit(core.db, agent, size, core.clock(), count=len(batch))
        ruled = [(each, core.policy().rule(each.action)) for each in batch]
        waiting = sum(ruling.tier.waits for _, ruling in ruled)
        if waiting > (most := core.policy().limits.open_per_agent):
            raise Conflict(
                f"people have to approve {waiting} of these actions, and the policy lets {most} of {agent} "
                "wait at once; propose them in smaller batches"
            )
        turn_id = core.new_id("trn") if len(batch) > 1 else None
        standings = await core.db.write(lambda tx: self._propose_all(tx, ruled, turn_id))
        if waiting:
            core.wakeups.wake()
            for standing in standings:
                core.wakeups.changed(standing.action.id)
        return standings

    def _propose_all(
        self, tx: Transaction, ruled: Sequence[tuple[BatchedAction, Ruling]], turn_id: str | None
    ) -> list[Standing]:
        made: list[Standing] = []
        faults: dict[int, MembraneError] = {}
        for number, (each, ruling) in enumerate(ruled):
            origin = Origin(each.idempotency_key, each.reference, turn_id)
            try:
                made.append(self._propose(tx, each.action, ruling, origin))
            except Conflict as conflict:
                faults[number] = conflict
        if faults:
            raise BatchRefused(faults)
        return made

    def _propose(self, tx: Transaction, action: Action, ruling: Ruling, origin: Origin) -> Standing:
        earlier = self._under_key(tx.connection, action, origin.idempotency_key)
        # Calls of one turn or of a thread, and proposals with a key, were made separately on purpose.
        merges = not (origin.idempotency_key or origin.thread_id or origin.turn_id)
        return earlier or record(self._core, tx, action, ruling, origin, merges=merges)

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

    async def lines(self, agent: str, *, most: int, wanted: Listing = ALL) -> list[ActionLine]:
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
        with self._core.wakeups.watch(action_id) as changed:
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
        why = await Scrubber(core).scrub_for_action(action_id, why)

        def work(tx: Transaction) -> Standing:
            now = core.clock()
            action = the_action(tx.connection, action_id, agent)
            if action.state is ActionState.WITHDRAWN:
                return standing_of(tx.connection, action_id)
            if action.thread_id is not None:
                raise Conflict("a hosted thread waits for this action; end or re-invoke the thread instead")
            if action.state not in UNSTARTED:
                raise Conflict(f"this action is {action.state} already and cannot be withdrawn")
            withdraw_action(core, tx, action, why, now)
            return standing_of(tx.connection, action_id)

        standing = await core.db.write(work)
        core.wakeups.wake(action_id)
        return standing


def _check_key(key: str | None) -> None:
    """Raise BadAction for an idempotency key that a hosted thread would use."""
    if (key or "").startswith(THREAD_KEY):
        raise BadAction(
            f"idempotency keys that begin with {THREAD_KEY} belong to hosted threads; choose another key"
        )


def _wrong_keys(batch: Sequence[BatchedAction]) -> dict[int, MembraneError]:
    """Return what is wrong with the idempotency keys of a batch, by place."""
    wrong: dict[int, MembraneError] = {}
    seen: dict[str, int] = {}
    for place, each in enumerate(batch):
        key = each.idempotency_key
        try:
            _check_key(key)
        except BadAction as bad:
            wrong[place] = bad
        if key is not None and seen.setdefault(key, place) != place:
            wrong[place] = Conflict(f"the idempotency key {key!r} is that of action {seen[key]}, too")
    return wrong
