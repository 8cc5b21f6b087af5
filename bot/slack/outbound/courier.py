"""Owns every message in Slack: brings what it shows to what the store wants, the most urgent first.

It renders from the state as it is when it sends, so ten changes while Slack was slow become one update. The
rows of the store say what is owed and which posts are in doubt; what is kept here in memory is only pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from bot.domain.policy import Policy
from bot.domain.record import Message
from bot.membrane import CARD_3, CLICKED, REST, Admins, Directory, Head, Outbox, Wakeups, wait_for
from bot.slack.identity import Identity
from bot.slack.outbound import doubts, pace, shared_channels
from bot.slack.outbound.doubts import Doubts, Timing
from bot.slack.outbound.fallback import Detours
from bot.slack.outbound.pace import Pace, Rates
from bot.slack.outbound.places import Places
from bot.slack.outbound.sender import Sender
from bot.slack.outbound.shared_channels import Sharing
from bot.slack.outbound.stale_copies import Leftovers
from bot.slack.web_api import Calls

AT_ONCE = 12
"""Messages under way at the same time."""
KEPT_3 = 4
"""Beside them, of Tier 3: they do not wait for slow posts of what can wait."""
KEPT = 4
"""Beside them, of cards that somebody just clicked: they do not wait for slow posts."""
INTERVAL_S = 0.5
"""How often the outbox is looked at without an event: for messages that were put off."""

EARLY_S = 0.001
"""By how much the loop's clock may be ahead of the one that a turn goes by."""

_log = structlog.get_logger(__name__)


class Courier:
    """Sends what the outbox owes. `run` until cancelled, or one `sweep` at a time."""

    def __init__(
        self,
        outbox: Outbox,
        calls: Calls,
        identity: Identity,
        *,
        policy: Callable[[], Policy],
        people: Directory,
        admins: Admins,
        wakeups: Wakeups,
        clock: Callable[[], float] = time.time,
        rates: Rates = pace.USUAL,
        timing: Timing = doubts.USUAL,
        places: Places | None = None,
    ) -> None:
        self._outbox = outbox
        self._wakeups = wakeups
        self._clock = clock
        self._calls = calls
        places = places or Places(calls, clock)
        self._doubts = Doubts(outbox, calls, identity.bot_id, places=places, timing=timing, clock=clock)
        self._admins = admins
        self._sharing = Sharing(calls, places, policy, clock)
        self._sender = Sender(
            outbox,
            calls,
            identity.workspace_url,
            places=places,
            pace=Pace(rates),
            doubts=self._doubts,
            detours=Detours(outbox, policy, people, admins, clock),
            sharing=self._sharing,
            recheck_s=timing.recheck_s[0],
            clock=clock,
        )
        self._leftovers = Leftovers(outbox, calls, clock)
        self._under_way: set[asyncio.Task[None]] = set()
        self._tidying: asyncio.Task[None] | None = None
        self._sending: set[str] = set()
        self._passed_at = clock()

    async def run(self) -> None:
        """Send until cancelled. A pass that fails is logged, and the next one comes."""
        try:
            while True:
                try:
                    while await self._start():
                        pass
                    self._begin_tidying()
                    self._passed_at = self._clock()
                except Exception:  # noqa: BLE001 - whatever it was, the next pass is owed
                    _log.exception("courier_pass_failed")
                await wait_for(self._wakeups.messages, self._nap())
        finally:
            await self._stop()

    def _nap(self) -> float:
        """Until the next message's turn: a card that is late puts off every one behind it in its channel."""
        now = self._clock()
        turn = self._sender.next_turn(now)
        return INTERVAL_S if turn is None else min(INTERVAL_S, turn - now + EARLY_S)

    async def sweep(self) -> int:
        """Send everything that is due now and may go now. Returns how many messages were looked at."""
        looked_at = 0
        while started := await self._start():
            looked_at += started
            await asyncio.gather(*self._under_way)
        await self._clear_up()
        self._passed_at = self._clock()
        return looked_at

    async def look_at_channels(self) -> None:
        """Say which of the policy's channels are shared with another company; move what asks there away."""
        for name, channel_id in await self._sharing.look():
            await self._admins.tell(shared_channels.notice(name))
            if self._sharing.is_news(channel_id):
                await self._outbox.leave_channel(channel_id)

    async def behind_s(self) -> float:
        """Return for how many seconds Slack has lacked a message, or the courier has stood still."""
        still = self._clock() - self._passed_at - INTERVAL_S
        return max(await self._outbox.behind_s(), still)

    async def _start(self) -> int:
        """Take what is due and begin to send it, as far as there is room. Returns how many were begun."""
        if self._calls.stopped_until > self._clock():
            return 0
        room = AT_ONCE - len(self._under_way)
        leased: list[Message] = []
        for most, kept in ((REST, 0), (CARD_3, KEPT_3), (CLICKED, KEPT_3 + KEPT)):
            if room + kept > 0:
                leased = await self._outbox.lease(room + kept, may=partial(self._may, most), one_each=True)
                break
        # One that is under way is leased again where the clock made a leap; it is not sent twice for that.
        taken = [message for message in leased if message.id not in self._sending]
        for message in taken:
            self._sending.add(message.id)
            task = asyncio.create_task(self._send(message), name=f"send {message.id}")
            self._under_way.add(task)
            task.add_done_callback(self._finished)
        return len(taken)

    def _may(self, most: int, head: Head) -> bool:
        return head.priority <= most and self._sender.may(head)

    def _begin_tidying(self) -> None:
        """Look for late copies beside the sending: it may take Slack a while to say."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(), name="look for copies")

    async def _tidy(self) -> None:
        try:
            await self._clear_up()
        except Exception:  # noqa: BLE001 - the next pass looks again
            _log.exception("copies_not_looked_for")

    async def _clear_up(self) -> None:
        await self._doubts.look_again()
        await self._leftovers.clear_up()

    async def _send(self, message: Message) -> None:
        try:
            await self._sender.show(message)
        except Exception:  # noqa: BLE001 - its lease runs out, and it is taken up again
            _log.exception("message_not_shown", message=message.id, kind=message.kind)
        finally:
            self._sending.discard(message.id)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wakeups.messages.set()

    async def _stop(self) -> None:
        """Let what is under way end: a post that is cut off has to be looked for later."""
        tasks = [*self._under_way, *([self._tidying] if self._tidying else [])]
        if tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
