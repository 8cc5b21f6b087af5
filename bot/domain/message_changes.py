"""What each step makes of a message: a pure function. The store writes the result."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.domain.escalation import Instant
from bot.domain.message_record import Message, Obstacle
from bot.domain.message_steps import (
    GiveUp,
    Leave,
    Outcome,
    Place,
    PostAgain,
    Readdress,
    Replace,
    Show,
    Try,
    Wait,
)

NOWHERE: dict[str, Any] = {"channel_id": None, "ts": None, "attempt_at": None, "obstacle": None}


def after(message: Message, step: Outcome, now: Instant) -> Message:
    """Return the message after a step. Its lease ends, unless the step goes on."""
    known = replace(message, attempt_at=None) if step.refused else message
    changed = _changed(known, step, now)
    return changed if step.goes_on else replace(changed, leased_until=None)


def _changed(message: Message, step: Outcome, now: Instant) -> Message:
    match step:
        case Try():
            changed = _tried(message, step, now)
        case Place():
            changed = _shown(_placed(message, step, now), step.version, now, now)
        case Show() if step.ts == message.ts:
            changed = _shown(message, step.version, now, step.again_at)
        case Leave():
            changed = _shown(message, step.version, now, step.again_at)
        case Wait() if message.due_at is not None:  # else it was dropped meanwhile, with its review
            changed = _waiting(message, step, now)
        case Replace():
            changed = replace(message, obstacle=Obstacle.UNEDITABLE, due_at=step.at, error=step.error)
        case PostAgain() if step.seen == message.ts:
            changed = replace(_owed(message, now), **NOWHERE, error=step.error)
        case Readdress():
            moved = replace(_owed(message, now), **NOWHERE, recipient=step.recipient)
            changed = _blocked(moved, step.at, step.error) if step.blocked else moved
        case GiveUp():
            changed = _given_up(message, step, now)
        case _:  # it is let go of, or is somewhere else by now
            changed = message
    return changed


def _tried(message: Message, step: Try, now: Instant) -> Message:
    since = message.doubted_since if message.doubted_since is not None else step.doubted_since
    return replace(message, attempt_at=now, attempts=message.attempts + 1, doubted_since=since)


def _given_up(message: Message, step: GiveUp, now: Instant) -> Message:
    obstacle = Obstacle.CLOSED if step.closed and message.ts is not None else None
    given_up = replace(message, due_at=None, owed_since=None, given_up_at=now, obstacle=obstacle)
    return replace(given_up, error=step.error, doubted_since=message.in_doubt_since)


def _placed(message: Message, step: Place, now: Instant) -> Message:
    """Return a message that is in Slack. One that was given up and landed is kept up to date again."""
    posted_at = message.posted_at if message.posted_at is not None else now
    where = replace(message, channel_id=step.channel_id, ts=step.ts, posted_at=posted_at)
    return replace(where, given_up_at=None, attempt_at=None, unsure_since=None)


def _shown(message: Message, version: int, now: Instant, again_at: Instant) -> Message:
    """Return a message that shows a version. It stays due if more was wanted meanwhile.

    If an earlier redraw may still land over this one, it is drawn once more.
    """
    shown = replace(message, shown=version, error=None, obstacle=None, attempts=0)
    if message.wanted > version:
        return replace(shown, due_at=now, owed_since=now)
    if message.unsure_since is None:
        return replace(shown, due_at=None, owed_since=None)
    again = replace(shown, wanted=message.wanted + 1, unsure_since=None)
    return replace(again, due_at=again_at, owed_since=again_at)


def _waiting(message: Message, step: Wait, now: Instant) -> Message:
    unsure = message.unsure_since if message.unsure_since is not None or not step.unsure else now
    waiting = replace(message, due_at=step.at, error=step.error, unsure_since=unsure)
    return _blocked(waiting, step.at, step.error) if step.blocked else waiting


def _blocked(message: Message, at: Instant, error: str) -> Message:
    return replace(message, due_at=at, error=error, obstacle=Obstacle.CLOSED)


def _owed(message: Message, now: Instant) -> Message:
    since = message.owed_since if message.owed_since is not None else now
    return replace(message, due_at=now, owed_since=since)
