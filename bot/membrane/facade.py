"""The membrane: every use case behind one name."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.domain.action import Action
from bot.domain.digest import Keyring
from bot.domain.policy import Policy
from bot.domain.ruling import Ruling
from bot.membrane.admins import Admins
from bot.membrane.auditing import Auditing
from bot.membrane.bells import Bells
from bot.membrane.core import Core, Directory, Ids
from bot.membrane.digesting import Digesting
from bot.membrane.executing import Executing
from bot.membrane.freezing import Freezes, Freezing
from bot.membrane.guarding import Guarding
from bot.membrane.hosting import Hosting
from bot.membrane.intake import Intake
from bot.membrane.interrupts import Interrupts
from bot.membrane.judging import Judging
from bot.membrane.outbox import Outbox
from bot.membrane.pointing import PointedPeople, Pointing
from bot.membrane.proposals import Proposals
from bot.membrane.queueing import Queueing
from bot.membrane.resealing import Resealing
from bot.membrane.resolving import Resolving
from bot.membrane.restoring import Restoring
from bot.membrane.scrubbing import Scrubbing
from bot.membrane.stalling import Stalling
from bot.membrane.sweeping import Sweeping
from bot.membrane.timekeeping import Timekeeping
from bot.membrane.tokens import Tokens
from bot.membrane.vault import Vault
from bot.store import actions, digests, facts, messages, reviews, threads
from bot.store.database import Database, Transaction


class Membrane:
    """What agents, reviewers, the clock, the graph host and the courier ask, each in an object of its own.

    `policy` returns the policy in force. `secret` keys the args digests: one secret, or a ring of the one in
    use and older ones. `intake` bounds what agents store. `clock` returns seconds since the epoch, UTC.
    """

    def __init__(
        self,
        db: Database,
        policy: Callable[[], Policy],
        people: Directory,
        *,
        secret: bytes | Keyring,
        bells: Bells | None = None,
        clock: Callable[[], float] = time.time,
        ids: Callable[[str], str] | None = None,
        intake: Intake | None = None,
    ) -> None:
        ring = secret if isinstance(secret, Keyring) else Keyring.of(secret)
        self.people = people = PointedPeople(people, policy, db)
        self._core = core = Core(
            db, policy, people, ring, bells or Bells(), clock, ids or Ids().new, intake=intake or Intake()
        )
        self.bells = core.bells
        self.admins = Admins(core)
        self.pointing = Pointing(core, self.admins)
        self.outbox = Outbox(core)
        self.tokens = Tokens(db, clock)

        proposals = Proposals(core)
        self.propose, self.propose_together = proposals.propose, proposals.propose_together
        self.check_fit = proposals.check_fit
        self.standing = proposals.standing
        self.listed = proposals.listed
        self.lines = proposals.lines
        self.lines_of = proposals.lines_of
        self.wait = proposals.wait
        self.withdraw = proposals.withdraw

        judging = Judging(core)
        self.vote = judging.vote
        self.may_vote = judging.may_vote
        self.may_look = judging.may_look
        self.acknowledge = judging.acknowledge
        self.saw = judging.saw
        self.standing_of_review = judging.standing_of_review

        executing = Executing(core)
        self.claim, self.hold_back = executing.claim, executing.hold_back
        self.report = executing.report

        resolving = Resolving(core)
        self.resolve_unknown = resolving.resolve_unknown
        self.unknown_receipt = resolving.unknown_receipt
        self.may_have_run = resolving.may_have_run
        self.restoring = Restoring(core, self.admins)
        self.not_known = resolving.not_known

        sweeping = Sweeping(core, self.admins)
        self.expire_due = sweeping.expire_due
        self.page_due = sweeping.page_due
        self.digest_due = Digesting(core).digest_due
        self.unknown_due = sweeping.unknown_due

        self.freezes = Freezes(db, clock)
        freezing = Freezing(core, self.admins)
        self.freezes_due, self.frozen = freezing.freezes_due, freezing.frozen
        self.held_up = freezing.held_up

        self.reseal = Resealing(core).reseal

        self.timekeeping = Timekeeping(core, self.admins)
        self.audit = Auditing(core, self.admins, self.timekeeping).audit

        self._host(core)

    def _host(self, core: Core) -> None:
        """Bind what the graph host asks."""
        self.guarding = Guarding(core, self.admins)

        hosting = Hosting(core)
        self.start_thread = hosting.start_thread
        self.thread, self.threads = hosting.thread, hosting.threads
        self.wait_thread = hosting.wait_thread
        self.unsettled_threads = hosting.unsettled_threads
        self.thread_state = hosting.thread_state
        self.due = hosting.due
        self.release = hosting.release
        self.take_up = hosting.take_up
        self.finished = hosting.finished

        stalling = Stalling(core)
        self.stall = stalling.stall
        self.stall_of = stalling.stall_of
        self.due_again = stalling.due_again
        self.begin_again = stalling.begin_again
        self.answer_in = stalling.answer_in
        self.request_done = stalling.request_done
        self.tell_requesters = stalling.tell_requesters

        interrupts = Interrupts(core)
        self.park = interrupts.park
        self.interrupts_of = interrupts.interrupts_of
        self.actions_of = interrupts.actions_of
        self.asked_by = interrupts.asked_by
        self.asked_in = interrupts.asked_in
        self.delivered = interrupts.delivered
        self.vanished = interrupts.vanished
        self.ended = interrupts.ended
        self.open_queued = Queueing(core).open_queued

    def vault(self, purpose: str) -> Vault:
        """Return what seals values of one purpose, under a key of its own."""
        return Vault(self._core.keyring, purpose)

    async def scrubbed(self, thread_id: str, words: str) -> str:
        """Return words about a thread as they may be kept, logged and shown: without redacted values."""
        return await Scrubbing(self._core).of_thread(thread_id, words)

    async def cutter(self, thread_id: str) -> Callable[[str], str]:
        """Return what cuts redacted values of a thread's actions, as they are now, out of what it prints."""
        return await Scrubbing(self._core).cutter(thread_id)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._core.policy()

    def rule(self, action: Action) -> Ruling:
        """Return what the policy in force says of an action. Records nothing."""
        return self._core.policy().rule(action)

    def digest_of(self, action: Action) -> str:
        """Return the keyed args digest of an action."""
        return self._core.digest_of(action)

    def digest_fits(self, digest: str, action: Action) -> bool:
        """Whether an args digest, also one of an earlier release or secret, is of this action."""
        return self._core.digest_fits(digest, action)

    async def open_reviews(self) -> int:
        """Return how many reviews are pending."""
        return await self._core.db.read(reviews.open_count)

    async def queued_actions(self) -> int:
        """Return how many actions wait for a place among the open reviews of their agent."""
        return await self._core.db.read(actions.queued_count)

    async def take_over(self) -> None:
        """Take what an earlier process was sending and running: nobody else has this database open.

        Without it, what a killed bot was sending when it died would wait until its lease ends, and what had
        been put off, for as long as the machine's clock was set back meanwhile.
        """

        def work(tx: Transaction) -> None:
            messages.free_all(tx.connection, self._core.clock())
            threads.free_all(tx.connection)

        await self._core.db.write(work)

    async def policy_in_force(self, version: str, source: str) -> None:
        """Keep the text of a policy that came into force, and say so in the journal."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            digests.keep_policy(tx.connection, version, source, now)
            facts.set_fact(tx.connection, digests.IN_FORCE, version)
            digests.use_allowance(tx.connection, version)
            tx.journal(now, "policy.in_force", {"version": version})

        await core.db.write(work)

    async def policy_allowed(self) -> str | None:
        """Return the version of the policy that somebody allowed though it is looser, or None."""
        return await self._core.db.read(digests.policy_allowed)
