"""Messages about reviews: the card, the page to somebody on call, the post to a channel, the requester's.

Pure: records in, blocks and fallback text out. Top to bottom a card says what will happen, who asks,
the arguments, why it is here, until when and what happens then; then the buttons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.domain.expiry import ExpiryReason, expiry_reason, unanswered
from bot.domain.freezing import Freeze
from bot.domain.message_record import Message
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.domain.ruling import AbsentDefault
from bot.domain.states import ReviewState
from bot.slack.cards import argument_text, buttons, mrkdwn, progress, rich_text, sentences
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import cut, excerpt

Json = dict[str, Any]

DESCRIPTION_CHARACTERS = 700
WHY_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class Drawn:
    """A message as Slack takes it. `text` is the notification and what a screen reader says."""

    text: str
    blocks: list[Json]


@dataclass(frozen=True, slots=True)
class Links:
    """Where the cards are that a message points to, as far as that is known."""

    card: str | None = None
    predecessor: str | None = None
    successor: str | None = None


def card(standing: Standing, review: Review, links: Links = Links(), *, terse: bool = False) -> Drawn:
    """Draw a review's card. `terse` leaves the arguments to "View all", for when Slack finds it too long."""
    action = standing.action
    blocks = [rich_text.block(sentences.headline(action), sentences.who(action))]
    blocks += [] if terse else [arguments(action)]
    blocks.append(rich_text.block(sentences.why(review.ruling), *_came_from(standing, review, links)))
    blocks += [*_state(standing, review), *_goes_on(review, links)]
    blocks += [*([] if terse else _claim(action)), buttons.row(review)]
    return Drawn(_fallback(standing, review), blocks)


def page(message: Message, standing: Standing, review: Review, links: Links = Links()) -> Drawn:
    """Draw the notification of one person: why they are told, the card's essence, and the same buttons."""
    lead = _lead("You are paged", message, review, links)
    return _notification(lead, standing, review, links)


def post(message: Message, standing: Standing, review: Review, links: Links = Links()) -> Drawn:
    """Draw the chain's post to a channel."""
    return _notification(_lead("Told here", message, review, links), standing, review, links)


def told(standing: Standing, review: Review, links: Links = Links()) -> Drawn:
    """Draw the message to the person in whose name the agent asked. It has no buttons, as they do not decide.

    It quotes nothing that the agent wrote: the person never asked to hear it.
    """
    action = standing.action
    agent = text(cut(action.agent, 120), code=True)
    lead = [text("In your name, the agent "), agent, text(" asked for this:")]
    blocks = [rich_text.block(rich_text.section(*lead), sentences.headline(action))]
    blocks.append(progress.block(progress.lines(standing, review)))
    blocks += [rich_text.block(*notes)] if (notes := sentences.notes(review)) else []
    blocks += _link(links)
    return Drawn(f"What you asked for through an agent: {_fallback(standing, review)}", blocks)


def stalled(drawn: Drawn, why: str) -> Drawn:
    """Say above a card that its thread stands still, so that an answer takes effect later, and why."""
    words = [
        text("⚠ Its thread cannot go on now: ", bold=True),
        text(cut(why.rstrip("."), WHY_CHARACTERS)),
        text(". An answer counts, and takes effect once it goes on."),
    ]
    return Drawn(drawn.text, [rich_text.block(rich_text.section(*words)), *drawn.blocks])


def frozen(drawn: Drawn, freeze: Freeze) -> Drawn:
    """Say above a card that an operator has frozen its action, until when and why."""
    end = "" if freeze.until is None else f" until {mrkdwn.date(freeze.until)}"
    by = mrkdwn.literal(cut(freeze.by, sentences.NAME_CHARACTERS))
    lead = f"🧊 *Frozen* by {by}{end}: it does not start before the thaw, whatever is decided."
    why = rich_text.block(rich_text.quote(excerpt(freeze.why, WHY_CHARACTERS)))
    return Drawn(drawn.text, [progress.block([lead]), why, *drawn.blocks])


def restored(drawn: Drawn, since: float) -> Drawn:
    """Say above a card that its action may have run since the backup that was restored."""
    line = (
        f"⚠ *The bot’s database was restored from a backup of {mrkdwn.date(since)}.* This may have been "
        "answered, and may have run, since. Once it is approved, somebody is asked whether it happened, "
        "before it may start."
    )
    return Drawn(f"After a restore: {drawn.text}"[: mrkdwn.FALLBACK], [progress.block([line]), *drawn.blocks])


def after_restore(drawn: Drawn, since: float, at: float) -> Drawn:
    """Say above a card that the bot does not know what it was asked before."""
    line = (
        f"⚠ *The bot’s database was restored.* What it was asked between {mrkdwn.date(since)} and "
        f"{mrkdwn.date(at)} is not known to it: look whether this was done before."
    )
    return Drawn(drawn.text, [progress.block([line]), *drawn.blocks])


def in_place(drawn: Drawn, gone: Sequence[tuple[str, str | None]]) -> Drawn:
    """Say above a card which of its approvers the policy no longer names, and who decides in their place."""
    lines = []
    for name, to in gone:
        lead = f"⚠ The policy no longer names {mrkdwn.literal(cut(name, sentences.NAME_CHARACTERS))}"
        then = f"{mrkdwn.literal(cut(to, sentences.NAME_CHARACTERS))} decides in its place." if to else ""
        nobody = "nobody can decide as one of them until an admin names another group for it."
        lines.append(f"{lead}: {then or nobody}")
    return Drawn(drawn.text, [progress.block(lines), *drawn.blocks]) if lines else drawn


def _notification(lead: Json, standing: Standing, review: Review, links: Links) -> Drawn:
    action = standing.action
    blocks = [
        rich_text.block(lead, sentences.headline(action), sentences.who(action)),
        arguments(action),
        *_state(standing, review),
        *_link(links),
        buttons.row(review, acknowledge=True),
    ]
    return Drawn(_fallback(standing, review), blocks)


def _lead(words: str, message: Message, review: Review, links: Links) -> Json:
    """Why somebody is told: the step of the chain, while the review waits."""
    chain = review.ruling.chain
    if _halted(review):
        again = (
            rich_text.link(links.successor, "on its new card") if links.successor else text("on a new card")
        )
        return rich_text.section(
            text(f"{words} about this; it was halted and is asked again "), again, text(".")
        )
    if not review.pending or chain is None:
        return rich_text.section(text(f"{words} about this; it needs nobody any more."))
    steps = len(chain.steps)
    turn = message.position - steps + 1
    where = f"step {message.position + 1} of {steps}" if turn <= 0 else f"repetition {turn}"
    so_far = f"{unanswered(review)} so far" if review.approvals else "nobody has answered yet"
    return rich_text.section(
        text(words, bold=True),
        text(f" because {so_far}: {where} of the escalation "),
        text(cut(chain.name, 120), code=True),
        text("."),
    )


def arguments(action: ActionRecord, rest: str = "all of it is under “View all”") -> Json:
    """The arguments, cut visibly if they are long; `rest` says where to read on."""
    drawing = argument_text.draw_short(action.args)
    parts = [rich_text.section(text("Arguments", bold=True)), rich_text.preformatted(drawing.text)]
    if not drawing.complete:
        parts.append(rich_text.section(text(f"Cut here; {rest}.", italic=True)))
    return rich_text.block(*parts)


def _claim(action: ActionRecord) -> list[Json]:
    if not action.description:
        return []
    lead = rich_text.section(text("The agent says, in its own words, checked by nobody:", italic=True))
    return [rich_text.block(lead, rich_text.quote(excerpt(action.description, DESCRIPTION_CHARACTERS)))]


def _state(standing: Standing, review: Review) -> list[Json]:
    """How it stands, and what people wrote about that."""
    written = [*sentences.notes(review), *sentences.reported(standing, review)]
    stands = progress.block(progress.lines(standing, review))
    return [stands, rich_text.block(*written)] if written else [stands]


def _halted(review: Review) -> bool:
    """Whether it expired into a safe-halt: a successor of it can still be answered."""
    return review.state is ReviewState.EXPIRED and review.ruling.default is AbsentDefault.SAFE_HALT


def _came_from(standing: Standing, review: Review, links: Links) -> list[Json]:
    if review.predecessor_id is None:
        return []
    words = "an earlier card"
    where = rich_text.link(links.predecessor, words) if links.predecessor else text(words)
    earlier = next((each for each in standing.reviews if each.id == review.predecessor_id), None)
    lead = "Nobody answered "
    if earlier is not None and earlier.approvals:
        lead = f"Only {len(earlier.approvals)} of {earlier.ruling.quorum} approved on "
    elif earlier is not None and expiry_reason(earlier) is ExpiryReason.NEVER_SHOWN:
        lead = "Nobody who may decide was shown "
    return [rich_text.section(text(lead), where, text(", so it was halted and is asked again."))]


def _goes_on(review: Review, links: Links) -> list[Json]:
    """Where it is asked again, if it is."""
    if not links.successor:
        return []
    words = "It can be answered on " if review.state is ReviewState.EXPIRED else "It was asked again on "
    return [
        rich_text.block(
            rich_text.section(text(words), rich_text.link(links.successor, "its new card"), text("."))
        )
    ]


def _link(links: Links) -> list[Json]:
    link = links.successor or links.card
    words = "Open its new card" if links.successor else "Open the card"
    return [rich_text.block(rich_text.section(rich_text.link(link, words)))] if link else []


def _fallback(standing: Standing, review: Review) -> str:
    """The review in one line of Slack's markup, with all of the agent's markup disabled."""
    return fallback(_summary(review), standing.action)


def fallback(summary: str, action: ActionRecord) -> str:
    """The notification about an action, after the bot's own summary."""
    return f"{summary}: {sentences.in_a_line(action)}"[: mrkdwn.FALLBACK]


def _summary(review: Review) -> str:
    tier = int(review.ruling.tier)
    match review.state:
        case ReviewState.PENDING if review.overdue_at is not None:
            return f"Overdue sign-off, Tier {tier}"
        case ReviewState.PENDING if review.expires_at is None:
            return f"Halted and waiting for an answer, Tier {tier}"
        case ReviewState.PENDING:
            return f"Approval wanted, Tier {tier}"
        case ReviewState.EXPIRED if review.ruling.default is AbsentDefault.SAFE_HALT:
            return f"Halted: {unanswered(review)} in time"
        case ReviewState.EXPIRED:
            return f"Aborted: {unanswered(review)} in time"
        case state:
            return state.value.capitalize()
