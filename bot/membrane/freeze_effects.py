"""The effects of a freeze or a thaw: notices to the admins, redrawn cards, actions that pass."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from bot.domain.freezing import EVERYTHING, Freeze, covering
from bot.domain.notices import Notice, Subject
from bot.domain.states import ActionState
from bot.membrane.admins import Admins
from bot.membrane.changes import redraw
from bot.membrane.core import Core, freeze_of, the_action
from bot.membrane.freezes import end_freeze
from bot.membrane.thread_changes import settle_interrupt
from bot.store import actions, freezes, threads
from bot.store.database import Transaction
from bot.store.freezes import FROZEN, THAWED, Borne

ITS_TIME = "its time"
"""Who thaws a freeze that has reached its end."""


class FreezeEffects:
    """The sweep after a freeze or a thaw, whether the bot made it or a command."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins
        self._seen: tuple[Freeze, ...] = ()

    def find_cached(self, *names: str) -> Freeze | None:
        """Return the freeze of one of these names that the last sweep saw. Does not read the database."""
        return covering(self._seen, names, self._core.clock())

    async def follow_up(self) -> int:
        """End expired freezes, announce new ones, and let thawed actions pass. Return how many are new."""
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
        passed = await core.db.write(lambda tx: self._follow_up(tx, recipients))
        for action_id in passed:
            core.wakeups.changed(action_id)
        core.wakeups.wake()
        return len(news)

    async def find(self, names: Collection[str]) -> Freeze | None:
        """Return the freeze that holds one of these agents, kinds and graphs now, or None."""
        live = await self._core.db.read(freezes.unthawed)
        return covering(live, tuple(names), self._core.clock())

    def _follow_up(self, tx: Transaction, recipients: list[str]) -> list[str]:
        core = self._core
        now = core.clock()
        for freeze in tx.freezes():
            if not freeze.holds(now):
                end_freeze(tx, freeze, ITS_TIME, now)
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
                if _is_named(tx.connection, changed, borne):
                    redraw(tx, borne.action_id, now)
        return [borne.action_id for borne in freezes.held(tx.connection) if self._let_pass(tx, borne, now)]

    def _let_pass(self, tx: Transaction, borne: Borne, now: float) -> bool:
        """Let an action pass, unless another freeze still holds it. Return whether it passed."""
        if freeze_of(tx.connection, tx.freezes(), borne, now):
            return False
        action = the_action(tx.connection, borne.action_id)
        actions.move(tx.connection, action, ActionState.PASSED, at=now)
        tx.journal(now, "action.thawed", {}, action_id=action.id, tier=action.tier)
        if action.interrupt_id is not None:
            settle_interrupt(tx, action.interrupt_id, now)
        return True


def _is_named(connection: Connection, changed: Iterable[Freeze], borne: Borne) -> bool:
    """Whether one of these freezes, in force or not, names an action's agent, kind or graph."""
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
    return Notice(Subject.THAWED, words, where, "Nothing. Actions that waited for the thaw go on.", about)
