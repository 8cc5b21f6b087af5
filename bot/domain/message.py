"""The life of a message in Slack: its states, and one pure function to the next step.

`bot.domain.message_answers` has the answers and `bot.domain.message_steps` the steps, as values;
`bot.domain.message_failures` chooses the step after a failed call, and `bot.domain.message_changes` applies a
step to the message. Instants are seconds since the epoch, UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.domain.escalation import Instant
from bot.domain.message_answers import (
    Answer,
    Checked,
    Deleted,
    Failed,
    Found,
    NotFound,
    Posted,
    Redrawn,
    Taken,
    Unwelcome,
)
from bot.domain.message_failures import after_deletion, after_failure
from bot.domain.message_record import Message, Obstacle
from bot.domain.message_steps import (
    Delete,
    GiveUp,
    Look,
    Outcome,
    Place,
    Post,
    Redraw,
    Release,
    Show,
    Step,
    Try,
    Wait,
)


class MessageState(StrEnum):
    """Where a message is in its life."""

    WANTED = "wanted"
    """It is to be posted, and waits for its turn."""
    TRYING = "trying"
    """A worker holds it and asks Slack."""
    IN_DOUBT = "in doubt"
    """A post broke, or its worker died: it may be in Slack."""
    SHOWN = "shown"
    """Slack shows its wanted version."""
    STALE = "stale"
    """Slack shows an earlier version."""
    BLOCKED = "blocked"
    """The place where it is, or belongs, is closed to the bot."""
    REPLACED = "replaced"
    """It is to be replaced: Slack refuses edits, so it is deleted, and posted again if somebody needs it."""
    GIVEN_UP = "given up"
    """Nobody needs it any more, or nobody can be shown it."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in seconds.

    After a post that may have landed, its channel is looked at several times within `settle_s` before the
    message is posted again, and `recheck_s` afterwards, because a post can also land late.
    """

    settle_s: float = 10.0
    recheck_s: tuple[float, ...] = (30.0, 180.0)


USUAL = Timing()
LOOKS = (0.1, 0.3, 0.6, 1.0)
"""When to look within the settle time, as shares of it."""
BLIND_SHARE = 6.0
"""How many settle times a post in doubt holds the message up where the bot may not read the history."""
LATE_S = 5.0
"""How soon a message is looked at again whose review is about to expire as never shown."""


def state_of(message: Message, now: Instant) -> MessageState:
    """Return the state of a message."""
    if message.leased_until is not None and message.leased_until > now:
        return MessageState.TRYING
    if message.obstacle is Obstacle.UNEDITABLE:
        return MessageState.REPLACED
    if message.obstacle is Obstacle.CLOSED:
        return MessageState.BLOCKED
    if message.due_at is None and message.given_up_at is not None:
        return MessageState.GIVEN_UP
    if message.ts is None:
        return MessageState.WANTED if message.attempt_at is None else MessageState.IN_DOUBT
    return MessageState.SHOWN if message.due_at is None else MessageState.STALE


def next_step(message: Message, answer: Answer, now: Instant, timing: Timing = USUAL) -> Step:
    """Return what to do with a message that a worker holds, after an answer of Slack's.

    | state when it is taken | first step |
    |---|---|
    | wanted | Post; Look first if an earlier post may still land |
    | in doubt | Look for the earlier post |
    | shown, stale | Redraw |
    | blocked | as the message is: Post, Look or Redraw |
    | replaced | Delete |
    | given up | never taken |

    | answer | next step | then it is |
    |---|---|---|
    | Busy: Slack's pace | Release, in its turn | as before |
    | Checked: moot | GiveUp | given up |
    | Checked: late | Wait five seconds; its review expires meanwhile | as before |
    | Checked: neither | Try, then the post itself | trying |
    | Unwelcome | GiveUp | given up |
    | Posted | Place | shown; stale if more is wanted |
    | Redrawn | Show | shown; stale if more is wanted, or an older redraw may land |
    | Found | Place the first copy, delete the others | stale |
    | NotFound, within the settle time | Wait for the next look | as before |
    | NotFound, afterwards | Post, and go on looking | trying |
    | Deleted | PostAgain if its kind is in REPOSTED, else GiveUp | wanted, or given up |
    | Failed to delete | Wait if TRANSIENT, else as after Deleted | replaced, wanted or given up |
    | Failed: unsure, down | Wait, longer each time | in doubt or stale if unsure, else as before |
    | Failed: limited, token | Wait for the failure's `retry_after_s` | as before |
    | Failed: refused | Wait, longer each time; tell the admins at the third | as before |
    | Failed: closed, shared | the first that applies; after the first row, tell the admins | |
    | – its question is closed | GiveUp | blocked if it is in Slack, else given up |
    | – it has a fallback | Readdress it there | wanted |
    | – it is not a card or receipt | GiveUp | blocked if it is in Slack, else given up |
    | – it is away from home | Readdress it home, in five minutes | blocked |
    | – it is at home | Wait five minutes | blocked |
    | Failed: gone | PostAgain a card or receipt that asks, else GiveUp | wanted, or given up |
    | Failed: uneditable | Replace: Delete it next | replaced |
    | – a notice; a page that asks the same as the card | Leave | shown |
    | – a digest | GiveUp | given up |
    | Failed: too long | Wait, to be drawn short at once | as before |
    | – already short, in Slack | Leave, and tell the admins | shown |
    | – already short, a card or receipt that asks | Wait five minutes, and tell the admins | as before |
    | – already short, any other | GiveUp, and tell the admins | given up |

    `as before` is wanted for a post that Slack refused: it is not in doubt any more. A blocked message stays
    blocked until it is shown, readdressed or given up. The outbox retries one given up while blocked.
    """
    if isinstance(answer, Failed):
        return after_failure(message, answer, now, again_at=now + timing.recheck_s[0])
    return _after(message, answer, now, timing)


def _after(message: Message, answer: Answer, now: Instant, timing: Timing) -> Step:
    step: Step
    match answer:
        case Taken():
            step = _first(message, now, timing)
        case Checked():
            step = _before_a_post(message, answer, now)
        case Unwelcome(why):
            step = GiveUp(error=why)
        case Posted(channel_id, ts, version, shows):
            step = Place(channel_id=channel_id, ts=ts, version=version, shows=shows)
        case Redrawn(ts, version, shows):
            step = Show(ts=ts, version=version, again_at=now + timing.recheck_s[0], shows=shows)
        case Found():
            step = keep_first(answer)
        case NotFound():
            step = _after_a_look(message, answer, now, timing)
        case Deleted():
            step = after_deletion(message)
        case _:  # Slack's pace does not allow it now
            step = Release()
    return step


def keep_first(found: Found) -> Place:
    """Return the step that makes the first of several copies the message. It shows an earlier version."""
    first, *extra = found.copies
    return Place(channel_id=found.channel_id, ts=first, version=0, extra=tuple(extra))


def _first(message: Message, now: Instant, timing: Timing) -> Step:
    if message.ts is not None:
        return Delete() if message.obstacle is Obstacle.UNEDITABLE else Redraw()
    if message.attempt_at is not None:
        return Look(message.attempt_at, good_from=min(now, message.attempt_at + timing.settle_s))
    if message.doubted_since is not None:
        return Look(message.doubted_since, good_from=now)
    return Post(None)


def _before_a_post(message: Message, found: Checked, now: Instant) -> Outcome:
    if found.moot:
        return GiveUp(error="the review was closed before it was sent")
    if found.late:
        return Wait(at=now + LATE_S, error="its review was never shown in time")
    return Try(doubted_since=message.in_doubt_since)


def _after_a_look(message: Message, look: NotFound, now: Instant, timing: Timing) -> Step:
    """Look again within the settle time of the last post. Afterwards the message is posted again.

    If Slack refused the last post, that one has not landed, and an earlier one had its time.
    """
    since = message.attempt_at if message.attempt_at is not None else message.doubted_since
    if since is None:
        return Post(None)
    settled_at = since + timing.settle_s * (BLIND_SHARE if look.blind else 1.0)
    if (now if look.blind else look.read_at) >= settled_at:
        return Post(message.in_doubt_since)
    looks = (since + share * timing.settle_s for share in LOOKS)
    last = max(now, settled_at)
    at = last if look.blind else next((each for each in looks if each > now), last)
    return Wait(at=at, error="it may have been posted; looking for it")
