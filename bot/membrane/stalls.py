"""Stalled threads: their state is kept until a retry or an operator restarts them."""

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
"""Seconds before each automatic retry of a failed thread."""
BY_ITSELF = "the bot"
"""The name under which automatic retries are journalled."""


class Stalls:
    """The use cases of the graph host for stalled threads."""

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
        """Stall a thread and record why. Its reviews stay open. Raises NotFound.

        `kind` details the cause for the journal, such as the name of an error. `questions` are the values
        that it interrupts with, by the interrupts' ids. With `retry`, the host runs it again after a delay,
        as often as RETRY_AFTER_S has entries.
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
        """Return why a thread is stalled, or was when it was last restarted. Its questions stay sealed."""
        return await self._core.db.read(lambda connection: stalls.get(connection, thread_id))

    async def due(self, most: int) -> tuple[list[ThreadRequest], list[str]]:
        """Return the open requests of operators, and the ids of threads due for an automatic retry."""
        core, now = self._core, self._core.clock()
        return await core.db.read(
            lambda connection: (stalls.requests(connection, now), stalls.due(connection, now, most))
        )

    async def restart(self, thread_id: str, request: ThreadRequest | None = None) -> ThreadRecord | None:
        """Record that a stalled thread runs again, for a retry or an operator's request; None if it may not.

        This closes the request; its effect is seen in the thread.
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
        """Record the outcome of a request."""
        core = self._core

        def work(tx: Transaction) -> None:
            now = core.clock()
            if stalls.done(tx.connection, request.id, outcome, now) and request.wanted is Wanted.WITHDRAW:
                body = {"thread": request.thread_id, "by": request.by, "why": request.why}
                tx.journal(now, "thread.withdrawn", body)

        await core.db.write(work)

    async def tell_requesters(self, thread: ThreadRecord, words: str, *, about: str) -> None:
        """Want a direct message to an agent's owner and to the person it acts for, once for each `about`.

        `words` are the bot's own and contain nothing that an agent wrote. Leaves out people whom the agent
        must not write to.
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
    """Requests of an operator about threads. Each is a row on which the host of a running bot acts."""

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
        """Record a request. `question` is the interrupt that `answer` is for, required if there are several.

        Raises NotFound, or Conflict if this thread cannot do that now.
        """

        def work(tx: Transaction) -> ThreadRequest:
            thread = threads.get(tx.connection, thread_id)
            if thread is None:
                raise NotFound(f"there is no thread {thread_id}; `membrane threads list` lists the threads")
            if any(each.done_at is None for each in stalls.requests_of(tx.connection, thread_id)):
                raise Conflict(f"{thread_id} has an earlier request that the bot has not carried out yet")
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
        """Return a thread's questions, unsealed, by the ids of its interrupts."""
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
    """Raise Conflict if a thread cannot do this now."""
    if wanted is Wanted.WITHDRAW:
        if thread.state in ENDED_THREADS:
            raise Conflict(f"{thread.id} is {thread.state} already")
        return
    if thread.state is not ThreadState.STALLED or stall is None:
        raise Conflict(f"{thread.id} is {thread.state}; only a stalled thread can be restarted")
    if wanted is Wanted.ANSWER and stall.cause is not Cause.QUESTION:
        raise Conflict(
            f"{thread.id} has no question that an operator can answer: {stall.why}. Approvals are given in "
            "Slack, by the people who may"
        )
    if wanted is Wanted.RETRY and stall.cause is Cause.QUESTION:
        raise Conflict(
            f"{thread.id} waits for an answer, and a retry would only ask again; use "
            f"membrane threads answer {thread.id}"
        )
