"""Takes each message through its life: asks the domain for the next step, and has it done.

A step that asks Slack something goes to the sender; every other step goes to the outbox.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from bot.domain.message import USUAL, Timing, next_step
from bot.domain.message_answers import (
    Answer,
    Busy,
    Call,
    Circumstances,
    Failed,
    FailureKind,
    Found,
    Posted,
    Taken,
)
from bot.domain.message_record import Message
from bot.domain.message_steps import (
    Delete,
    GiveUp,
    Look,
    Outcome,
    Place,
    Post,
    PostAgain,
    Readdress,
    Redraw,
    Release,
    Replace,
    Request,
    Wait,
)
from bot.membrane import Outbox
from bot.slack.outbound.duplicates import Duplicates
from bot.slack.outbound.fallback import Fallback
from bot.slack.outbound.sender import Sender

WHOLE_S = 45.0
"""How long all calls for one message may take together: less than its lease."""
CALL_OF: dict[type[Request], Call] = {
    Look: Call.LOOK_UP,
    Post: Call.POST,
    Redraw: Call.REDRAW,
    Delete: Call.DELETE,
}
"""What each request asks of Slack last: a call that was cut off may have worked."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Memory:
    """What this process remembers of a message between two attempts."""

    tries: int = 0
    terse: bool = False


class Lifecycle:
    """Advances leased messages; several at once, each of them once."""

    def __init__(
        self,
        outbox: Outbox,
        sender: Sender,
        fallback: Fallback,
        duplicates: Duplicates,
        *,
        timing: Timing = USUAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._fallback = fallback
        self._duplicates = duplicates
        self._timing = timing
        self._clock = clock
        self._memory: dict[str, _Memory] = {}

    async def advance(self, message: Message) -> None:
        """Bring a leased message to its wanted version, or keep why not, and when to try again."""
        taken_at, until = self._clock(), asyncio.get_running_loop().time() + WHOLE_S
        answer: Answer | None = Taken()
        while answer is not None:
            step = next_step(message, answer, self._clock(), self._timing)
            if isinstance(step, Request):
                answer = await self._ask(step, message, until)
                continue
            kept = await self._keep(message, step)
            if kept is None:
                self._overtaken(message, step, taken_at)
            if kept is None or not step.goes_on:
                return
            message, answer = kept, Taken()

    async def _ask(self, request: Request, message: Message, until: float) -> Answer | None:
        """Have an attempt made. A failure gets the circumstances that its consequences depend on."""
        memory = self._memory.get(message.id, _Memory())
        answer: Answer | None
        try:
            async with asyncio.timeout_at(until):
                answer = await self._sender.attempt(request, message, terse=memory.terse)
        except TimeoutError:
            answer = Failed(CALL_OF[type(request)], FailureKind.UNSURE, "Slack was too slow")
        if isinstance(answer, Failed):
            known = Circumstances(tries=memory.tries, terse=memory.terse)
            return replace(answer, given=await self._fallback.circumstances(message, answer, known))
        self._watch(request, message, answer)
        return answer

    def _watch(self, request: Request, message: Message, answer: Answer | None) -> None:
        """Go on looking for copies of an earlier post that may land beside what the answer says."""
        if isinstance(answer, Found) and (message.doubted_since is not None or len(answer.copies) > 1):
            since = message.in_doubt_since or self._clock()
            self._duplicates.watch(message.id, answer.channel_id, since, expected=1)
        if isinstance(request, Post) and request.doubted_since is not None and not isinstance(answer, Busy):
            place = answer.channel_id if isinstance(answer, Posted) else message.recipient
            expected = int(isinstance(answer, Posted))
            self._duplicates.watch(message.id, place, request.doubted_since, expected=expected)

    async def _keep(self, message: Message, step: Outcome) -> Message | None:
        """Keep what became of an attempt. The admins are told before: a kill in between tells them twice."""
        if step.tell is not None:
            await self._fallback.tell(message, step)
        kept = await self._outbox.apply(message.id, step)
        if kept is None:
            return None
        if isinstance(step, GiveUp):
            _log.warning("message_given_up", message=message.id, kind=message.kind, error=step.error)
        if isinstance(step, Place):
            await self._duplicates.delete(message.id, step.channel_id, step.extra)
        self._remember(message.id, step)
        return kept

    def _remember(self, message_id: str, step: Outcome) -> None:
        if isinstance(step, Wait):
            self._memory[message_id] = _Memory(step.tries, step.terse)
        elif not isinstance(step, Release | Readdress | PostAgain | Replace):
            self._memory.pop(message_id, None)

    def _overtaken(self, message: Message, step: Outcome, taken_at: float) -> None:
        """Look for copies if this worker posted after its lease ended: another one may have posted too."""
        _log.warning("lease_ended", message=message.id, kind=message.kind, step=type(step).__name__)
        if isinstance(step, Place) and step.version > 0:
            self._duplicates.watch(message.id, step.channel_id, taken_at, expected=1)
