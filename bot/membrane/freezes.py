"""Freeze and thaw: an operator's stop button.

A freeze is a row. Every pass, claim and start of a hosted thread looks at the freezes in its own transaction,
so one holds from the instant in which its row is there, whether the bot wrote it or a command beside it. The
sweep tells the admins, has cards drawn again, and lets pass what waited for the thaw.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.domain.freezing import EVERYTHING, Freeze, covering
from bot.domain.notices import Notice, Subject
from bot.domain.record import ActionRecord
from bot.domain.states import ActionState
from bot.errors import BadAction, ClaimRefused, NotFound, Refusal
from bot.membrane.admins import Admins
from bot.membrane.changes import redraw, settle_interrupt
from bot.membrane.core import Core, freeze_of, new_id, the_action
from bot.store import actions, freezes, threads
from bot.store.database import Database, Transaction
from bot.store.freezes import FROZEN, THAWED, Borne

MOST_NAME = 200
MOST_WHY = 500
LONGEST_S = 10 * 366 * 86_400.0
"""Seconds that a freeze with an end lasts at most: one that is to last for longer needs no end."""
ITS_TIME = "its time"
"""Who thaws a freeze that has an end."""


def check_not_frozen(tx: Transaction, action: ActionRecord, now: float) -> None:
    """Raise ClaimRefused where a freeze holds an action."""
    if freeze := freeze_of(tx.connection, tx.freezes(), Borne.of(action), now):
        raise ClaimRefused(
            Refusal.FROZEN,
            f"{freeze}. What was decided stays, and counts again at the thaw",
            retry_after=freeze.retry_after(now),
        )


@dataclass(frozen=True, slots=True)
class Freezes:
    """The use cases of an operator. They need the database alone, so a command runs them beside the bot."""

    db: Database
    clock: Callable[[], float] = time.time

    async def freeze(self, name: str, *, why: str, by: str, until: float | None = None) -> Freeze:
        """Freeze an agent, a kind or a graph of this name, or EVERYTHING. It holds when this returns.

        A name that is frozen already is frozen once more: the longer one counts, and a thaw ends both. Raises
        BadAction for an empty name or reason, or an end in the past or beyond LONGEST_S.
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
        """End every freeze of this name, and return them. Raises NotFound where there is none."""
        name = _name(name)

        def work(tx: Transaction) -> list[Freeze]:
            now = self.clock()
            return [each for each in tx.freezes() if each.name == name and _thaw(tx, each, by, now)]

        ended = await self.db.write(work)
        if not ended:
            raise NotFound(f"nothing named {name!r} is frozen; `membrane freeze --list` says what is")
        return ended

    async def listed(self, *, everything: bool = False) -> list[Freeze]:
        """Return the freezes that hold now, or all there ever were."""
        now = self.clock()
        found = await self.db.read(freezes.listed)
        return [each for each in found if everything or each.holds(now)]


def _name(given: str) -> str:
    """Return the name that is meant: somebody who shouts ALL means everything."""
    name = given.strip()
    return EVERYTHING if name.casefold() == EVERYTHING else name


def _thaw(tx: Transaction, freeze: Freeze, by: str, now: float) -> bool:
    if not freezes.thaw(tx.connection, freeze, by, now):
        return False
    tx.freezes_changed()
    tx.journal(now, "freeze.ended", {"freeze": freeze.id, "name": freeze.name, "by": by})
    return True


class FreezeEffects:
    """The sweep that follows up on freezes, whoever made them."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins
        self._seen: tuple[Freeze, ...] = ()

    def frozen(self, *names: str) -> Freeze | None:
        """Return the freeze that the last sweep saw of something that bears these names. Asks no database."""
        return covering(self._seen, names, self._core.clock())

    async def follow_up(self) -> int:
        """End the freezes whose time is over, tell of what is new, let pass what is thawed."""
        core = self._core
        now = core.clock()
        live, news, held = await core.db.read(
            lambda connection: (
                freezes.unthawed(connection),
                freezes.untold(connection),
                bool(freezes.held(connection)),
            )
        )
        self._seen = live
        over = [each for each in live if not each.holds(now)]
        if not (over or news or held):
            return 0
        recipients = await self._admins.recipients() if over or news else []
        moved = await core.db.write(lambda tx: self._follow_up(tx, recipients))
        for action_id in moved:
            core.wakeups.moved(action_id)
        core.wakeups.ring()
        return len(news)

    async def held_up(self, names: Collection[str]) -> Freeze | None:
        """Return the freeze, if any, that holds one of these agents, kinds and graphs now."""
        live = await self._core.db.read(freezes.unthawed)
        return covering(live, tuple(names), self._core.clock())

    def _follow_up(self, tx: Transaction, recipients: list[str]) -> list[str]:
        core = self._core
        now = core.clock()
        for freeze in tx.freezes():
            if not freeze.holds(now):
                _thaw(tx, freeze, ITS_TIME, now)
        news = [
            (freeze, what)
            for freeze, what in freezes.untold(tx.connection)
            if freezes.told(tx.connection, freeze, what)
        ]
        for freeze, what in news:
            self._admins.want(tx, recipients, _notice(freeze, what))
        if news:
            changed = [freeze for freeze, _ in news]
            for borne in freezes.shown(tx.connection):
                if _names(tx.connection, changed, borne):
                    redraw(tx, borne.action_id, now)
        return [borne.action_id for borne in freezes.held(tx.connection) if self._let_pass(tx, borne, now)]

    def _let_pass(self, tx: Transaction, borne: Borne, now: float) -> bool:
        """Let an action pass that would have passed before, unless something holds it still."""
        if freeze_of(tx.connection, tx.freezes(), borne, now):
            return False
        action = the_action(tx.connection, borne.action_id)
        actions.move(tx.connection, action, ActionState.PASSED, at=now)
        tx.journal(now, "action.thawed", {}, action_id=action.id, tier=action.tier)
        if action.interrupt_id is not None:
            settle_interrupt(tx, action.interrupt_id, now)
        return True


def _names(connection: Connection, changed: Iterable[Freeze], borne: Borne) -> bool:
    """Whether one of these freezes, in force or not, bears a name of an action."""
    thread = threads.get(connection, borne.thread_id) if borne.thread_id is not None else None
    names = {EVERYTHING, borne.agent, borne.kind, thread.graph if thread else None}
    return any(freeze.name in names for freeze in changed)


def _notice(freeze: Freeze, what: str) -> Notice:
    where, about = f"{freeze.name}, in the bot's own store", f"{freeze.id} {what}"
    if what == FROZEN:
        words = (
            f"🧊 Now {freeze}. Nothing of it passes, is claimed or is started. Votes count, and windows "
            "go on."
        )
        todo = f"End it when it is over: membrane thaw {freeze.name}"
        return Notice(Subject.FROZEN, words, where, todo, about)
    assert what == THAWED
    words = f"{freeze.name} is thawed by {freeze.thawed_by}; it was frozen by {freeze.by}: {freeze.why}."
    return Notice(Subject.THAWED, words, where, "Nothing. What waited for it goes on.", about)
