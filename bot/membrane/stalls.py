"""Threads that stand still: stalled with their state kept, and set going again by retries or an operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bot.domain.hosting import Cause, Stall, ThreadRecord, ThreadRequest, Wanted
from bot.domain.message_order import Priority
from bot.domain.message_record import MessageKind
from bot.domain.states import ENDED_THREADS, ThreadState
from bot.errors import Conflict, NotFound
from bot.membrane.core import Core, new_id
from bot.membrane.entitlement import may_be_told
from bot.membrane.thread_changes import set_thread
from bot.membrane.vault import Vault
from bot.store import messages, stalls, threads
from bot.store.database import Database, Transaction

RETRY_AFTER_S = (5.0, 30.0, 180.0)
"""How long a failed thread is left alone before each retry that the host makes by itself."""
BY_ITSELF = "the bot"
"""In whose name those retries are journalled."""


class Stalls:
    """The use cases of the graph host around threads that stand still."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def stall(
        self,
        thread_id: str,
        cause: Cause,
        why: str,
        *,
        kind: str | None = None,
        questions: dict[str, Any] | None = None,
        retry: bool = False,
    ) -> Stall:
        """Leave a thread as it is, and write why. Its reviews stay open. Raises NotFound.

        `kind` says in a word more of the cause, for the journal: the name of an error.

        `questions` are the values that it interrupts with, by the interrupts' ids. With `retry` the host runs
        it again by itself after a while, unless it has done so as often as it may.
        """
        core = self._core

        def work(tx: Transaction) -> Stall:
            now = core.clock()
            before = stalls.get(tx.connection, thread_id)
            tries = before.tries if before is not None else 0
            again = now + RETRY_AFTER_S[tries] if retry and tries < len(RETRY_AFTER_S) else None
            made = Stall(thread_id, cause, why, now, tries, again)
            stalls.put(tx.connection, made, core.vault.seal_json(questions, thread_id) if questions else None)
            set_thread(tx, thread_id, ThreadState.STALLED, now, error=why, cause=kind or cause)
            return made

        made = await core.db.write(work)
        core.wakeups.changed(thread_id)
        return made

    async def of_thread(self, thread_id: str) -> Stall | None:
        """Return why a thread stands still, or stood when it was last run. Its questions stay sealed."""
        return await self._core.db.read(lambda connection: stalls.get(connection, thread_id))

    async def due(self, most: int) -> tuple[list[ThreadRequest], list[str]]:
        """Return what operators ask of threads, and the threads that are to be retried by themselves now."""
        core, now = self._core, self._core.clock()
        return await core.db.read(
            lambda connection: (stalls.requests(connection, now), stalls.due(connection, now, most))
        )

    async def restart(self, thread_id: str, request: ThreadRequest | None = None) -> ThreadRecord | None:
        """Note that a stalled thread runs again, by itself or as an operator asked. None: it may not.

        What an operator asked is done by that: what comes of it is seen in the thread.
        """
        core = self._core

        def work(tx: Transaction) -> ThreadRecord | None:
            now = core.clock()
            thread = threads.get(tx.connection, thread_id)
            may = thread is not None and thread.state is ThreadState.STALLED
            if request is None:
                may = may and stalls.retried(tx.connection, thread_id)
            elif not stalls.done(tx.connection, request.id, "done" if may else "refused: it moved on", now):
                return None
            if thread is None or not may:
                return None
            set_thread(tx, thread_id, ThreadState.RUNNING, now)
            event = "answered" if request is not None and request.wanted is Wanted.ANSWER else "retried"
            body = {"thread": thread_id, "by": request.by if request is not None else BY_ITSELF}
            tx.journal(now, f"thread.{event}", body)
            return replace(
                thread, state=ThreadState.RUNNING, input=core.vault.open_json(thread.input, thread.id)
            )

        begun = await core.db.write(work)
        core.wakeups.changed(thread_id)
        return begun

    def answers_in(self, request: ThreadRequest) -> dict[str, Any]:
        """Return an operator's answers, by the ids of the interrupts."""
        return self._core.vault.open_json(request.body or {}, request.id)

    async def close_request(self, request: ThreadRequest, outcome: str) -> None:
        """Note what came of a request."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            if stalls.done(tx.connection, request.id, outcome, now) and request.wanted is Wanted.WITHDRAW:
                body = {"thread": request.thread_id, "by": request.by, "why": request.why}
                tx.journal(now, "thread.withdrawn", body)

        await core.db.write(work)

    async def tell_requesters(self, thread: ThreadRecord, words: str, *, about: str) -> None:
        """Want a direct message to an agent's owner and to the person it acts for, once for each thing.

        The words are the bot's own: they hold nothing that an agent wrote. Somebody whom the agent may not
        write to is not told.
        """
        core = self._core
        named = [user for user in (thread.owner, thread.on_behalf_of) if user is not None]
        told = [
            user
            for user in dict.fromkeys(named)
            if await may_be_told(core, user, agent=thread.agent, owner=thread.owner)
        ]

        def work(tx: Transaction) -> None:
            now, rest = core.clock(), Priority.REST
            for user in told:
                note = (
                    f"msg_{about}_{thread.id}" if user == thread.owner else f"msg_{about}_{thread.id}_{user}"
                )
                messages.want(
                    tx.connection, note, MessageKind.NOTICE, user, now=now, priority=rest, body=words
                )

        if told:
            await core.db.write(work)
            core.wakeups.messages.set()


class OperatorRequests:
    """What an operator asks of threads, beside a running bot: a row that its host acts on."""

    def __init__(self, db: Database, vault: Vault, clock: Callable[[], float]) -> None:
        self._db = db
        self._vault = vault
        self._clock = clock

    async def ask(
        self,
        thread_id: str,
        wanted: Wanted,
        *,
        by: str,
        why: str | None = None,
        answer: Any = None,
        question: str | None = None,
    ) -> ThreadRequest:
        """Ask it. `question` is the interrupt that `answer` is for, needed where there are several.

        Raises NotFound, or Conflict with why it cannot be asked of this thread now.
        """

        def work(tx: Transaction) -> ThreadRequest:
            thread = threads.get(tx.connection, thread_id)
            if thread is None:
                raise NotFound(f"there is no thread {thread_id}; `membrane threads list` has those there are")
            if any(each.done_at is None for each in stalls.requests_of(tx.connection, thread_id)):
                raise Conflict(f"{thread_id} has been asked something that the bot has not done yet")
            stall = stalls.get(tx.connection, thread_id)
            _check(thread, stall, wanted)
            body = None
            made = ThreadRequest(new_id("ask"), thread_id, wanted, by, self._clock(), why)
            if wanted is Wanted.ANSWER and stall is not None:
                chosen = self._question(stall, question)
                body = self._vault.seal_json({chosen: answer}, made.id)
            stalls.ask(tx.connection, made, body)
            entry = {"thread": thread_id, "wanted": wanted, "by": by, "why": why}
            tx.journal(made.at, "thread.asked_by_operator", entry)
            return made

        return await self._db.write(work)

    def questions(self, stall: Stall) -> dict[str, Any]:
        """Return what a thread asks, by the ids of its interrupts, unsealed."""
        return self._vault.open_json(dict(stall.questions), stall.thread_id) if stall.questions else {}

    def _question(self, stall: Stall, wanted: str | None) -> str:
        known = sorted(self.questions(stall))
        if wanted is None and len(known) == 1:
            return known[0]
        if wanted not in known:
            raise Conflict(
                f"{stall.thread_id} asks {len(known)} questions; name one with --question: {', '.join(known)}"
            )
        return wanted


def _check(thread: ThreadRecord, stall: Stall | None, wanted: Wanted) -> None:
    """Raise Conflict where a thread cannot be asked this."""
    if wanted is Wanted.WITHDRAW:
        if thread.state in ENDED_THREADS:
            raise Conflict(f"{thread.id} is {thread.state} already")
        return
    if thread.state is not ThreadState.STALLED or stall is None:
        raise Conflict(f"{thread.id} is {thread.state}; only a stalled thread can be set going again")
    if wanted is Wanted.ANSWER and stall.cause is not Cause.QUESTION:
        raise Conflict(
            f"{thread.id} asks nothing that you could answer: {stall.why}. What waits for approval is "
            "answered in Slack, by people who may"
        )
    if wanted is Wanted.RETRY and stall.cause is Cause.QUESTION:
        raise Conflict(
            f"{thread.id} waits for an answer, so running it again would only ask again: "
            f"membrane threads answer {thread.id}"
        )
