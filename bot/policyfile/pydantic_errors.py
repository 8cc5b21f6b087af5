"""Turns pydantic's errors into problems for an admin: one sentence, the position, and how to correct it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from bot.domain.operators import ArgType
from bot.errors import Problem
from bot.policyfile.document import Document, Path
from bot.policyfile.hints import did_you_mean
from bot.policyfile.json_schema import known_keys

_YAML_1_1_BOOLS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_ABSENT_DEFAULT_KEYS = frozenset(
    {
        "default",
        "absent_default",
        "on_expiry",
        "on_timeout",
        "on_expire",
        "if_absent",
        "timeout_action",
        "auto_approve",
    }
)
_MISSING_HINTS = {
    "risk": "as risk: {reversible: true, blast_radius: low}; an undeclared action is Tier 3",
    "reversible": "true or false, judged by practice",
    "blast_radius": "low, medium or high",
    "approvers": "as approvers: [release-leads], names from people",
    "expires_in": "as expires_in: 30m; every review has a window",
    "escalation": "as escalation: platform, a name from escalations",
    "channel": 'as channel: "#agent-approvals"',
    "digest": 'as digest: "#agent-digest"',
    "because": "a sentence for the person who reads the card",
    "id": "a short name, as large-refund; rulings and statistics cite it",
    "version": "as version: 1",
    "1": 'as 1: {digest: "#agent-digest", every: 1h}',
    "2": "a tier that waits needs a channel, approvers, expires_in and an escalation",
    "3": "actions that are not in the policy are Tier 3, so it is always needed",
    "tiers": "as tiers: {1: {…}, 2: {…}, 3: {…}}",
    "people": "as people: {release-leads: {users: [U0123456789]}}",
    "escalations": "as escalations: {platform: {steps: [{after: 25%, page: [release-leads]}]}}",
    "actions": "name at least one action kind",
    "users": "as users: [U0123456789]",
    "every": "as every: 1h",
    "steps": "as steps: [{after: 25%, page: [release-leads]}]",
    "reviewed": "as reviewed: {by: U0123456789, on: 2026-06-01, why: …}",
    "by": "the Slack id of the person who answers for it",
    "on": "as on: 2026-06-01",
    "why": "a sentence",
    "to": "as to: 3",
    "when": "as when: {amount: {gt: 500}}",
    "type": f"one of {', '.join(ArgType)}",
    "from": "when the first turn began, as 2026-01-05T09:00:00Z",
    "after": "a share of the window, as 25%, or 30m",
}


def place_of(loc: tuple[str | int, ...], document: Document) -> Path:
    """Return the path in the document for a pydantic location, without steps that only the models have."""
    path: Path = ()
    for step in loc:
        if (*path, step) in document.values:
            path = (*path, step)
    return path


def problem_of(error: ErrorDetails, document: Document, known: dict[str, Any]) -> Problem | None:
    """Return a pydantic error as a problem; None if the value already has a problem.

    `known` is the schema, for hints.
    """
    loc = error["loc"]
    path = place_of(loc, document)
    if any(path[: len(broken)] == broken for broken in document.broken):
        return None
    kind, context = error["type"], error.get("ctx", {})
    if kind == "policy":
        return document.problem(path, context["what"], context["hint"], at_key=loc[-1] == "[key]")
    if kind == "missing":
        name = str(loc[-1])
        at_key = path in document.keys
        return document.problem(path, f"`{name}` is missing", _MISSING_HINTS.get(name, ""), at_key=at_key)
    if kind == "extra_forbidden":
        what = f"unknown key `{str(loc[-1])[:60]}`"
        return document.problem(path, what, _key_hint(path, known), at_key=True)
    what, hint = _said(kind, error["input"], context, path)
    return document.problem(path, what, hint)


def _key_hint(path: Path, known: dict[str, Any]) -> str:
    key = str(path[-1])
    if key in _ABSENT_DEFAULT_KEYS:
        return "the tier decides what happens when nobody answers; no setting changes it"
    return did_you_mean(key, known_keys(path[:-1], known))


def _said(kind: str, value: Any, context: Mapping[str, Any], path: Path) -> tuple[str, str]:
    if kind in ("dict_type", "model_type", "model_attributes_type"):
        return (
            "a mapping is needed here",
            "write an operator, as {eq: 500}" if "when" in path else "as {key: value}",
        )
    if kind in ("literal_error", "enum"):
        expected = str(context["expected"]).replace("'", "")
        return f"{_shown(value)} is not possible here", f"write {expected}"
    return _SENTENCES.get(kind, _fallback)(value, context)


def _bool(value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    plain = _YAML_1_1_BOOLS.get(str(value).lower())
    hint = f"write {plain}; in YAML 1.2 {value} is a text" if plain else "write true or false"
    return f"{_shown(value)} is neither true nor false", hint


def _list(_value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    return "a list is needed here", "write [one] or [one, two]"


def _empty(_value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    return "nothing is named here", f"write at least {context.get('min_length', 1)}, or delete the key"


def _too_many(_value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    return "too many", f"at most {context.get('max_length')}"


def _whole(value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_shown(value)} is not a whole number", "write it plainly, as 2"


def _string(value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_shown(value)} is not a text", "quote it"


def _too_small(value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_shown(value)} is too small", f"at least {context.get('ge')}"


def _too_large(value: Any, context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_shown(value)} is too large", f"at most {context.get('le')}"


def _fallback(value: Any, _context: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_shown(value)} is not possible here", ""


_SENTENCES: Mapping[str, Callable[[Any, Mapping[str, Any]], tuple[str, str]]] = {
    "bool_type": _bool,
    "bool_parsing": _bool,
    "list_type": _list,
    "too_short": _empty,
    "string_too_short": _empty,
    "too_long": _too_many,
    "string_too_long": _too_many,
    "int_type": _whole,
    "int_from_float": _whole,
    "string_type": _string,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
}


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
