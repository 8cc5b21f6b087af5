"""Freeze and thaw: an operator's stop button.

A freeze is a row. Every pass, claim and start of a hosted thread reads the freezes in its own transaction. A
freeze therefore holds from the instant its row is committed, by the bot or by a command beside it.
`FreezeEffects` does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bot.domain.freezing import EVERYTHING, Freeze
from bot.domain.record import ActionRecord
from bot.errors import BadAction, ClaimRefused, NotFound, Refusal
from bot.membrane.core import freeze_of, new_id
from bot.store import freezes
from bot.store.database import Database, Transaction
from bot.store.freezes import Borne

MOST_NAME = 200
MOST_WHY = 500
LONGEST_S = 10 * 366 * 86_400.0
"""Maximum length of a freeze with an end, in seconds. A longer one needs no end."""


def check_not_frozen(tx: Transaction, action: ActionRecord, now: float) -> None:
    """Raise ClaimRefused if a freeze holds an action."""
    if freeze := freeze_of(tx.connection, tx.freezes(), Borne.of(action), now):
        raise ClaimRefused(
            Refusal.FROZEN,
            f"{freeze}. Decisions stay and count again at the thaw",
            retry_after=freeze.retry_after(now),
        )


@dataclass(frozen=True, slots=True)
class Freezes:
    """The use cases of an operator. They need only the database, so a command can run beside the bot."""

    db: Database
    clock: Callable[[], float] = time.time

    async def freeze(self, name: str, *, why: str, by: str, until: float | None = None) -> Freeze:
        """Freeze the agent, kind or graph of this name, or EVERYTHING. The freeze holds when this returns.

        A name can be frozen twice: the longer freeze counts, and a thaw ends both. Raises BadAction for an
        empty or too long name or reason, and for an end in the past or beyond LONGEST_S.
        """
        now = self.clock()
        name, why = _name(name), why.strip()
        if not 0 < len(name) <= MOST_NAME:
            raise BadAction(f"a freeze needs the name of an agent, a kind or a graph, or {EVERYTHING}")
        if not 0 < len(why) <= MOST_WHY:
            raise BadAction(f"a freeze needs a reason of at most {MOST_WHY} characters: everybody reads it")
        if until is not None and until <= now:
            raise BadAction("a freeze cannot end in the past")
        if until is not None and until > now + LONGEST_S:
            raise BadAction("a freeze ends within ten years; leave `until` out for one without an end")
        made = Freeze(new_id("frz"), name, why, by, now, until)

        def work(tx: Transaction) -> None:
            freezes.insert(tx.connection, made)
            tx.freezes_changed()
            body = {"freeze": made.id, "name": name, "why": why, "by": by, "until": until}
            tx.journal(now, "freeze.began", body)

        await self.db.write(work)
        return made

    async def thaw(self, name: str, *, by: str) -> list[Freeze]:
        """End every freeze of this name and return them. Raises NotFound if there is none."""
        name = _name(name)

        def work(tx: Transaction) -> list[Freeze]:
            now = self.clock()
            return [each for each in tx.freezes() if each.name == name and end_freeze(tx, each, by, now)]

        ended = await self.db.write(work)
        if not ended:
            raise NotFound(f"nothing named {name!r} is frozen; `membrane freeze --list` says what is")
        return ended

    async def listed(self, *, everything: bool = False) -> list[Freeze]:
        """Return the freezes that hold now; with `everything`, those that have ended too."""
        now = self.clock()
        found = await self.db.read(freezes.listed)
        return [each for each in found if everything or each.holds(now)]


def _name(given: str) -> str:
    """Return the name without spaces around it; ALL in any case means everything."""
    name = given.strip()
    return EVERYTHING if name.casefold() == EVERYTHING else name


def end_freeze(tx: Transaction, freeze: Freeze, by: str, now: float) -> bool:
    """End a freeze. False if it has ended already."""
    if not freezes.thaw(tx.connection, freeze, by, now):
        return False
    tx.freezes_changed()
    tx.journal(now, "freeze.ended", {"freeze": freeze.id, "name": freeze.name, "by": by})
    return True
