"""A click as Slack delivers it: who pressed which button, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.domain.people import USER_ID
from bot.domain.record import NOT_TOLD, Clicked
from bot.slack.cards import buttons

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Click:
    """Somebody pressed a button or submitted a modal: who, and the value that it carried.

    Reading a `value` that no message of the bot can have made raises BadButton.
    """

    user: str
    team: str | None
    value: Any
    trigger_id: str
    view: Json
    clicked: Clicked = NOT_TOLD

    @classmethod
    def of(cls, body: Json, value: Any) -> Click:
        """Read a payload. Raises BadButton if it does not say who clicked."""
        user = body.get("user") or {}
        if not USER_ID.fullmatch(str(user.get("id"))):
            raise buttons.BadButton("Slack did not say who clicked, so nothing was changed.")
        team = user.get("team_id") or (body.get("team") or {}).get("id")
        view = body.get("view") or {}
        box = body.get("container") or {}
        clicked = buttons.clicked_in(box.get("channel_id"), box.get("message_ts"))
        return cls(user["id"], team, value, str(body.get("trigger_id") or ""), view, clicked)

    @property
    def pressed(self) -> buttons.Pressed:
        """The value of a review's button."""
        return buttons.decode(self.value)

    @property
    def receipt(self) -> buttons.PressedReceipt:
        """The value of an unknown receipt's button."""
        return buttons.decode_receipt(self.value)
