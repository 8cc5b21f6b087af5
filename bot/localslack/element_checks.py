"""The documented limits of block elements: buttons, selects, inputs.

Figures: https://docs.slack.dev/reference/block-kit/block-elements
"""

from collections.abc import Callable
from typing import Any

from bot.localslack.block_problems import Problems
from bot.localslack.workspace import Json

Check = Callable[[Problems, str, Json], None]

ACTION_ID = 255
BUTTON_TEXT = 75
BUTTON_VALUE = 2000
BUTTON_URL = 3000
ACCESSIBILITY_LABEL = 75
OPTIONS = 100
OPTION_GROUPS = 100
OPTION_TEXT = 75
OPTION_VALUE = 150
CHOICES = 10  # of radio buttons and check boxes
OVERFLOW = 5
PLACEHOLDER = 150
INPUT = 3000
CONFIRM_TITLE = 100
CONFIRM_TEXT = 300
CONFIRM_BUTTON = 30
IMAGE_URL = 3000
ALT_TEXT = 2000


def check_element(problems: Problems, pointer: str, value: Any, allowed: tuple[str, ...]) -> None:
    """Check one element in a place for the `allowed` types."""
    element = problems.mapping(pointer, value)
    if element is None:
        return
    kind = element.get("type")
    if kind not in allowed or kind not in _CHECKS:
        problems.say(f"{pointer}/type", f"unsupported type: {kind}")
        return
    if "action_id" in element:
        problems.length(f"{pointer}/action_id", element["action_id"], ACTION_ID, 1)
    if "confirm" in element:
        _confirm(problems, f"{pointer}/confirm", element["confirm"])
    if "placeholder" in element:
        problems.text(f"{pointer}/placeholder", element["placeholder"], PLACEHOLDER, plain=True)
    _CHECKS[kind](problems, pointer, element)


def _confirm(problems: Problems, pointer: str, value: Any) -> None:
    confirm = problems.mapping(pointer, value)
    if confirm is None:
        return
    problems.known(pointer, confirm, ("title", "text", "confirm", "deny", "style"))
    for name, most, plain in (
        ("title", CONFIRM_TITLE, True),
        ("text", CONFIRM_TEXT, False),
        ("confirm", CONFIRM_BUTTON, True),
        ("deny", CONFIRM_BUTTON, True),
    ):
        if name in confirm:
            problems.text(f"{pointer}/{name}", confirm[name], most, plain=plain)
        elif name == "text":
            problems.missing(pointer, name)
    _style(problems, pointer, confirm)


def _style(problems: Problems, pointer: str, value: Json) -> None:
    if "style" in value and value["style"] not in ("primary", "danger"):
        problems.say(f"{pointer}/style", "must be one of: primary, danger")


def _button(problems: Problems, pointer: str, button: Json) -> None:
    allowed = ("type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label")
    problems.known(pointer, button, allowed)
    problems.text(f"{pointer}/text", button.get("text"), BUTTON_TEXT, plain=True)
    for name, most in (
        ("value", BUTTON_VALUE),
        ("url", BUTTON_URL),
        ("accessibility_label", ACCESSIBILITY_LABEL),
    ):
        if name in button:
            problems.length(f"{pointer}/{name}", button[name], most)
    _style(problems, pointer, button)


def _option(problems: Problems, pointer: str, value: Any, *, plain: bool) -> None:
    option = problems.mapping(pointer, value)
    if option is None:
        return
    problems.known(pointer, option, ("text", "value", "description", "url"))
    problems.text(f"{pointer}/text", option.get("text"), OPTION_TEXT, plain=plain)
    problems.length(f"{pointer}/value", option.get("value"), OPTION_VALUE, 1)
    if "description" in option:
        problems.text(f"{pointer}/description", option["description"], OPTION_TEXT, plain=plain)


def _options(problems: Problems, pointer: str, value: Any, most: int, *, plain: bool, least: int = 1) -> None:
    for place, option in enumerate(problems.items(pointer, value, most, least)):
        _option(problems, f"{pointer}/{place}", option, plain=plain)


def _select(problems: Problems, pointer: str, select: Json) -> None:
    groups = select.get("option_groups")
    if (groups is None) == (select.get("options") is None):
        problems.say(pointer, "must have one of: options, option_groups")
    elif groups is None:
        _options(problems, f"{pointer}/options", select["options"], OPTIONS, plain=True)
    else:
        for place, group in enumerate(problems.items(f"{pointer}/option_groups", groups, OPTION_GROUPS)):
            _option_group(problems, f"{pointer}/option_groups/{place}", group)
    _initial(problems, pointer, select)


def _option_group(problems: Problems, pointer: str, value: Any) -> None:
    group = problems.mapping(pointer, value)
    if group is not None:
        problems.text(f"{pointer}/label", group.get("label"), OPTION_TEXT, plain=True)
        _options(problems, f"{pointer}/options", group.get("options"), OPTIONS, plain=True)


def _initial(problems: Problems, pointer: str, element: Json) -> None:
    chosen = (
        [element["initial_option"]] if "initial_option" in element else element.get("initial_options", [])
    )
    if problems or not isinstance(chosen, list):  # only sound options can be compared
        return
    groups = element.get("option_groups") or [element]
    offered = [option for group in groups for option in group["options"]]
    if any(option not in offered for option in chosen):
        problems.say(pointer, "initial options must be among the options")


def _choices(problems: Problems, pointer: str, element: Json) -> None:
    _options(problems, f"{pointer}/options", element.get("options"), CHOICES, plain=False)
    _initial(problems, pointer, element)


def _overflow(problems: Problems, pointer: str, element: Json) -> None:
    _options(problems, f"{pointer}/options", element.get("options"), OVERFLOW, plain=True)


def _plain_text_input(problems: Problems, pointer: str, element: Json) -> None:
    allowed = ("type", "action_id", "initial_value", "multiline", "min_length", "max_length", "placeholder")
    problems.known(pointer, element, (*allowed, "dispatch_action_config", "focus_on_load"))
    least, most = element.get("min_length", 0), element.get("max_length", INPUT)
    if not (isinstance(least, int) and 0 <= least <= INPUT):
        problems.say(f"{pointer}/min_length", f"must be between 0 and {INPUT}")
    elif not (isinstance(most, int) and max(1, least) <= most <= INPUT):
        problems.say(f"{pointer}/max_length", f"must be between 1 and {INPUT} and not below min_length")
    elif "initial_value" in element:
        problems.length(f"{pointer}/initial_value", element["initial_value"], most)


def _image(problems: Problems, pointer: str, element: Json) -> None:
    check_image(problems, pointer, element)


def check_image(problems: Problems, pointer: str, image: Json) -> None:
    """Check the fields that image elements and image blocks share."""
    if "slack_file" not in image:
        problems.length(f"{pointer}/image_url", image.get("image_url"), IMAGE_URL, 1)
    problems.length(f"{pointer}/alt_text", image.get("alt_text"), ALT_TEXT)


def _anything(problems: Problems, pointer: str, element: Json) -> None:
    """Check nothing more: only the limits of all elements apply."""


_PICKERS = (
    *("users_select", "conversations_select", "channels_select", "external_select"),
    *("multi_users_select", "multi_conversations_select", "multi_channels_select", "multi_external_select"),
    *("datepicker", "timepicker", "datetimepicker"),
)
_FIELDS = ("email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input")

_CHECKS: dict[str, Check] = {
    "button": _button,
    "static_select": _select,
    "multi_static_select": _select,
    "radio_buttons": _choices,
    "checkboxes": _choices,
    "overflow": _overflow,
    "plain_text_input": _plain_text_input,
    "image": _image,
    **dict.fromkeys((*_PICKERS, *_FIELDS), _anything),
}

INTERACTIVE = tuple(kind for kind in _CHECKS if kind not in ("image", "plain_text_input", *_FIELDS))
ACCESSORIES = (*INTERACTIVE, "image")
INPUTS = tuple(kind for kind in _CHECKS if kind not in ("image", "button", "overflow"))
