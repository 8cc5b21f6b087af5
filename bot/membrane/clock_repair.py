"""Repair deadlines that a clock set ahead has put off: on start, and at intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from bot.domain.future_instants import FAR_S, pulled_back
from bot.domain.notices import Notice, Subject
from bot.membrane.admins import Admins
from bot.membrane.core import Core, the_action
from bot.store import instants, redraws, reviews
from bot.store.database import Transaction
from bot.store.instants import SOON_S

BATCH = 500
"""Maximum number of reviews in one transaction."""
TOLD_S = 86_400.0
"""Seconds for which health reports a repair."""


@dataclass(slots=True)
class _Pulled:
    """How many rows were repaired, by kind."""

    counts: dict[str, int] = field(default_factory=dict)

    def add(self, what: str, count: int = 1) -> None:
        if count:
            self.counts[what] = self.counts.get(what, 0) + count

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))


class ClockRepair:
    """The use case of a clock that was ahead. It remembers its last repair for health."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins
        self._thorough = True
        self._last: tuple[float, str] | None = None

    async def pull_back(self) -> int:
        """Move impossibly late deadlines back to their windows, tell the admins, return how many there were.

        A review's window counts from when it opened, or from now if that lies in the future.
        """
        core, pulled = self._core, _Pulled()
        now, thorough = core.clock(), self._thorough
        if thorough:  # after the start, the auditor checks every pending review in turn
            await self._reviews(pulled)
        await self._reports(pulled, SOON_S if not thorough else FAR_S)

        def work(tx: Transaction) -> dict[str, int]:
            found = instants.pull_back(tx.connection, now=now, far=now + FAR_S, thorough=thorough)
            if found:
                tx.journal(now, "clock.pulled_back", found)
            return found

        for what, count in (await core.db.write(work)).items():
            pulled.add(what, count)
        self._thorough = False
        if pulled.counts:
            self._last = (now, str(pulled))
            await self._admins.tell(
                Notice(
                    Subject.CLOCK_PULLED_BACK,
                    "The machine's clock was ahead and put off deadlines. They were moved back to their "
                    f"windows: {pulled}. Decisions and pages made while the clock was wrong stay as they "
                    "are.",
                    where="the machine that the bot runs on",
                    todo="Check the machine's time service.",
                )
            )
            core.wakeups.wake()
        return sum(pulled.counts.values())

    async def _reviews(self, pulled: _Pulled) -> None:
        core, after = self._core, ""
        while True:
            now = core.clock()
            query = partial(instants.suspects, after=after, far=now + FAR_S, now=now, most=BATCH)
            ids = await core.db.read(query)
            if not ids:
                return
            after = ids[-1]
            pulled.add("reviews", await core.db.write(partial(self._repair_all, ids)))

    async def repair(self, review_id: str) -> bool:
        """Move one review's deadlines back to its window. False if they are right, or it is decided."""
        return await self._core.db.write(partial(self._repair_all, [review_id])) > 0

    def _repair_all(self, ids: Sequence[str], tx: Transaction) -> int:
        return sum(self._repair(tx, each) for each in ids)

    def _repair(self, tx: Transaction, review_id: str) -> bool:
        now = self._core.clock()
        review = reviews.get(tx.connection, review_id)
        if review is None:
            return False
        repaired = pulled_back(review, now)
        if repaired == review or not instants.repair(tx.connection, repaired):
            return False
        redraws.touch(tx.connection, review.id, now=now)
        body = {
            "opened_at": [review.opened_at, repaired.opened_at],
            "shown_at": [review.shown_at, repaired.shown_at],
            "expires_at": [review.expires_at, repaired.expires_at],
            "next_page_at": [review.next_page_at, repaired.next_page_at],
            "overdue_at": [review.overdue_at, repaired.overdue_at],
        }
        tx.journal(now, "review.pulled_back", body, action_id=review.action_id, review_id=review.id)
        return True

    async def _reports(self, pulled: _Pulled, far_s: float) -> None:
        """Give claims dated in the future their kind's own report time, counted from now."""
        core = self._core

        def work(tx: Transaction) -> int:
            now, count = core.clock(), 0
            for each in instants.unreported(tx.connection, now + far_s, BATCH):
                action = the_action(tx.connection, each.action_id)
                claimed = min(each.claimed_at, now)
                latest = claimed + action.ruling.report_within_s
                if each.report_by <= latest + FAR_S:
                    continue
                instants.await_report(tx.connection, each.key, claimed_at=claimed, report_by=latest)
                body = {"report_by": [each.report_by, latest]}
                tx.journal(now, "action.pulled_back", body, action_id=action.id, tier=action.tier)
                count += 1
            return count

        pulled.add("claims", await core.db.write(work))

    async def status(self) -> str | None:
        """Return what was repaired within the last day, in a few words; None if nothing was."""
        if self._last is None or self._core.clock() - self._last[0] > TOLD_S:
            return None
        return f"the machine's clock was ahead; deadlines moved back: {self._last[1]}"
