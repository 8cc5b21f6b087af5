"""Slack's pace: how soon the next call may go. Pure, given now.

Slack takes about one post a second in a channel and some hundreds a minute in a workspace, and fifty updates
a minute: https://docs.slack.dev/apis/web-api/rate-limits
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.escalation import Instant
from bot.slack.web_api import UPDATE


@dataclass(frozen=True, slots=True)
class Rates:
    """Seconds between posts in one channel and in the workspace, and between updates.

    Updates may come in a burst. Its last `kept_updates` are reserved for cards that somebody just clicked.
    """

    channel_s: float = 1.05
    workspace_s: float = 0.2
    update_s: float = 1.25
    update_burst: int = 20
    kept_updates: int = 8

    def times(self, pace: float) -> Rates:
        """Return the rates, `pace` times as fast."""
        return replace(
            self,
            channel_s=self.channel_s / pace,
            workspace_s=self.workspace_s / pace,
            update_s=self.update_s / pace,
        )


USUAL = Rates()


class Pace:
    """When each channel and method may be used next."""

    def __init__(self, rates: Rates = USUAL) -> None:
        self._rates = rates
        self._next_in: dict[str, Instant] = {}
        self._next_post = 0.0
        self._updates_at = 0.0
        self._updates = float(rates.update_burst)
        self._held: dict[str, Instant] = {}

    def take(
        self, method: str, channel: str, now: Instant, *, held_until: Instant = 0.0, urgent: bool = False
    ) -> Instant:
        """Return when the call may go. If that is now, count it as made."""
        if method == UPDATE:
            return max(held_until, self._take_update(now, urgent=urgent, may=held_until <= now))
        ready = max(held_until, self._next_in.get(channel, 0.0), self._next_post)
        if ready <= now:
            self._forget(now)
            self._next_in[channel] = now + self._rates.channel_s
            self._next_post = now + self._rates.workspace_s
        return ready

    def _take_update(self, now: Instant, *, urgent: bool, may: bool) -> Instant:
        rates = self._rates
        if rates.update_s > 0:
            earned = (now - self._updates_at) / rates.update_s
            self._updates = min(float(rates.update_burst), self._updates + max(0.0, earned))
        self._updates_at = now
        needed = 1.0 if urgent else 1.0 + rates.kept_updates
        if self._updates >= needed or rates.update_s <= 0:
            self._updates -= 1.0 if may and rates.update_s > 0 else 0.0
            return now
        return now + (needed - self._updates) * rates.update_s

    def next_in(self, channel: str) -> Instant:
        """Return when a channel takes its next post."""
        return self._next_in.get(channel, 0.0)

    def hold(self, recipient: str, until: Instant) -> None:
        """Hold posts to a recipient back until then: its channel is busy."""
        self._held[recipient] = until

    def is_open(self, recipient: str, now: Instant) -> bool:
        """Whether a post for a recipient is worth trying now."""
        return max(self._held.get(recipient, 0.0), self._next_post) <= now

    def may_update(self, now: Instant, *, urgent: bool) -> bool:
        """Whether an update may go now."""
        return self._take_update(now, urgent=urgent, may=False) <= now

    def next_turn(self, now: Instant) -> Instant | None:
        """Return when the next call may go that is held back now; None if none is."""
        waits = [at for at in (*self._held.values(), self._next_post) if at > now]
        if (update := self._take_update(now, urgent=False, may=False)) > now:
            waits.append(update)
        return min(waits, default=None)

    def _forget(self, now: Instant) -> None:
        """Drop past entries, so that a year of DMs does not stay in memory."""
        if len(self._next_in) > 1000:
            self._next_in = {key: at for key, at in self._next_in.items() if at > now}
            self._held = {key: at for key, at in self._held.items() if at > now}
