"""The membrane: every use case behind one name."""

from __future__ import annotations

import time
from collections.abc import Callable

from bot.domain.action import Action
from bot.domain.digest import Keyring
from bot.domain.policy import Policy
from bot.domain.ruling import Ruling
from bot.membrane.admins import Admins
from bot.membrane.auditor import Auditor
from bot.membrane.claims import Claims
from bot.membrane.clock_repair import ClockRepair
from bot.membrane.core import Core, Directory, Ids
from bot.membrane.deadlines import Deadlines
from bot.membrane.digests import Digests
from bot.membrane.freeze_effects import FreezeEffects
from bot.membrane.freezes import Freezes
from bot.membrane.guard_log import GuardLog
from bot.membrane.interrupts import Interrupts
from bot.membrane.outbox import Outbox
from bot.membrane.pointers import ReplacementDirectory, StrandedReviews
from bot.membrane.proposals import Proposals
from bot.membrane.queue import Queue
from bot.membrane.quotas import Quotas
from bot.membrane.reports import Reports
from bot.membrane.restores import Restores
from bot.membrane.scrubber import Scrubber
from bot.membrane.seals import Seals
from bot.membrane.stalls import Stalls
from bot.membrane.threads import Threads
from bot.membrane.tokens import Tokens
from bot.membrane.unknowns import Unknowns
from bot.membrane.vault import Vault
from bot.membrane.votes import Votes
from bot.membrane.wakeups import Wakeups
from bot.store import (
    facts,
    messages,
    policies,
    queued_actions,
    review_counts,
    threads,
)
from bot.store.database import Database, Transaction


class Membrane:
    """Every use case, in one object for each subject.

    `policy` returns the policy in force. `secret` keys the args digests: one secret, or a ring of the current
    one and older ones. `quotas` bounds what agents store. `clock` returns seconds since the epoch, UTC.
    """

    def __init__(
        self,
        db: Database,
        policy: Callable[[], Policy],
        people: Directory,
        *,
        secret: bytes | Keyring,
        wakeups: Wakeups | None = None,
        clock: Callable[[], float] = time.time,
        ids: Callable[[str], str] | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        ring = secret if isinstance(secret, Keyring) else Keyring.of(secret)
        self.people = people = ReplacementDirectory(people, policy, db)
        self._core = core = Core(
            db, policy, people, ring, wakeups or Wakeups(), clock, ids or Ids().new, quotas=quotas or Quotas()
        )
        self.wakeups = core.wakeups
        self.admins = admins = Admins(core)
        self.outbox = Outbox(core)
        self.tokens = Tokens(db, clock)
        # For agents and reviewers.
        self.proposals = Proposals(core)
        self.votes = Votes(core)
        self.claims = Claims(core)
        self.reports = Reports(core)
        self.unknowns = Unknowns(core)
        # For the clock.
        self.deadlines = Deadlines(core, admins)
        self.digests = Digests(core)
        self.queue = Queue(core)
        self.clock_repair = ClockRepair(core, admins)
        self.auditor = Auditor(core, admins, self.clock_repair)
        # For operators.
        self.freezes = Freezes(db, clock)
        self.freeze_effects = FreezeEffects(core, admins)
        self.stranded_reviews = StrandedReviews(core, admins)
        self.restores = Restores(core, admins)
        self.seals = Seals(core)
        # For the graph host.
        self.threads = Threads(core)
        self.interrupts = Interrupts(core)
        self.stalls = Stalls(core)
        self.guard_log = GuardLog(core, admins)
        self.scrubber = Scrubber(core)

    def vault(self, purpose: str) -> Vault:
        """Return the vault that seals the values of one purpose, under a key of its own."""
        return Vault(self._core.keyring, purpose)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._core.policy()

    def rule(self, action: Action) -> Ruling:
        """Return the ruling of the policy in force on an action. Records nothing."""
        return self._core.policy().rule(action)

    def digest_of(self, action: Action) -> str:
        """Return the keyed args digest of an action."""
        return self._core.digest_of(action)

    def digest_fits(self, digest: str, action: Action) -> bool:
        """Whether an args digest is of this action, also under an older secret or digest version."""
        return self._core.digest_fits(digest, action)

    async def open_reviews(self) -> int:
        """Return how many reviews are pending."""
        return await self._core.db.read(review_counts.pending)

    async def queued_actions(self) -> int:
        """Return how many actions wait for a place among the open reviews of their agent."""
        return await self._core.db.read(queued_actions.count)

    async def take_over(self) -> None:
        """Take over what an earlier process was sending and running. No other process has this database open.

        Without this, messages that a killed bot was sending would wait for its lease to end. If the machine's
        clock was set back meanwhile, postponed messages would be late by as much.
        """

        def work(tx: Transaction) -> None:
            messages.free_all(tx.connection, self._core.clock())
            threads.free_all(tx.connection)

        await self._core.db.write(work)

    async def put_in_force(self, version: str, source: str) -> None:
        """Store the text of a policy that comes into force, and journal it."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            policies.keep(tx.connection, version, source, now)
            facts.set_fact(tx.connection, policies.IN_FORCE, version)
            policies.use_allowance(tx.connection, version)
            tx.journal(now, "policy.in_force", {"version": version})

        await core.db.write(work)

    async def policy_allowed(self) -> str | None:
        """Return the version of a looser policy that somebody has allowed, or None."""
        return await self._core.db.read(policies.allowed)
