"""Checks of the quiet agent: nobody's flood delays its Tier 3 cards and its pages.

How late a message is counts in Slack's order: by the posts that went before it once it was wanted. Slack
takes so many in ten seconds, and no busy machine can make them more. Messages during whose wait a call to
Slack went wrong, or the bot was killed, are left out: what is then in doubt is looked for first. So are posts
that went before an earlier message of the agent's own to the same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.slack.outbound.pace import USUAL
from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence, Row
from tests.chaos.world import QUIET

LATE_S = 10.0
MOST_IN_CHANNEL = int(LATE_S / USUAL.channel_s)
"""Posts that Slack takes in one channel meanwhile."""
MOST_IN_ALL = int(LATE_S / USUAL.workspace_s)


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a message waited that nothing disturbed, in posts: until it was posted, or was moot."""

    message: Row
    overtaken: int
    """Posts of other agents in its channel."""
    overtaken_in_all: int
    outrun: int
    """Messages of others that were wanted before it, for the same recipient, and went later."""


def waits(evidence: Evidence) -> list[Wait]:
    """Return how long the quiet agent's cards and pages waited."""
    mine = (each for each in evidence.messages if each["agent"] == QUIET)
    found = (_wait(evidence, each) for each in mine if each["kind"] in ("card", "page"))
    return [wait for wait in found if wait is not None]


def _wait(evidence: Evidence, message: Row) -> Wait | None:
    sent = next((each for each in evidence.sends if each.message_id == message["id"]), None)
    since, until = message["created_at"], sent.at if sent is not None else message["given_up_at"]
    if until is None or not evidence.sends or since < evidence.sends[0].at:
        return None
    if any(since <= at <= until for at in evidence.disturbed):
        return None
    mine = {each["id"] for each in evidence.messages if each["agent"] == QUIET}
    channel = sent.channel if sent is not None else _channel(message)
    before = [each for each in evidence.sends if since < each.at < until]
    # An agent's own messages to one place go one by one, and others have their turns between them.
    own = [each.at for each in before if each.message_id in mine and each.channel == channel]
    turn = max(own, default=since)
    before = [each for each in before if each.at > turn and each.message_id not in mine]
    later = {each.message_id for each in evidence.sends if each.at > until}
    outrun = [
        each
        for each in evidence.messages
        if each["recipient"] == message["recipient"] and each["created_at"] < since and each["id"] in later
    ]
    return Wait(message, sum(each.channel == channel for each in before), len(before), len(outrun))


def _channel(message: Row) -> str:
    """Return the channel that a message was to go to, as far as its recipient tells."""
    name: str = message["recipient"]
    return f"C0{name[1:].upper()}" if name.startswith("#") else name


def nobodys_flood_delays_a_tier_3(evidence: Evidence) -> Iterator[Violation]:
    """Fewer posts of others go before a card or a page of the quiet agent than Slack takes in ten seconds."""
    for wait in waits(evidence):
        if wait.overtaken > MOST_IN_CHANNEL or wait.overtaken_in_all > MOST_IN_ALL:
            message = wait.message
            what = f"the {message['kind']} {message['id']} waited for {wait.overtaken} posts in its channel, "
            what += f"and for {wait.overtaken_in_all} in all"
            about = (message["id"], message["review_id"])
            yield Violation("nobody's flood delays a Tier 3", what, about)
