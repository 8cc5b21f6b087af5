"""The arguments of a Web API call, in any of Slack's encodings."""

import json
from typing import Any

from aiohttp import web

from bot.localslack.refusals import SlackRefusal
from bot.localslack.workspace import Json


class Args:
    """Named arguments: strings from a form, any value from JSON."""

    def __init__(self, values: Json) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """Return a string; numbers and booleans are converted."""
        value = self.values.get(name)
        return default if value is None else str(value)

    def needed(self, name: str) -> str:
        """Return a required string.

        Raises:
            SlackRefusal: ``invalid_arguments`` naming the field.
        """
        value = self.text(name)
        if not value:
            raise SlackRefusal.with_messages("invalid_arguments", [f"missing required field: {name}"])
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean, also from ``1`` or ``true``."""
        value = self.values.get(name)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, default: int, most: int) -> int:
        """Return a positive whole number, at most `most`.

        Raises:
            SlackRefusal: ``invalid_limit``.
        """
        try:
            value = int(self.text(name) or default)
        except ValueError:
            raise SlackRefusal("invalid_limit") from None
        if value < 0:
            raise SlackRefusal("invalid_limit")
        return min(value or default, most)

    def json(self, name: str, error: str = "invalid_arguments") -> Any:
        """Return a JSON value, which forms carry as a string.

        Raises:
            SlackRefusal: `error` if the string is not JSON.
        """
        value = self.values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise SlackRefusal(error) from None

    def names(self, name: str, default: str = "") -> list[str]:
        """Return a list, also from comma-separated values."""
        value = self.values.get(name)
        if isinstance(value, list):
            return [str(item) for item in value]
        return [part.strip() for part in self.text(name, default).split(",") if part.strip()]


async def read_args(request: web.Request) -> Args:
    """Return the arguments of a request: its query, overridden by its form or JSON body.

    Raises:
        SlackRefusal: ``invalid_json``, ``json_not_object`` or ``invalid_post_type``.
    """
    values: Json = dict(request.query)
    if request.method == "POST" and request.can_read_body:
        values |= await _body(request)
    return Args(values)


async def _body(request: web.Request) -> Json:
    if request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return dict(await request.post())
    if request.content_type != "application/json":
        raise SlackRefusal("invalid_post_type")
    try:
        body = json.loads(await request.text())
    except ValueError:
        raise SlackRefusal("invalid_json") from None
    if not isinstance(body, dict):
        raise SlackRefusal("json_not_object")
    return body
