"""The documented limits of blocks and messages.

Figures: https://docs.slack.dev/reference/block-kit/blocks, except the total of a message's text, which is
not documented and was measured by others: 9 597 characters pass, 11 341 are refused.
"""

from collections.abc import Callable
from typing import Any, Literal

from bot.localslack.block_problems import Problems
from bot.localslack.element_checks import ACCESSORIES, INPUTS, INTERACTIVE, check_element, check_image
from bot.localslack.rich_text_checks import PARTS, check_rich
from bot.localslack.workspace import Json

Surface = Literal["message", "modal", "home"]
Check = Callable[[Problems, str, Json], None]

BLOCKS = {"message": 50, "modal": 100, "home": 100}
BLOCK_ID = 255
SECTION_TEXT = 3000
FIELDS = 10
FIELD_TEXT = 2000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
CONTEXT_TEXT = 2000
ACTIONS = 25
INPUT_LABEL = 2000
IMAGE_TITLE = 2000
MARKDOWN_TEXT = 12_000
MESSAGE_TOTAL = 11_000


def check_blocks(value: Any, surface: Surface, at: str = "/blocks") -> Problems:
    """Return everything that Slack would refuse in these blocks."""
    problems = Problems()
    block_ids: set[str] = set()
    for place, item in enumerate(problems.items(at, value, BLOCKS[surface], least=0)):
        pointer = f"{at}/{place}"
        block = problems.mapping(pointer, item)
        if block is None:
            continue
        problems.unique(f"{pointer}/block_id", block.get("block_id"), block_ids, "block_id")
        if "block_id" in block:
            problems.length(f"{pointer}/block_id", block["block_id"], BLOCK_ID)
        _check_block(problems, pointer, block, surface)
    return problems


def total_text(value: Any) -> int:
    """Return the number of characters of text in a block tree."""
    if isinstance(value, list):
        return sum(total_text(item) for item in value)
    if isinstance(value, dict):
        return sum(len(v) if k == "text" and isinstance(v, str) else total_text(v) for k, v in value.items())
    return 0


def _check_block(problems: Problems, pointer: str, block: Json, surface: Surface) -> None:
    kind = str(block.get("type"))
    check = _CHECKS.get(kind)
    if check is None:
        problems.say(f"{pointer}/type", f"unsupported type: {kind}")
        return
    if kind in _FIELD_NAMES:
        problems.known(pointer, block, ("type", "block_id", *_FIELD_NAMES[kind]))
    if kind == "markdown" and surface != "message":
        problems.say(f"{pointer}/type", f"unsupported type: {kind}")
    check(problems, pointer, block)


def _section(problems: Problems, pointer: str, block: Json) -> None:
    if "text" not in block and "fields" not in block:
        problems.missing(pointer, "text")
    if "text" in block:
        problems.text(f"{pointer}/text", block["text"], SECTION_TEXT)
    if "fields" in block:
        for place, field in enumerate(problems.items(f"{pointer}/fields", block["fields"], FIELDS)):
            problems.text(f"{pointer}/fields/{place}", field, FIELD_TEXT)
    if "accessory" in block:
        check_element(problems, f"{pointer}/accessory", block["accessory"], ACCESSORIES)


def _header(problems: Problems, pointer: str, block: Json) -> None:
    problems.text(f"{pointer}/text", block.get("text"), HEADER_TEXT, plain=True)


def _context(problems: Problems, pointer: str, block: Json) -> None:
    for place, element in enumerate(
        problems.items(f"{pointer}/elements", block.get("elements"), CONTEXT_ELEMENTS)
    ):
        at = f"{pointer}/elements/{place}"
        if isinstance(element, dict) and element.get("type") == "image":
            check_element(problems, at, element, ("image",))
        else:
            problems.text(at, element, CONTEXT_TEXT)


def _actions(problems: Problems, pointer: str, block: Json) -> None:
    action_ids: set[str] = set()
    for place, element in enumerate(problems.items(f"{pointer}/elements", block.get("elements"), ACTIONS)):
        at = f"{pointer}/elements/{place}"
        check_element(problems, at, element, INTERACTIVE)
        if isinstance(element, dict):
            problems.unique(f"{at}/action_id", element.get("action_id"), action_ids, "action_id")


def _input(problems: Problems, pointer: str, block: Json) -> None:
    problems.text(f"{pointer}/label", block.get("label"), INPUT_LABEL, plain=True)
    if "hint" in block:
        problems.text(f"{pointer}/hint", block["hint"], INPUT_LABEL, plain=True)
    check_element(problems, f"{pointer}/element", block.get("element"), INPUTS)


def _image(problems: Problems, pointer: str, block: Json) -> None:
    check_image(problems, pointer, block)
    if "title" in block:
        problems.text(f"{pointer}/title", block["title"], IMAGE_TITLE, plain=True)


def _rich_text(problems: Problems, pointer: str, block: Json) -> None:
    for place, part in enumerate(problems.items(f"{pointer}/elements", block.get("elements"), 500, least=0)):
        at = f"{pointer}/elements/{place}"
        if not isinstance(part, dict) or part.get("type") not in PARTS:
            problems.say(f"{at}/type", f"must be one of: {', '.join(PARTS)}")
        else:
            check_rich(problems, at, part)


def _markdown(problems: Problems, pointer: str, block: Json) -> None:
    problems.length(f"{pointer}/text", block.get("text"), MARKDOWN_TEXT, 1)


def _divider(problems: Problems, pointer: str, block: Json) -> None:
    """Check nothing: a divider has no content."""


_CHECKS: dict[str, Check] = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "rich_text": _rich_text,
    "markdown": _markdown,
    "divider": _divider,
}
_FIELD_NAMES = {
    "section": ("text", "fields", "accessory", "expand"),
    "header": ("text", "level"),
    "context": ("elements",),
    "actions": ("elements",),
    "input": ("label", "element", "hint", "optional", "dispatch_action"),
    "divider": (),
}
