"""What follows from a failed call to Slack: pure functions of the message, the failure and now."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.escalation import Instant
from bot.domain.message_answers import TRANSIENT, Call, Failed, FailureKind
from bot.domain.message_record import (
    ABOUT_A_QUESTION,
    ASKING,
    COPIES,
    REPOSTED,
    TOLD_TO_ADMINS,
    Message,
    MessageKind,
)
from bot.domain.message_steps import GiveUp, Leave, Outcome, PostAgain, Readdress, Replace, Tell, Wait

BLOCKED_S = 300.0
"""How soon a message without a place is tried again: an admin may have opened one."""
REPLACING_S = 45.0
"""How long the replacement of a message has before another worker goes on with it."""
LONGEST_BACKOFF_S = 300.0
TRIES_BEFORE_TELLING = 3
"""Refusals in a row before the admins hear of them."""
MOOT = "the review was closed"


def after_deletion(message: Message) -> Outcome:
    """Return what follows once a message is deleted that nobody could edit, or cannot be deleted either."""
    error = message.error or ""
    if message.kind in REPOSTED:
        return PostAgain(seen=str(message.ts), error=error)
    return GiveUp(error=f"{MOOT}: {error}")


def after_failure(message: Message, failed: Failed, now: Instant, *, again_at: Instant) -> Outcome:
    """Return what follows from a failure.

    `again_at` is when a message that stays as it is is drawn again, if an earlier redraw may still land.
    """
    refused = failed.call is Call.POST and not failed.may_have_landed
    return replace(_after(message, failed, now, again_at), refused=refused)


def _after(message: Message, failed: Failed, now: Instant, again_at: Instant) -> Outcome:
    if failed.call is Call.DELETE:
        passes = failed.kind in TRANSIENT
        return _wait(failed, now, error=message.error or "") if passes else after_deletion(message)
    match failed.kind:
        case FailureKind.CLOSED | FailureKind.SHARED:
            outcome = _elsewhere(message, failed, now)
        case FailureKind.GONE if message.ts is not None:
            outcome = _gone(message, failed)
        case FailureKind.UNEDITABLE if message.ts is not None:
            outcome = _uneditable(message, failed, now, again_at)
        case FailureKind.TOO_LONG:
            outcome = _too_long(message, failed, now, again_at)
        case _:
            outcome = _wait(failed, now, tells=message.kind != MessageKind.NOTICE)
    return outcome


def _wait(failed: Failed, now: Instant, *, error: str | None = None, tells: bool = False) -> Wait:
    """Try again when Slack says, or else after twice the last wait."""
    tries, wait_s = failed.given.tries, failed.retry_after_s
    if failed.kind not in (FailureKind.LIMITED, FailureKind.TOKEN):
        tries += 1
        wait_s = min(LONGEST_BACKOFF_S, 0.25 * 2.0 ** min(tries, 16))
    told = tells and failed.kind is FailureKind.REFUSED and tries == TRIES_BEFORE_TELLING
    return Wait(
        at=now + wait_s,
        error=failed.error if error is None else error,
        unsure=failed.call is Call.REDRAW and failed.may_have_landed,
        tries=tries,
        terse=failed.given.terse,
        tell=Tell.NOT_DELIVERED if told else None,
    )


def _elsewhere(message: Message, failed: Failed, now: Instant) -> Outcome:
    """Send a message to its fallback. Without one it waits if it asks, or else is given up."""
    given, error = failed.given, failed.error
    told = Tell.SHARED if failed.kind is FailureKind.SHARED else Tell.NOT_DELIVERED
    tell = told if message.kind in TOLD_TO_ADMINS else None
    at = now + BLOCKED_S
    if message.kind in ABOUT_A_QUESTION and not given.asks:
        what = "receipt" if message.kind == MessageKind.RECEIPT else "review"
        return GiveUp(error=f"{error}; the {what} is closed by now", closed=True)
    if given.fallback is not None:
        return Readdress(recipient=given.fallback, at=now, error=error, tell=tell)
    if message.kind not in ASKING:
        return GiveUp(error=error, closed=True, tell=tell)
    if given.home is not None and given.home != message.recipient:
        return Readdress(recipient=given.home, at=at, error=error, blocked=True, tell=tell)
    return Wait(at=at, error=error, blocked=True, tell=tell)


def _gone(message: Message, failed: Failed) -> Outcome:
    """Post a message again that somebody deleted while it asks; let others be."""
    if message.kind in ASKING and failed.given.asks:
        return PostAgain(seen=str(message.ts), error=failed.error)
    return _let_go(message, failed)


def _uneditable(message: Message, failed: Failed, now: Instant, again_at: Instant) -> Outcome:
    """Delete a message that nobody can edit, so that nothing untrue stays.

    A card is posted again, and so is what its requester is told. A page stays while it asks the same as the
    card, and goes afterwards. A notice never changes, so it stays.
    """
    if message.kind == MessageKind.NOTICE or (message.kind in COPIES and failed.given.asks):
        return Leave(version=message.wanted, again_at=again_at, error=failed.error)
    if message.kind in REPOSTED | COPIES:
        return Replace(at=now + REPLACING_S, error=failed.error)
    return _let_go(message, failed)


def _too_long(message: Message, failed: Failed, now: Instant, again_at: Instant) -> Outcome:
    """Draw a message short. If Slack still refuses it, it stays, waits if it asks, or is given up."""
    given, tell = failed.given, Tell.NOT_DRAWN
    if not given.terse:
        return Wait(at=now, error=failed.error, tries=given.tries, terse=True)
    if message.ts is not None:
        return Leave(version=message.wanted, again_at=again_at, error=failed.error, tell=tell)
    if message.kind in ASKING and given.asks:
        return Wait(at=now + BLOCKED_S, error=failed.error, tell=tell)
    return GiveUp(error=failed.error, tell=tell)


def _let_go(message: Message, failed: Failed) -> GiveUp:
    moot = message.kind in COPIES and not failed.given.asks
    return GiveUp(error=f"{MOOT}: {failed.error}" if moot else failed.error)
