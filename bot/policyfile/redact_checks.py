"""Checks of redacted arguments: they exist, and the cost is not among them."""

from __future__ import annotations

from bot.domain.operators import ArgType
from bot.policyfile.action_model import ActionModel
from bot.policyfile.conversion import build_risk
from bot.policyfile.document import Path
from bot.policyfile.hints import did_you_mean
from bot.policyfile.valid_parts import Parts


def check_redact(parts: Parts, path: Path, kind: str, action: ActionModel) -> None:
    """Report every redacted path that matches no declared argument or hides the cost."""
    for index, redacted in enumerate(action.redact):
        place = (*path, "redact", index)
        if redacted == build_risk(action.risk).cost_arg:
            what = f"`{redacted}` is the cost of {kind}, which its card and the digest show"
            parts.say(place, what, "remove it from `redact`, or declare the cost as a number")
        elif action.args is not None:
            _check_declared(parts, place, kind, redacted, action)


def _check_declared(parts: Parts, place: Path, kind: str, redacted: str, action: ActionModel) -> None:
    declared = action.args or {}
    words = redacted.split(".")
    names = [".".join(words[:length]) for length in range(1, len(words) + 1)]
    met = [name for name in names if name in declared]
    if not met:
        if not action.more_args:
            hint = (
                did_you_mean(names[0], declared) or f"declare it, as args: {{{names[0]}: {{type: string}}}}"
            )
            parts.say(place, f"`{names[0]}` is not an argument of {kind}", hint)
        return
    arg = declared[met[-1]]
    if met[-1] != redacted and ArgType.OBJECT not in (arg.type, arg.of):
        what = f"`{met[-1]}` is a {arg.type}, so there is nothing at `{redacted}`"
        parts.say(place, what, f"write {met[-1]} to redact all of it")
