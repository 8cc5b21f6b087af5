"""One difference between two policies, and which way it goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.durations import as_written
from bot.domain.escalation import Chain, Delay
from bot.domain.policy_model import GatedTier


class Direction(StrEnum):
    """Whether a change loosens or tightens the policy."""

    LOOSER = "looser"
    MAYBE_LOOSER = "maybe looser"
    STRICTER = "stricter"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: its subject (a kind, `tier 3`, `people`), its direction, and what changed."""

    subject: str
    direction: Direction
    what: str

    def __str__(self) -> str:
        mark = f"{self.direction.upper()}: " if self.loosens else ""
        return f"{mark}{self.subject}: {self.what}"

    @property
    def loosens(self) -> bool:
        """Whether something is, or may be, looser than before."""
        return self.direction in (Direction.LOOSER, Direction.MAYBE_LOOSER)


def by(looser: bool) -> Direction:  # noqa: FBT001  # reads as the question it answers
    """Return the direction of a change that is looser, or else stricter."""
    return Direction.LOOSER if looser else Direction.STRICTER


def name_changes(subject: str, word: str, old: tuple[str, ...], new: tuple[str, ...]) -> Iterator[Change]:
    """Return added and removed names. More people who may do something is looser, fewer is stricter."""
    for name in sorted({*new} - {*old}):
        yield Change(subject, Direction.LOOSER, f"{name} is {word} now")
    for name in sorted({*old} - {*new}):
        yield Change(subject, Direction.STRICTER, f"{name} is no longer {word}")


def gated_changes(subject: str, before: GatedTier, after: GatedTier) -> Iterator[Change]:
    """Return the differences for reviews: approvers, quorum, window, channel, chain."""
    yield from name_changes(subject, "approver", before.approvers, after.approvers)
    if before.quorum != after.quorum:
        what = f"quorum {before.quorum} is now {after.quorum}"
        yield Change(subject, by(after.quorum < before.quorum), what)
    if before.window_s != after.window_s:
        what = f"window {as_written(before.window_s)} is now {as_written(after.window_s)}"
        yield Change(subject, Direction.DIFFERENT, what)
    if before.channel != after.channel:
        yield Change(subject, Direction.DIFFERENT, f"channel {before.channel} is now {after.channel}")
    if before.chain != after.chain:
        what = f"escalation is now {chain_text(after.chain)}; it was {chain_text(before.chain)}"
        yield Change(subject, Direction.DIFFERENT, what)


def keeping_changes(subject: str, was_s: float, now_s: float) -> Iterator[Change]:
    """Return how the validity of an approval changed. Longer is looser."""
    if was_s != now_s:
        what = f"an approval is good for {as_written(now_s)}; it was for {as_written(was_s)}"
        yield Change(subject, by(now_s > was_s), what)


def tier_changes(subject: str, before: GatedTier, after: GatedTier) -> Iterator[Change]:
    """Return the differences for a tier. An approval is valid as long as the window."""
    yield from gated_changes(subject, before, after)
    yield from keeping_changes(subject, before.window_s, after.window_s)


def chain_text(chain: Chain) -> str:
    """Return a chain in one line: `platform (25% oncall, 90% #incidents, then every 15m, 3 times)`."""
    steps = [
        f"{delay_text(step.after)} {' and '.join((*step.page, *([step.post] if step.post else ())))}"
        for step in chain.steps
    ]
    return f"{chain.name} ({', '.join([*steps, *repeat_text(chain)])})"


def delay_text(delay: Delay) -> str:
    """Return when a step is due as a policy file writes it: 25% or 30m."""
    return as_written(delay.seconds) if delay.seconds is not None else f"{(delay.share or 0.0) * 100:g}%"


def repeat_text(chain: Chain) -> list[str]:
    """Return how a chain repeats after its last step; nothing if it does not."""
    if chain.repeat is None:
        return []
    times = "until a person acts" if chain.repeat.times is None else f"{chain.repeat.times} times"
    return [f"then every {as_written(chain.repeat.every_s)}, {times}"]
