"""Owns every message in Slack: brings each to the version that the store wants, the most urgent first.

It draws a message from the present state when it sends, so ten changes while Slack was slow become one
update. The store says which messages are due and which posts are in doubt; memory holds only Slack's pace.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import structlog

from bot.domain import message as message_life
from bot.domain.message import Timing
from bot.domain.message_order import Priority, QueueHead
from bot.domain.message_record import Message
from bot.domain.policy import Policy
from bot.membrane import Admins, Directory, Outbox, Wakeups, wait_for
from bot.slack.identity import Identity
from bot.slack.outbound import pace, shared_channels
from bot.slack.outbound.duplicates import Duplicates
from bot.slack.outbound.fallback import Fallback
from bot.slack.outbound.lifecycle import Lifecycle
from bot.slack.outbound.pace import Pace, Rates
from bot.slack.outbound.places import Places
from bot.slack.outbound.sender import Sender, Ways
from bot.slack.outbound.shared_channels import Sharing
from bot.slack.outbound.stale_copies import StaleCopies
from bot.slack.web_api import Calls

AT_ONCE = 12
"""Messages on their way at the same time."""
KEPT_3 = 4
"""How many more of Tier 3: they do not wait behind slow posts of less urgent messages."""
KEPT = 4
"""How many more of cards that somebody just clicked: they do not wait behind slow posts."""
INTERVAL_S = 0.5
"""How often the outbox is looked at without an event: for messages that were put off."""

EARLY_S = 0.001
"""How far the loop's clock may be ahead of the clock that turns go by."""

_log = structlog.get_logger(__name__)


class Courier:
    """Sends the due messages of the outbox. `run` until cancelled, or one `sweep` at a time."""

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
        timing: Timing = message_life.USUAL,
        places: Places | None = None,
    ) -> None:
        self._outbox = outbox
        self._wakeups = wakeups
        self._clock = clock
        self._calls = calls
        places = places or Places(calls, clock)
        self._admins = admins
        self._sharing = Sharing(calls, places, policy, clock)
        self._duplicates = Duplicates(
            outbox, calls, identity.bot_id, places=places, timing=timing, clock=clock
        )
        ways = Ways(places, Pace(rates), self._duplicates, self._sharing)
        self._sender = Sender(outbox, calls, identity.workspace_url, ways, clock)
        fallback = Fallback(outbox, policy, people, admins)
        self._lifecycle = Lifecycle(
            outbox, self._sender, fallback, self._duplicates, timing=timing, clock=clock
        )
        self._stale_copies = StaleCopies(outbox, calls, clock)
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
                except Exception:  # noqa: BLE001 - whatever it was, the next pass comes
                    _log.exception("courier_pass_failed")
                await wait_for(self._wakeups.messages, self._nap())
        finally:
            await self._stop()

    def _nap(self) -> float:
        """Return the seconds until the next turn: a late card puts off every one behind it in its channel."""
        now = self._clock()
        turn = self._sender.next_turn(now)
        return INTERVAL_S if turn is None else min(INTERVAL_S, turn - now + EARLY_S)

    async def sweep(self) -> int:
        """Send everything that is due and may go now. Returns how many messages were looked at."""
        looked_at = 0
        while started := await self._start():
            looked_at += started
            await asyncio.gather(*self._under_way)
        await self._clear_up()
        self._passed_at = self._clock()
        return looked_at

    async def look_at_channels(self) -> None:
        """Tell of the policy's channels that another company shares, and move the questions there away."""
        for name, channel_id in await self._sharing.look():
            await self._admins.tell(shared_channels.notice(name))
            if self._sharing.is_news(channel_id):
                await self._outbox.leave_channel(channel_id)

    async def behind_s(self) -> float:
        """Return for how many seconds Slack has lacked a message, or the courier has stood still."""
        still = self._clock() - self._passed_at - INTERVAL_S
        return max(await self._outbox.behind_s(), still)

    async def _start(self) -> int:
        """Take due messages while there is room, and begin to send them. Returns how many were begun."""
        if self._calls.stopped_until > self._clock():
            return 0
        room = AT_ONCE - len(self._under_way)
        leased: list[Message] = []
        for most, kept in ((Priority.REST, 0), (Priority.CARD_3, KEPT_3), (Priority.CLICKED, KEPT_3 + KEPT)):
            if room + kept > 0:
                leased = await self._outbox.lease(room + kept, may=partial(self._may, most), one_each=True)
                break
        # After a leap of the clock a message that is on its way is leased again; it is not sent twice.
        taken = [message for message in leased if message.id not in self._sending]
        for message in taken:
            self._sending.add(message.id)
            task = asyncio.create_task(self._send(message), name=f"send {message.id}")
            self._under_way.add(task)
            task.add_done_callback(self._finished)
        return len(taken)

    def _may(self, most: int, head: QueueHead) -> bool:
        return head.priority <= most and self._sender.may(head)

    def _begin_tidying(self) -> None:
        """Look for late copies beside the sending: Slack may take a while to answer."""
        if self._tidying is None or self._tidying.done():
            self._tidying = asyncio.create_task(self._tidy(), name="look for copies")

    async def _tidy(self) -> None:
        try:
            await self._clear_up()
        except Exception:  # noqa: BLE001 - the next pass looks again
            _log.exception("copies_not_looked_for")

    async def _clear_up(self) -> None:
        await self._duplicates.look_again()
        await self._stale_copies.clear_up()

    async def _send(self, message: Message) -> None:
        try:
            await self._lifecycle.advance(message)
        except Exception:  # noqa: BLE001 - its lease runs out, and it is taken up again
            _log.exception("message_not_shown", message=message.id, kind=message.kind)
        finally:
            self._sending.discard(message.id)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._wakeups.messages.set()

    async def _stop(self) -> None:
        """Let posts on their way end: one that is cut off has to be looked for later."""
        tasks = [*self._under_way, *([self._tidying] if self._tidying else [])]
        if tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    await asyncio.gather(*tasks, return_exceptions=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
