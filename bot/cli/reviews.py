"""`membrane reviews`: list reviews, show one in full, and point an orphaned one at other people."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import click
import orjson
from sqlalchemy import Connection

from bot.cli.database_access import change, read
from bot.cli.freezes import at_the_terminal
from bot.cli.output import json_option, left, print_facts, print_json, print_table, safe, say, when
from bot.domain.durations import in_table
from bot.domain.expiry import ExpiryReason, expiry_reason
from bot.domain.message import state_of
from bot.domain.message_record import Message
from bot.domain.record import ActionRecord, JournalEntry
from bot.domain.review import Review
from bot.domain.states import ReviewState
from bot.errors import NotFound
from bot.membrane import Pointers
from bot.policyfile import load as load_policy
from bot.policyfile.hints import did_you_mean
from bot.settings import load
from bot.store import actions, journal, messages, reviews

EVERY = "all"
STATES = [*(state.value for state in ReviewState), EVERY]
HEAD = (
    "REVIEW",
    "AGE",
    "TIER",
    "KIND",
    "AGENT",
    "STATE",
    "RECEIPT",
    "DEADLINE",
    "VOTES",
    "WHO MAY ANSWER",
    "CARD",
    "ARGUMENTS",
)
ARGUMENTS = 80
"""Characters of the arguments in a table row; `reviews show` prints all of them."""


@click.group("reviews")
def reviews_group() -> None:
    """List reviews, open and closed, and show one in full. Works while the bot runs.

    People answer in Slack, where their identity is known; no command can answer for them.
    """


@reviews_group.command("list")
@click.option(
    "--state",
    type=click.Choice(STATES),
    default="pending",
    show_default=True,
    help="Only reviews in this state.",
)
@click.option("--agent", help="Only of this agent.")
@click.option("--kind", help="Only of this kind of action.")
@click.option("--last", type=click.IntRange(min=1), default=100, show_default=True, help="Only the latest N.")
@json_option
def list_reviews(*, state: str, agent: str | None, kind: str | None, last: int, as_json: bool) -> None:
    """List reviews, newest first; by default the pending ones.

    \b
      membrane reviews list --agent mailer
      membrane reviews list --state expired --json
    """  # noqa: D301  # \b is click's mark for lines to keep
    wanted = None if state == EVERY else ReviewState(state)
    found = read(lambda connection: _listed(connection, wanted, agent, kind, last))
    if as_json:
        print_json([_summary(review, action) for review, action in found])
    elif not found:
        say("No reviews." if wanted is not ReviewState.PENDING else "Nothing waits for a person.")
    else:
        print_table(HEAD, [_line(review, action) for review, action in found])


def _listed(
    connection: Connection, state: ReviewState | None, agent: str | None, kind: str | None, last: int
) -> list[tuple[Review, ActionRecord]]:
    found = reviews.listed(connection, state=state, agent=agent, kind=kind, most=last)
    asked = ((review, actions.get(connection, review.action_id)) for review in found)
    return [(review, action) for review, action in asked if action is not None]


def _line(review: Review, action: ActionRecord) -> tuple[Any, ...]:
    ruling = review.ruling
    return (
        review.id,
        in_table(time.time() - review.opened_at),
        int(ruling.tier),
        action.kind,
        action.agent,
        _state(review),
        action.receipt,
        left(review.expires_at) if review.pending else None,
        f"{len(review.approvals)}/{ruling.quorum}",
        " or ".join(ruling.approvers),
        ruling.channel,
        _cut(orjson.dumps(action.args).decode()),
    )


def _cut(text: str) -> str:
    return (
        text if len(text) <= ARGUMENTS else f"{text[:ARGUMENTS]}… ({len(text) - ARGUMENTS} more characters)"
    )


def _state(review: Review) -> str:
    if review.pending and review.overdue_at is not None:
        return "overdue"
    if review.pending and review.expires_at is None:
        return "halted"
    if expiry_reason(review) is ExpiryReason.NEVER_SHOWN:
        return "expired, never shown"
    return review.state


def _shown(review: Review) -> str | None:
    if review.shown_at is not None:
        return when(review.shown_at)
    return "not yet: its window starts then" if review.pending else "never"


def _summary(review: Review, action: ActionRecord) -> dict[str, Any]:
    ruling = review.ruling
    return {
        "id": review.id,
        "action_id": action.id,
        "kind": action.kind,
        "args": action.args,
        "agent": action.agent,
        "on_behalf_of": action.on_behalf_of,
        "tier": int(ruling.tier),
        "state": review.state,
        "receipt": action.receipt,
        "opened_at": review.opened_at,
        "shown_at": review.shown_at,
        "expires_at": review.expires_at,
        "outcome_reason": expiry_reason(review),
        "overdue_at": review.overdue_at,
        "closed_at": review.closed_at,
        "approvers": ruling.approvers,
        "quorum": ruling.quorum,
        "approvals": [vote.voter for vote in review.approvals],
        "decided_by": review.decided_by,
        "note": review.note,
        "channel": ruling.channel,
        "if_nobody_answers": ruling.default,
    }


@dataclass(frozen=True, slots=True)
class _Story:
    """Everything known about one action."""

    action: ActionRecord
    reviews: tuple[Review, ...]
    messages: list[Message]
    journal: list[JournalEntry]


@reviews_group.command("show")
@click.argument("found_by", metavar="ID")
@json_option
def show(*, found_by: str, as_json: bool) -> None:
    """Print everything known about one action: its ruling, votes, messages and journal.

    ID is a review's (rev_…) or an action's (act_…).
    """
    story = read(lambda connection: _story(connection, found_by))
    if as_json:
        print_json(asdict(story))
    else:
        _print(story)


@reviews_group.command("point")
@click.argument("name", metavar="NAME")
@click.argument("group", metavar="GROUP")
def point(name: str, group: str) -> None:
    """Let GROUP decide the open reviews that wait for NAME, which the policy no longer has.

    Use it if a group was renamed or removed in the policy while reviews wait for it. GROUP is a name from
    the policy's `people`. It takes effect at once, also while the bot runs, until the policy has NAME again.

    \b
      membrane reviews point platform-oncall platform
    """  # noqa: D301  # \b is click's mark for lines to keep
    settings = load(slack=False)
    people = load_policy(settings.policy).people
    if name in people:
        raise click.UsageError(
            f"{settings.policy} still has {safe(name)}, so its own people decide its reviews"
        )
    if group not in people:
        hint = did_you_mean(group, people)
        raise click.UsageError(f"{settings.policy} has no people named {safe(group)}; {hint}")
    ids = change(lambda db: Pointers(db).point(name, group, by=at_the_terminal()))
    count = f"{len(ids)} open review{'s' * (len(ids) != 1)}"
    say(f"{group} decides in place of {safe(name)} now: {count}.")


def _story(connection: Connection, found_by: str) -> _Story:
    review = reviews.get(connection, found_by)
    action = actions.get(connection, review.action_id if review is not None else found_by)
    if action is None:
        raise NotFound(f"no review or action has the id {found_by}; see `membrane reviews list --state all`")
    asked = reviews.of_action(connection, action.id)
    shown = [message for each in asked for message in messages.of_review(connection, each.id)]
    shown += messages.receipts_of(connection, action.id)
    entries = list(journal.entries(connection, action_id=action.id))
    return _Story(action, asked, shown, entries)


def _print(story: _Story) -> None:
    _print_action(story.action)
    for review in story.reviews:
        _print_review(review)
    if story.messages:
        click.secho("\nMessages", bold=True)
        head = ("KIND", "TO", "POSTED", "STATE")
        now = time.time()
        print_table(head, [_message(message, now) for message in story.messages])
    click.secho("\nJournal", bold=True)
    for entry in story.journal:
        body = " ".join(f"{name}={safe(value)}" for name, value in orjson.loads(entry.body).items())
        say(f"{when(entry.at)}  {entry.event:<20}  {body}")


def _print_action(action: ActionRecord) -> None:
    ruling = action.ruling
    click.secho(f"{action.id}  {safe(action.kind)}  {action.state}", bold=True)
    facts = [
        ("agent", action.agent),
        ("owner", action.owner),
        ("on behalf of", action.on_behalf_of),
        ("proposed", when(action.proposed_at)),
        ("tier", f"{int(action.tier)} ({action.tier.label}), by {ruling.rule}: {ruling.reason}"),
        ("policy", ruling.policy_version),
        ("thread", action.thread_id),
        ("receipt", action.receipt),
        ("detail", action.detail),
        ("reference", action.reference),
        ("the agent says", action.description),
    ]
    print_facts([(name, value) for name, value in facts if value is not None])
    for line in orjson.dumps(action.args, option=orjson.OPT_INDENT_2).decode().split("\n"):
        say(f"  {safe(line)}")


def _print_review(review: Review) -> None:
    ruling = review.ruling
    click.secho(f"\n{review.id}  {_state(review)}", bold=True)
    facts = [
        ("opened", when(review.opened_at)),
        ("first shown", _shown(review)),
        ("deadline", when(review.expires_at)),
        ("nobody answers", ruling.default),
        ("who may answer", f"{' or '.join(ruling.approvers)}, {ruling.quorum} of them"),
        ("channel", ruling.channel),
        ("follows", review.predecessor_id),
        ("acknowledged by", review.acked_by),
        ("next page", when(review.next_page_at)),
        ("closed", when(review.closed_at)),
        ("note", review.note),
    ]
    print_facts([(name, value) for name, value in facts if value is not None])
    for vote in review.votes:
        verdict = "approved" if vote.approve else "rejected"
        if vote.fallen is not None:
            verdict += f" (does not count: {vote.fallen})"
        say(f"  {vote.voter} {verdict} {when(vote.at)}" + (f": {safe(vote.note)}" if vote.note else ""))


def _message(message: Message, now: float) -> tuple[Any, ...]:
    state = str(state_of(message, now))
    if message.error is not None:
        state += f": {message.error}"
    return message.kind, message.recipient, when(message.posted_at), state
