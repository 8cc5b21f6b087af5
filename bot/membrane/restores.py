"""Recognises a database that was restored from a backup, and keeps its actions from running twice.

The database does not know what happened after the backup: tokens may have been revoked, and actions may have
been approved and run. It therefore starts in quarantine. Tokens are refused until an operator confirms them.
An action that may have run since the backup becomes *unknown* when it would start, and a person is asked
whether it happened; a hosted thread gets no answer before that. The quarantine ends item by item.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import orjson
import structlog

from bot.domain.notices import NOTHING_TO_DO, Notice, Subject
from bot.domain.record import ActionRecord
from bot.domain.states import ActionState
from bot.errors import StoreError
from bot.membrane.admins import Admins
from bot.membrane.core import Core, the_action
from bot.membrane.unknown_receipts import note_restored
from bot.store import facts, heads, journal, redraws, restores, reviews
from bot.store.database import Transaction
from bot.store.heads import JournalHead
from bot.store.restores import EPOCH, INSTANCE, Restore

BATCH = 200

log = structlog.get_logger(__name__)


def say_when(at: float) -> str:
    """Return an instant as text for people, in UTC."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class _Known:
    """The facts in the database when the bot starts. One written by an early version has no epoch."""

    instance: str | None
    epoch: int | None
    backup_at: float | None
    last_at: float | None
    used: bool


class Restores:
    """The use cases of a restored database. It notes the journal's head in files outside the database."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins
        self._paths: tuple[Path, ...] = ()
        self._head: JournalHead | None = None
        self._told = False
        self._trouble: str | None = None

    async def check_on_start(self, paths: Sequence[Path]) -> Restore | None:
        """Recognise a restored database, put it in quarantine, and count this start.

        `paths` are the files in which the journal's head is noted. Returns the restore that is not confirmed
        yet, or None. Raises StoreError if a note cannot be read or written.
        """
        core, self._paths = self._core, tuple(dict.fromkeys(paths))
        noted = await asyncio.to_thread(self._noted)
        if noted is None and await core.db.read(lambda c: facts.fact(c, INSTANCE)) is None:
            # Write the note before the database has a name: a kill in between must not look like a lost note.
            noted = JournalHead(secrets.token_hex(8), 0, core.clock(), {})
            await asyncio.to_thread(self._write, noted)
        started = await core.db.write(lambda tx: self._begin(tx, noted))
        self._head = JournalHead(*started, at=core.clock(), ends={})
        await self.note_head(strict=True)
        return await core.db.read(restores.restore)

    def _noted(self) -> JournalHead | None:
        """Return the newest note: some of the files may have been restored, too."""
        found = [head for path in self._paths if (head := heads.read(path)) is not None]
        return max(found, key=lambda head: (head.epoch, head.at), default=None)

    def _write(self, head: JournalHead) -> None:
        for path in self._paths:
            heads.write(path, head)

    def _begin(self, tx: Transaction, noted: JournalHead | None) -> tuple[str, int]:
        connection, now = tx.connection, self._core.clock()
        known = _known(tx)
        why = _restored(tx, known, noted)
        if why is not None:
            since = known.backup_at or known.last_at or now
            self._quarantine(tx, Restore(now, since, why))
        facts.set_fact(connection, restores.BACKUP, None)
        instance = known.instance or (noted.instance if noted is not None else secrets.token_hex(8))
        epoch = max(known.epoch or 0, noted.epoch if noted is not None else 0) + 1
        facts.set_fact(connection, INSTANCE, instance)
        facts.set_fact(connection, EPOCH, str(epoch))
        return instance, epoch

    def _quarantine(self, tx: Transaction, found: Restore) -> None:
        connection, now = tx.connection, found.at
        restores.keep(connection, found)
        tokens = restores.unconfirm_tokens(connection, now)
        for thread_id in restores.unsettled_threads(connection):
            restores.doubt(connection, thread_id, found.since)
        doubted = [each for each in restores.unsettled(connection) if _may_have_run(each, found.since)]
        for action in doubted:
            restores.doubt(connection, action.id, found.since)
        restores.hold_answers(connection, {each.interrupt_id for each in doubted if each.interrupt_id})
        for action in doubted:
            if action.state is ActionState.RUNNING:
                note_restored(self._core, tx, action, found.since)
            for review in reviews.of_action(connection, action.id):
                redraws.touch(connection, review.id, now=now)
        body = {"since": found.since, "why": found.why, "tokens": tokens, "actions": len(doubted)}
        tx.journal(now, "store.restored", body)
        log.error("the database was restored from a backup", why=found.why, since=say_when(found.since))

    async def sweep(self) -> int:
        """Note the journal's head, ask about actions that would start now, and end a settled quarantine.

        Returns how many actions people are asked about.
        """
        await self.note_head()
        core = self._core
        found = await core.db.read(restores.restore)
        if found is None:
            return 0
        if not self._told:
            self._told = True
            await self._admins.tell(_notice(found))
        ids = await core.db.read(lambda connection: restores.askable(connection, BATCH))
        for action_id in ids:
            await core.db.write(lambda tx, of=action_id: self._ask(tx, of))  # type: ignore[misc]
            core.wakeups.changed(action_id)
        if not any(await core.db.read(restores.left)):
            await core.db.write(self._end)
            await self._admins.tell(
                Notice(
                    Subject.RESTORE_CONFIRMED,
                    f"Everything that the restore from {say_when(found.since)} left uncertain is confirmed.",
                    where="the bot's database",
                    todo=NOTHING_TO_DO,
                    about=f"{found.at}",
                )
            )
        return len(ids)

    def _ask(self, tx: Transaction, action_id: str) -> None:
        action, since = the_action(tx.connection, action_id), restores.since(tx.connection, action_id)
        if since is not None and action.state in restores.STARTABLE:
            note_restored(self._core, tx, action, since)

    def _end(self, tx: Transaction) -> None:
        if not any(restores.left(tx.connection)):
            restores.keep(tx.connection, None)
            tx.journal(self._core.clock(), "store.confirmed", {})

    async def note_head(self, *, strict: bool = False) -> None:
        """Note where the journal ends, if that has changed.

        With `strict`, raises StoreError if the note cannot be written. Otherwise health reports it and the
        bot goes on.
        """
        if self._head is None:
            return
        ends = await self._core.db.read(journal.ends)
        if ends == self._head.ends:
            return
        head = replace(self._head, at=self._core.clock(), ends=ends)
        try:
            await asyncio.to_thread(self._write, head)
        except StoreError as error:
            if strict:
                raise
            if self._trouble is None:
                log.exception("the journal's head cannot be noted")
            self._trouble = (
                f"the end of the journal cannot be noted, so the bot would not notice a restore: {error}"
            )
            return
        self._head, self._trouble = head, None

    async def status(self) -> str | None:
        """Return what to do about a restore or about a note that cannot be written; None if nothing."""
        found = await self._core.db.read(restores.restore)
        if found is None:
            return self._trouble
        return _left(found, await self._core.db.read(restores.left))


def _known(tx: Transaction) -> _Known:
    connection = tx.connection
    mark = facts.fact(connection, restores.BACKUP)
    return _Known(
        facts.fact(connection, INSTANCE),
        int(epoch) if (epoch := facts.fact(connection, EPOCH)) is not None else None,
        float(orjson.loads(mark)["at"]) if mark is not None else None,
        restores.last_entry_at(connection),
        restores.is_used(connection),
    )


def _restored(tx: Transaction, known: _Known, noted: JournalHead | None) -> str | None:
    """Return what shows that the database came from a backup; None if it did not."""
    if known.backup_at is not None:
        return f"`membrane backup` wrote it at {say_when(known.backup_at)}"
    if not known.used or known.epoch == 0:
        return None
    if known.instance is None:
        upgrade = noted is None or noted.epoch == 0
        return None if upgrade else "an earlier version wrote it, and a later one has run here since"
    if noted is None:
        return "a bot has run on it, but the note of where its journal ends is missing"
    if known.instance != noted.instance:
        return "the note of where the journal ends belongs to another database"
    return _behind(tx, known.epoch or 0, noted)


def _behind(tx: Transaction, epoch: int, noted: JournalHead) -> str | None:
    """Return how far the database is behind its note; None if it is not. It is normally ahead."""
    if epoch < noted.epoch:
        return f"the bot was started {noted.epoch - epoch} times since it was copied"
    return heads.behind(tx.connection, noted) if epoch == noted.epoch else None


def _may_have_run(action: ActionRecord, since: float) -> bool:
    """Whether an action may have run since the backup. One that had lapsed by then has not."""
    passed = action.state is ActionState.PASSED and action.thread_id is None
    return not passed or action.passed_at + action.ruling.valid_for_s >= since


def _notice(found: Restore) -> Notice:
    return Notice(
        Subject.RESTORED,
        f"The database was restored: {found.why}. It does not know what happened after "
        f"{say_when(found.since)}. Tokens are refused until you confirm them. Before an action that may have "
        "run since can start, its own card asks people whether it happened.",
        where="the bot's database",
        todo="Read `membrane token list`, revoke the tokens that had been revoked, then run `membrane token "
        "confirm ID` (or --all). Repeat the freezes made since. Check the systems behind your tools before "
        "you answer cards.",
        about=f"{found.at}",
    )


def _left(found: Restore, left: tuple[int, int, int]) -> str:
    of_tokens, of_actions, of_threads = left
    return (
        f"restored from a backup of {say_when(found.since)} ({found.why}); not certain yet: {of_tokens} "
        f"tokens (`membrane token confirm`), {of_actions} actions and {of_threads} threads (answer their "
        "cards)"
    )
