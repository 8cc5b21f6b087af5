"""The buttons of cards: their names, their values, and how a value is read back.

A button carries the ids of its review and action, and the digest of the arguments that its card showed, so a
vote is for those arguments and no others (invariant 9).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.domain.digest import DIGEST
from bot.domain.record import NOT_TOLD, ActionRecord, Clicked, Standing, Unknown
from bot.domain.review import Review
from bot.errors import MembraneError

Json = dict[str, Any]

APPROVE = "approve"
REJECT = "reject"
REJECT_WITH_NOTE = "reject_with_note"
ACKNOWLEDGE = "acknowledge"
VIEW_ALL = "view_all"
VIEW_PAGE = "view_page"
IT_HAPPENED = "it_happened"
IT_DID_NOT = "it_did_not"
LEAVE_IT = "leave_it"
BLOCK = "review"
RECEIPT_BLOCK = "receipt"

MOST_PAGES = 1000
MOST_RECEIPTS = 1_000_000
NOT_OURS = "That button is not one of ours, so nothing was changed."

_REVIEW_ID = re.compile(r"rev_[A-Za-z0-9_-]{1,64}")
_ACTION_ID = re.compile(r"act_[A-Za-z0-9_-]{1,64}")
_CHANNEL_ID = re.compile(r"[CDG][A-Z0-9]{1,30}")
_TS = re.compile(r"\d{1,20}\.\d{1,10}")


class BadButton(MembraneError):
    """A click whose value the bot never wrote. Nothing follows from it."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """What a button carried: review, action, the digest of the arguments shown, and a page of them.

    A modal that a button opened carries in which message that was, too.
    """

    review_id: str
    action_id: str
    args_digest: str
    page: int = 0
    clicked: Clicked = NOT_TOLD

    @classmethod
    def of(cls, review: Review, page: int = 0) -> Pressed:
        """Return the value of a button about a review."""
        return cls(review.id, review.action_id, review.args_digest, page)

    def encode(self) -> str:
        """Return the button's value."""
        value: Json = {"r": self.review_id, "a": self.action_id, "d": self.args_digest}
        if self.page:
            value["p"] = self.page
        if self.clicked is not NOT_TOLD:
            value["m"] = [self.clicked.channel_id, self.clicked.ts]
        return json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class PressedReceipt:
    """What a button about an unknown receipt carried: the action, which of its receipts, the args digest."""

    action_id: str
    number: int
    args_digest: str

    def encode(self) -> str:
        """Return the button's value."""
        value: Json = {"a": self.action_id, "n": self.number, "d": self.args_digest}
        return json.dumps(value, separators=(",", ":"))


def decode_receipt(value: Any) -> PressedReceipt:
    """Read a receipt's button. Raises BadButton for anything that `PressedReceipt.encode` does not write."""
    try:
        data = json.loads(value)
        pressed = PressedReceipt(data["a"], data["n"], data["d"])
        sound = (
            _ACTION_ID.fullmatch(pressed.action_id)
            and DIGEST.fullmatch(pressed.args_digest)
            and type(pressed.number) is int
            and 0 < pressed.number < MOST_RECEIPTS
        )
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        sound = None
    if not sound:
        raise BadButton(NOT_OURS)
    return pressed


def clicked_in(channel_id: Any, ts: Any) -> Clicked:
    """Return which message was clicked, as Slack names it; one that it cannot have named is none."""
    named = _CHANNEL_ID.fullmatch(str(channel_id)) and _TS.fullmatch(str(ts))
    return Clicked(channel_id, ts) if named else NOT_TOLD


def decode(value: Any) -> Pressed:
    """Read a button's value. Raises BadButton for anything that `encode` does not write."""
    try:
        data = json.loads(value)
        pressed = Pressed(
            data["r"], data["a"], data["d"], data.get("p", 0), clicked_in(*data.get("m", ("", "")))
        )
        sound = (
            _REVIEW_ID.fullmatch(pressed.review_id)
            and _ACTION_ID.fullmatch(pressed.action_id)
            and DIGEST.fullmatch(pressed.args_digest)
            and type(pressed.page) is int
            and 0 <= pressed.page < MOST_PAGES
        )
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError):
        sound = None
    if not sound:
        raise BadButton(NOT_OURS)
    return pressed


def action_in(value: Any) -> str:
    """Return the action that a review's button, or a receipt's, is about. Raises BadButton."""
    try:
        return decode(value).action_id
    except BadButton:
        return decode_receipt(value).action_id


def button(action_id: str, words: str, value: str, style: str | None = None) -> Json:
    """Return one button. `style` is Slack's: primary or danger."""
    made: Json = {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": words},
        "value": value,
    }
    return {**made, "style": style} if style else made


def row(review: Review, *, acknowledge: bool = False) -> Json:
    """Return the buttons of a review: the votes only while it waits, "View all" always."""
    value = Pressed.of(review).encode()
    elements = [button(VIEW_ALL, "View all", value)]
    if review.pending:
        on_it = [button(ACKNOWLEDGE, "I’m on it", value)] if acknowledge else []
        elements = [
            button(APPROVE, "Approve", value, "primary"),
            button(REJECT, "Reject", value, "danger"),
            button(REJECT_WITH_NOTE, "Reject with a note…", value),
            *on_it,
            *elements,
        ]
    return {"type": "actions", "block_id": BLOCK, "elements": elements}


def receipt_row(standing: Standing, unknown: Unknown) -> Json | None:
    """Return the buttons of an unknown receipt: the answers only while it is open; None if there are none."""
    action, review = standing.action, standing.review
    value = PressedReceipt(action.id, unknown.number, action.args_digest).encode()
    elements = []
    if unknown.is_open:
        plain = action.thread_id is not None or unknown.restored_from is not None
        did_not = "It did not happen" if plain else "It did not, run it"
        elements = [
            button(IT_HAPPENED, "It happened", value, "primary"),
            {**button(IT_DID_NOT, did_not, value, "danger"), "confirm": _sure(action, unknown)},
            button(LEAVE_IT, "Leave it", value),
        ]
    if review is not None:
        elements.append(button(VIEW_ALL, "View all", Pressed.of(review).encode()))
    return {"type": "actions", "block_id": RECEIPT_BLOCK, "elements": elements} if elements else None


def _sure(action: ActionRecord, unknown: Unknown) -> Json:
    """Ask once more before something is run that may have happened."""
    if unknown.restored_from is not None:
        then = "It keeps the approval it had before the restore, and may run."
    elif action.thread_id is not None:
        then = "It is recorded as failed, and the agent may propose it again."
    elif action.tier.waits:
        then = "It is put up for approval again, with yours counted, and may run a second time."
    else:
        then = "The agent may start it once more, without anybody being asked."
    words = f"Only if you have looked, and nothing of it is there. {then}"
    return {
        "title": {"type": "plain_text", "text": "It did not happen?"},
        "text": {"type": "plain_text", "text": words},
        "confirm": {"type": "plain_text", "text": "It did not happen"},
        "deny": {"type": "plain_text", "text": "Back"},
        "style": "danger",
    }
