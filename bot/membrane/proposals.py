"""Propose an action, read it, wait for it, withdraw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.agent_steps import Next, step_of
from bot.domain.record import ALL, ActionLine, ActionRecord, Listing, Standing
from bot.domain.ruling import Ruling
from bot.domain.states import UNSTARTED, ActionState
from bot.errors import BadAction, BatchRefused, Conflict, MembraneError, UnfitAction
from bot.membrane.changes import withdraw_action
from bot.membrane.core import Core, standing_of, the_action
from bot.membrane.intake import Origin, record, record_passed
from bot.membrane.scrubber import Scrubber
from bot.membrane.wakeups import LOOK_AGAIN_S, wait_for
from bot.store import action_lines, actions
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
    """The use cases of an agent that proposes actions."""

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
        """Rule an action and record it; open a review if it waits. Returns once that is durable.

        `reference` is the agent's own name for it: a session, a run, a call.

        A second proposal under the same `idempotency_key` returns the first action. So does an equal proposal
        without a key while people are asked about the first.

        Raises Conflict if the key was used for another action; TooMany if the agent has too many open reviews
        or has used its storage share; DiskLow; BadAction if a hosted thread could use the key; UnfitAction if
        the policy is strict and the action does not fit its schema (the host checks its threads' actions).
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
        """Raise UnfitAction if the policy in force is strict and the action does not fit its schema."""
        policy = self._core.policy()
        if policy.strict and (misfits := policy.misfits(action)):
            raise UnfitAction(misfits)

    async def _fits_or_known(self, action: Action, key: str | None) -> Standing | None:
        """Return the action proposed before under this key, if it no longer fits the policy; else None.

        Raises UnfitAction if it does not fit and the key is new, Conflict if the key is another action's.
        """
        try:
            self.check_fit(action)
        except UnfitAction:
            if (earlier := await self._earlier(action, key)) is None:
                raise
            return earlier
        return None

    async def _unfit(self, batch: Sequence[BatchedAction]) -> dict[int, MembraneError]:
        """Return the errors of the actions that do not fit the policy, by place in the batch."""
        unfit: dict[int, MembraneError] = {}
        for place, each in enumerate(batch):
            try:
                await self._fits_or_known(each.action, each.idempotency_key)
            except (UnfitAction, Conflict) as wrong:
                unfit[place] = wrong
        return unfit

    async def propose_together(self, batch: Sequence[BatchedAction]) -> list[Standing]:
        """Propose the calls of one turn at once: all of them, or none. Their cards name each other.

        Each is ruled by itself. A call whose idempotency key was used before returns the earlier action.
        Raises BatchRefused with the faults by place, Conflict if more calls need people than the cap allows,
        TooMany if too few places are free now.
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
                f"{waiting} of these actions need approval, and the policy allows {agent} {most} open "
                "reviews at once; propose them in smaller batches"
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
        """Return the action proposed under this key, or None. Raises Conflict if that is another action."""
        earlier = actions.by_key(connection, action.agent, key) if key else None
        if earlier is None:
            return None
        if not self._core.digest_fits(earlier.args_digest, action):
            raise Conflict(f"the idempotency key {key!r} was used for another action, {earlier.id}")
        return standing_of(connection, earlier.id)

    async def standing(self, action_id: str, *, agent: str | None = None) -> Standing:
        """Return an action with its reviews. Raises NotFound, also if it is another agent's."""
        return await self._core.db.read(lambda connection: standing_of(connection, action_id, agent))

    async def listed(self, agent: str | None, *, most: int, before: str | None = None) -> list[ActionRecord]:
        """Return the newest actions of an agent (of all, if None) that are older than the id `before`."""
        return await self._core.db.read(
            lambda connection: actions.of_agent(connection, agent, most=most, before=before)
        )

    async def lines(self, agent: str, *, most: int, wanted: Listing = ALL) -> list[ActionLine]:
        """Return the newest actions of an agent that match `wanted`, one line each."""
        now = self._core.clock()
        return await self._core.db.read(
            lambda connection: action_lines.of_agent(connection, agent, most=most, now=now, wanted=wanted)
        )

    async def lines_of(self, thread_id: str) -> list[ActionLine]:
        """Return the newest actions of a thread, one line each, in the order of their proposal."""
        now = self._core.clock()
        return await self._core.db.read(
            lambda connection: action_lines.of_thread(connection, thread_id, now=now)
        )

    async def wait(self, action_id: str, timeout_s: float, *, agent: str | None = None) -> Standing:
        """Return an action once its state changes, or after `timeout_s` seconds.

        Returns at once if the agent has nothing to wait for.
        """
        ends = self._core.clock() + timeout_s
        with self._core.wakeups.watch(action_id) as changed:
            first = standing = await self.standing(action_id, agent=agent)
            while standing.action.state is first.action.state:
                now = self._core.clock()
                left = ends - now
                if left <= 0 or step_of(standing, now).next is not Next.WAIT:
                    break
                await wait_for(changed, min(left, LOOK_AGAIN_S))
                standing = await self.standing(action_id, agent=agent)
        return standing

    async def withdraw(self, action_id: str, *, why: str, agent: str | None = None) -> Standing:
        """Withdraw an action. Withdrawing it again changes nothing.

        Raises NotFound, or Conflict if it has started or ended, or a hosted thread waits for it.
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
    """Raise BadAction for an idempotency key that a hosted thread could use."""
    if (key or "").startswith(THREAD_KEY):
        raise BadAction(
            f"idempotency keys that begin with {THREAD_KEY} belong to hosted threads; choose another key"
        )


def _wrong_keys(batch: Sequence[BatchedAction]) -> dict[int, MembraneError]:
    """Return the faults of the idempotency keys of a batch, by place."""
    wrong: dict[int, MembraneError] = {}
    seen: dict[str, int] = {}
    for place, each in enumerate(batch):
        key = each.idempotency_key
        try:
            _check_key(key)
        except BadAction as bad:
            wrong[place] = bad
        if key is not None and seen.setdefault(key, place) != place:
            wrong[place] = Conflict(f"action {seen[key]} of the batch has the idempotency key {key!r}, too")
    return wrong
