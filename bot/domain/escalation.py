"""Escalation chains and rotations: whom to page next, and when.

Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

Instant = float
"""Seconds since the epoch, UTC."""

MANDATED_REPEAT_S = 3600.0
"""Seconds between repeats of a mandated sign-off whose chain does not repeat by itself."""

ACK_SHARE_OF_WINDOW = 0.8
"""The share of the window after which an acknowledgement quiets nothing."""


@dataclass(frozen=True, slots=True)
class Delay:
    """When a step is due after the review opened: in seconds, or as a share (0..1) of the window."""

    seconds: float | None = None
    share: float | None = None

    def of(self, window_s: float) -> float:
        """Return the delay in seconds for a window of `window_s` seconds."""
        return self.seconds if self.seconds is not None else (self.share or 0.0) * window_s


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chain: people (names from the policy) to page, and a channel to post to."""

    after: Delay
    page: tuple[str, ...] = ()
    post: str | None = None


@dataclass(frozen=True, slots=True)
class Repeat:
    """After the last step, page everybody of the chain again every `every_s` seconds, `times` times.

    `times` is None for endless repeats, which a policy allows for mandated sign-offs only.
    """

    every_s: float
    times: int | None


@dataclass(frozen=True, slots=True)
class Chain:
    """The people and channels to tell, in order, while nobody answers.

    An acknowledgement quiets it for `ack_for_s` seconds.
    """

    name: str
    steps: tuple[Step, ...]
    repeat: Repeat | None = None
    ack_for_s: float = 1800.0

    def without_end(self) -> Chain:
        """Return this chain with endless repeats, as every mandated sign-off has."""
        every = self.repeat.every_s if self.repeat else MANDATED_REPEAT_S
        return replace(self, repeat=Repeat(every, times=None))


@dataclass(frozen=True, slots=True)
class DuePage:
    """One position of a chain: the people and channels to reach, and when it is due."""

    position: int
    due_at: Instant
    page: tuple[str, ...]
    post: tuple[str, ...]


def page_at(chain: Chain, position: int, opened_at: Instant, window_s: float) -> DuePage | None:
    """Return the page at a position of the chain; None after its end.

    Positions count from 0: first the steps in the order they are due, then the repeats. A repeat pages
    everybody whom the steps page.
    """
    steps = sorted(chain.steps, key=lambda step: step.after.of(window_s))
    if position < len(steps):
        step = steps[position]
        post = (step.post,) if step.post else ()
        return DuePage(position, opened_at + step.after.of(window_s), step.page, post)
    repeat = chain.repeat
    turn = position - len(steps) + 1
    if repeat is None or not steps or (repeat.times is not None and turn > repeat.times):
        return None
    everyone = tuple(dict.fromkeys(name for step in steps for name in step.page))
    last = opened_at + steps[-1].after.of(window_s)
    return DuePage(position, last + turn * repeat.every_s, everyone, ())


def quiet_until(chain: Chain, acked_at: Instant, opened_at: Instant, window_s: float | None) -> Instant:
    """Return when an acknowledged chain goes on: after `ack_for_s`, at the latest at 80 % of the window.

    `window_s` is None if no window closes the review.
    """
    until = acked_at + chain.ack_for_s
    return until if window_s is None else min(until, opened_at + ACK_SHARE_OF_WINDOW * window_s)


@dataclass(frozen=True, slots=True)
class Rotation:
    """People who take turns: each has `every_s` seconds in turn, counted from `start`."""

    users: tuple[str, ...]
    every_s: float
    start: Instant

    def on_call(self, now: Instant) -> str:
        """Return the Slack user on call. Before `start` that is the first one."""
        turn = max(0, int((now - self.start) // self.every_s))
        return self.users[turn % len(self.users)]
