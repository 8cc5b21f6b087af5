"""Modals: everything about a review, page by page; the note to a rejection; an answer to a submission."""

from __future__ import annotations

from typing import Any

from bot.domain.record import Standing
from bot.domain.review import Review
from bot.domain.ruling import TraceStep
from bot.domain.states import ActionState
from bot.slack.cards import argument_text, buttons, rich_text, sentences
from bot.slack.cards.rich_text import text
from bot.slack.cards.visible import Shown, cut, visible

Json = dict[str, Any]

NOTE_VIEW = "note"
NOTE_BLOCK = "note"
NOTE_INPUT = "note"
NOTE_LENGTH = 1000
PART_CHARACTERS = 2500
"""Most characters of one preformatted part in the modal."""
PAGE_CHARACTERS = 20_000
"""Slack takes 250 kB of JSON for a view; a character may take twelve bytes there."""
PAGE_BLOCKS = 80
TRACE_LINES = 40


def note(pressed: buttons.Pressed, standing: Standing) -> Json:
    """The modal that asks for the note of a rejection."""
    return {
        "type": "modal",
        "callback_id": NOTE_VIEW,
        "private_metadata": pressed.encode(),
        "title": _plain("Reject with a note"),
        "submit": _plain("Reject"),
        "close": _plain("Back"),
        "blocks": [
            rich_text.block(sentences.headline(standing.action)),
            {
                "type": "input",
                "block_id": NOTE_BLOCK,
                "label": _plain("Why not? The agent is told this, and it stands on the card."),
                "element": {
                    "type": "plain_text_input",
                    "action_id": NOTE_INPUT,
                    "multiline": True,
                    "min_length": 1,
                    "max_length": NOTE_LENGTH,
                },
            },
        ],
    }


def answer(words: str) -> Json:
    """A modal that answers a submission. `words` are in Slack's markup, as in an ephemeral answer."""
    line = {"type": "section", "text": {"type": "mrkdwn", "text": words, "verbatim": True}}
    return _closable("Not counted", [line])


def everything(standing: Standing, review: Review, page: int = 0) -> Json:
    """One page of everything: all arguments, the agent's words, the votes, the whole trace."""
    pages = _paged(_parts(standing, review))
    place = min(max(page, 0), len(pages) - 1)
    blocks = pages[place]
    if len(pages) > 1:
        blocks = [*blocks, _turn(review, place, len(pages))]
    return {
        "type": "modal",
        "title": _plain("Everything about it"),
        "close": _plain("Close"),
        "blocks": blocks,
    }


def _closable(title: str, blocks: list[Json]) -> Json:
    return {"type": "modal", "title": _plain(title), "close": _plain("Close"), "blocks": blocks}


def _plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def _parts(standing: Standing, review: Review) -> list[Json]:
    action = standing.action
    parts = [
        rich_text.block(sentences.headline(action), sentences.who(action)),
        *_long("Arguments", argument_text.draw(action.args)),
    ]
    if action.description:
        words = visible(action.description, lines=True)
        parts += _long("The agent says, in its own words, checked by nobody", words)
    for vote in review.votes:
        if vote.note:
            parts += _long(f"Note of {vote.voter}", visible(vote.note, lines=True))
    if action.detail:
        reported = action.state in {ActionState.EXECUTED, ActionState.FAILED}
        title = "What was reported" if reported else "What became of it"
        parts += _long(title, visible(action.detail, lines=True))
    parts.append(rich_text.block(sentences.why(review.ruling), *_trace(review), *_ids(standing, review)))
    return parts


def _long(title: str, words: Shown) -> list[Json]:
    chunks = argument_text.pages(words, PART_CHARACTERS)
    head = rich_text.section(text(title, bold=True))
    return [
        rich_text.block(*([head] if place == 0 else []), rich_text.preformatted(chunk or Shown(" ")))
        for place, chunk in enumerate(chunks)
    ]


def _trace(review: Review) -> list[Json]:
    return [_trace_line(step) for step in review.ruling.trace[:TRACE_LINES]]


def _trace_line(step: TraceStep) -> Json:
    mark = text("● " if step.matched else "○ ")
    to = f" → Tier {int(step.to)}" if step.matched and step.to is not None else ""
    return rich_text.section(
        mark, text(cut(step.name, 80), code=True), text(f"{to}: "), text(cut(step.why, 300))
    )


def _ids(standing: Standing, review: Review) -> list[Json]:
    facts = {
        "action": standing.action.id,
        "review": review.id,
        "args digest": review.args_digest,
        "policy": review.ruling.policy_version,
    }
    return [
        rich_text.section(text(f"{name} "), text(cut(value, 100), code=True)) for name, value in facts.items()
    ]


def _paged(parts: list[Json]) -> list[list[Json]]:
    pages: list[list[Json]] = [[]]
    used = 0
    for part in parts:
        size = _characters(part)
        if pages[-1] and (used + size > PAGE_CHARACTERS or len(pages[-1]) == PAGE_BLOCKS):
            pages.append([])
            used = 0
        pages[-1].append(part)
        used += size
    return pages


def _characters(part: Any) -> int:
    if isinstance(part, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else _characters(v) for k, v in part.items())
    return sum(_characters(item) for item in part) if isinstance(part, list) else 0


def _turn(review: Review, place: int, count: int) -> Json:
    def to(page: int, words: str) -> Json:
        value = buttons.Pressed.of(review, page).encode()
        return buttons.button(f"{buttons.VIEW_PAGE}_{page}", words, value)

    turns = [to(place - 1, "← Back")] if place else []
    turns += [to(place + 1, f"Page {place + 2} of {count} →")] if place + 1 < count else []
    return {"type": "actions", "block_id": "pages", "elements": turns}
