"""Collects problems of blocks, in Slack's words and with Slack's pointers."""

from collections.abc import Collection
from typing import Any

from bot.localslack.workspace import Json


class Problems(list[str]):
    """A list of problems. The checks append to it."""

    def say(self, pointer: str, complaint: str) -> None:
        """Add a problem of the value at a JSON pointer."""
        self.append(f"{complaint} [json-pointer:{pointer}]")

    def missing(self, pointer: str, name: str) -> None:
        """Add a missing required field."""
        self.say(pointer, f"missing required field: {name}")

    def length(self, pointer: str, value: Any, most: int, least: int = 0) -> bool:
        """Whether `value` is a string of an allowed length."""
        if not isinstance(value, str):
            self.say(pointer, "must be a string")
        elif len(value) > most:
            self.say(pointer, f"must be less than {most + 1} characters")
        elif len(value) < least:
            self.say(pointer, f"must be more than {least - 1} characters")
        else:
            return True
        return False

    def items(self, pointer: str, value: Any, most: int, least: int = 1) -> list[Any]:
        """Return `value` as a list, after a check of its size; an empty list if it is none."""
        if not isinstance(value, list):
            self.say(pointer, "must be an array")
            return []
        if len(value) > most:
            self.say(pointer, f"no more than {most} items allowed")
        elif len(value) < least:
            self.say(pointer, f"must have at least {least} item{'s' * (least > 1)}")
        return value

    def mapping(self, pointer: str, value: Any) -> Json | None:
        """Return `value` as an object; None, with a problem, if it is none."""
        if isinstance(value, dict):
            return value
        self.say(pointer, "must be an object")
        return None

    def known(self, pointer: str, value: Json, allowed: Collection[str]) -> None:
        """Add a problem for each unknown field."""
        for name in value.keys() - set(allowed):
            self.say(pointer, f"invalid additional property: {name}")

    def text(self, pointer: str, value: Any, most: int, *, plain: bool = False) -> None:
        """Check a text object of at most `most` characters; `plain` takes only ``plain_text``."""
        text = self.mapping(pointer, value)
        if text is None:
            return
        kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
        if text.get("type") not in kinds:
            self.say(f"{pointer}/type", f"must be one of: {', '.join(kinds)}")
            return
        self.known(pointer, text, ("type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"))
        self.length(f"{pointer}/text", text.get("text"), most, 1)

    def unique(self, pointer: str, value: Any, seen: set[str], name: str) -> None:
        """Add a problem if the id was used before."""
        if isinstance(value, str) and value:
            if value in seen:
                self.say(pointer, f"`{name}` {value} already exists")
            seen.add(value)
