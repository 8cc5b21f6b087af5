"""Typed and chosen values, in the form of Slack's payloads."""

from collections.abc import Iterator
from typing import Any

from bot.localslack.workspace import Json

_TEXTS = ("plain_text_input", "email_text_input", "url_text_input", "number_input")
_ONE_OPTION = ("static_select", "radio_buttons", "external_select", "overflow")
_MANY_OPTIONS = ("multi_static_select", "checkboxes", "multi_external_select")
_PLAIN = {
    "users_select": ("selected_user", "initial_user"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
REQUIRED = "Please complete this required field."


def elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield every element that a person can use, with its block."""
    for block in blocks:
        found = list(block.get("elements", [])) if block["type"] == "actions" else []
        found += [block[name] for name in ("accessory", "element") if isinstance(block.get(name), dict)]
        yield from ((block, element) for element in found if "action_id" in element)


def find(blocks: list[Json], action_id: str, block_id: str = "") -> tuple[Json, Json] | None:
    """Return the block and element with that action id; the block id decides between several."""
    for block, element in elements(blocks):
        if element["action_id"] == action_id and block_id in ("", block["block_id"]):
            return block, element
    return None


def state_values(blocks: list[Json], given: Json) -> Json:
    """Return ``state.values``: the entered or initial value of each input.

    `given` is what the person entered, by action id or block id: text, an option's value, or a list of them.
    """
    values: Json = {}
    for block, element in elements(blocks):
        if element["type"] in ("button", "overflow", "image"):
            continue
        entered = given.get(element["action_id"], given.get(block["block_id"]))
        values.setdefault(block["block_id"], {})[element["action_id"]] = value_of(element, entered)
    return values


def value_of(element: Json, entered: Any) -> Json:
    """Return the value of one input; `entered` is None if the person did not change it."""
    kind = element["type"]
    if kind in _TEXTS:
        text = element.get("initial_value") if entered is None else str(entered)
        return {"type": kind, "value": text or None}
    if kind in _ONE_OPTION:
        option = element.get("initial_option") if entered is None else _option(element, entered)
        return {"type": kind, "selected_option": option}
    if kind in _MANY_OPTIONS:
        chosen = element.get("initial_options", [])
        if entered is not None:
            chosen = [option for value in entered if (option := _option(element, value))]
        return {"type": kind, "selected_options": chosen}
    name, initial = _PLAIN.get(kind, ("value", "initial_value"))
    return {"type": kind, name: element.get(initial) if entered is None else entered}


def _option(element: Json, value: Any) -> Json | None:
    groups = element.get("option_groups") or [element]
    options = (option for group in groups for option in group.get("options") or ())
    return next((option for option in options if option["value"] == value), None)


def entry_errors(blocks: list[Json], values: Json) -> dict[str, str]:
    """Return the errors that Slack's client itself shows before it submits, by block id."""
    errors = {}
    for block in blocks:
        if block["type"] != "input":
            continue
        element = block["element"]
        value = values[block["block_id"]][element["action_id"]]
        complaint = _complaint(element, next(v for k, v in value.items() if k != "type"), block)
        if complaint:
            errors[block["block_id"]] = complaint
    return errors


def _complaint(element: Json, value: Any, block: Json) -> str:
    if not value:
        return "" if block.get("optional") else REQUIRED
    if not isinstance(value, str):
        return ""
    least, most = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < least:
        return f"Please enter at least {least} characters."
    return f"Please enter at most {most} characters." if len(value) > most else ""
