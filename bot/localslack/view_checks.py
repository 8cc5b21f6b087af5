"""The documented limits of modals and Home tabs: https://docs.slack.dev/reference/views"""

import json
from collections.abc import Collection
from typing import Any

from bot.localslack.block_checks import check_blocks
from bot.localslack.block_problems import Problems
from bot.localslack.refusals import SlackRefusal
from bot.localslack.rich_text_checks import unknown_users
from bot.localslack.workspace import Json

TITLE = 24
PRIVATE_METADATA = 3000
CALLBACK_ID = 255
EXTERNAL_ID = 255
VIEW_BYTES = 250_000

_FIELDS = (
    *("type", "title", "blocks", "close", "submit", "submit_disabled"),
    *("private_metadata", "callback_id", "external_id", "clear_on_close", "notify_on_close"),
)


def checked_view(value: Any, kinds: tuple[str, ...], users: Collection[str] | None = None) -> Json:
    """Return the view if Slack would accept it. `users` are all known user ids; None skips that check.

    Raises:
        SlackRefusal: ``view_too_large``, or ``invalid_arguments`` with the problems.
    """
    problems = Problems()
    view = problems.mapping("/view", value)
    if view is not None:
        if len(json.dumps(view)) > VIEW_BYTES:
            raise SlackRefusal("view_too_large")
        _check(problems, view, kinds)
        if users is not None:
            problems.extend(unknown_users(view.get("blocks"), users, "/view/blocks"))
    if problems or view is None:
        raise SlackRefusal.with_messages("invalid_arguments", problems)
    return view


def _check(problems: Problems, view: Json, kinds: tuple[str, ...]) -> None:
    kind = view.get("type")
    if kind not in kinds:
        problems.say("/view/type", f"must be one of: {', '.join(kinds)}")
        return
    problems.known("/view", view, _FIELDS)
    for name, most in (
        ("private_metadata", PRIVATE_METADATA),
        ("callback_id", CALLBACK_ID),
        ("external_id", EXTERNAL_ID),
    ):
        if view.get(name) is not None:
            problems.length(f"/view/{name}", view[name], most)
    if kind == "modal":
        _check_modal(problems, view)
    if "blocks" not in view:
        problems.missing("/view", "blocks")
    else:
        problems.extend(check_blocks(view["blocks"], "modal" if kind == "modal" else "home", "/view/blocks"))


def _check_modal(problems: Problems, view: Json) -> None:
    if view.get("title") is None:
        problems.missing("/view", "title")
    for name in ("title", "submit", "close"):
        if view.get(name) is not None:
            problems.text(f"/view/{name}", view[name], TITLE, plain=True)
    blocks = view.get("blocks")
    has_inputs = isinstance(blocks, list) and any(
        isinstance(b, dict) and b.get("type") == "input" for b in blocks
    )
    if has_inputs and view.get("submit") is None:
        problems.missing("/view", "submit")
