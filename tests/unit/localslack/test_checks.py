"""Nothing that a bot may send makes the checks themselves fail."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.localslack.block_checks import check_blocks, total_text
from bot.localslack.inputs import elements, entry_errors, state_values
from bot.localslack.message_format import checked_attachments, checked_blocks, checked_metadata, with_ids
from bot.localslack.refusals import SlackRefusal
from bot.localslack.view_checks import checked_view

WORDS = st.sampled_from(
    (
        "section",
        "header",
        "context",
        "actions",
        "input",
        "divider",
        "image",
        "rich_text",
        "markdown",
        "button",
        "static_select",
        "checkboxes",
        "radio_buttons",
        "overflow",
        "plain_text_input",
        "plain_text",
        "mrkdwn",
        "modal",
        "home",
        "primary",
        "x",
    )
)
NAMES = st.sampled_from(
    (
        "type",
        "text",
        "elements",
        "element",
        "accessory",
        "fields",
        "options",
        "option_groups",
        "initial_option",
        "initial_options",
        "confirm",
        "title",
        "label",
        "hint",
        "block_id",
        "action_id",
        "value",
        "style",
        "placeholder",
        "submit",
        "close",
        "blocks",
        "min_length",
        "max_length",
        "initial_value",
        "alt_text",
        "image_url",
        "event_type",
        "event_payload",
        "private_metadata",
    )
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=30,
)
TEXT = (
    st.fixed_dictionaries({"type": st.sampled_from(["plain_text", "mrkdwn"]), "text": st.text(min_size=1)})
    | JUNK
)
OPTION = st.fixed_dictionaries({"text": TEXT, "value": WORDS | JUNK})
ELEMENT = st.fixed_dictionaries(
    {"type": WORDS},
    optional={
        "text": TEXT,
        "action_id": WORDS | JUNK,
        "options": st.lists(OPTION, max_size=3) | JUNK,
        "initial_option": OPTION | JUNK,
        "initial_options": st.lists(OPTION, max_size=2) | JUNK,
        "confirm": st.fixed_dictionaries({"title": TEXT, "text": TEXT}) | JUNK,
    },
)
BLOCK = st.fixed_dictionaries(
    {"type": WORDS},
    optional={
        "text": TEXT,
        "elements": st.lists(ELEMENT, max_size=3) | JUNK,
        "element": ELEMENT | JUNK,
        "accessory": ELEMENT | JUNK,
        "label": TEXT,
        "block_id": WORDS | JUNK,
    },
)
BLOCKS = st.lists(BLOCK, max_size=4) | JUNK

quick = settings(max_examples=40, deadline=None)


def refused_or(check: Callable[..., Any], *args: Any) -> tuple[str, Any]:
    """Return the error code of a check that refuses, else its result."""
    try:
        return "", check(*args)
    except SlackRefusal as refusal:
        return refusal.error, None


@quick
@given(BLOCKS)
def test_blocks_are_refused_or_usable(blocks: Any) -> None:
    error, usable = refused_or(checked_blocks, blocks)
    assert error in {"", "invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"}
    assert total_text(usable) >= 0
    assert state_values(usable or [], {}) is not None
    assert all("block_id" in block for block in usable or [])


@quick
@given(
    st.fixed_dictionaries({"type": st.just("modal"), "title": TEXT, "submit": TEXT, "blocks": BLOCKS}) | JUNK
)
def test_views_are_refused_or_usable(view: Any) -> None:
    error, usable = refused_or(checked_view, view, ("modal", "home"))
    assert error in {"", "invalid_arguments", "view_too_large"}
    blocks = with_ids(usable["blocks"]) if usable else []
    values = state_values(blocks, {})
    assert set(entry_errors(blocks, values)) <= {block["block_id"] for block, _ in elements(blocks)}


@quick
@given(JUNK)
def test_metadata_and_attachments_are_refused_or_kept(value: Any) -> None:
    assert refused_or(checked_metadata, value)[0] in {"", "invalid_metadata_format", "metadata_too_large"}
    assert refused_or(checked_attachments, value)[0] in {"", "invalid_attachments", "too_many_attachments"}


def test_every_complaint_says_where() -> None:
    problems = check_blocks([{"type": "header", "text": {"type": "plain_text", "text": ""}}], "message")
    assert problems == ["must be more than 0 characters [json-pointer:/blocks/0/text/text]"]
