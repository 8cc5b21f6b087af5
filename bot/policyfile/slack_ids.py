"""The types of people's names, Slack ids and channels. An error says where a misplaced value belongs."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import PlainValidator

from bot.domain.people import USER_ID, USERGROUP_ID
from bot.policyfile.fields import NAME, of_shape, problem, shown, string_schema

_CHANNEL = re.compile(r"#[a-z0-9_\-\u00c0-\uffff]{1,80}|[CG][A-Z0-9]{2,20}")
_CURLY = frozenset("\u201c\u201d\u201e\u00ab\u2018\u2019")
"""Typographic quotation marks of editors and chats, which YAML reads as letters."""
_MENTION = re.compile(r"<?[@!](?:subteam\^)?([USW][A-Z0-9]+)(?:\|[^>]*)?>?|<#([CG][A-Z0-9]+)(?:\|[^>]*)?>")


def _id_in(value: Any) -> Any:
    """Return the Slack id in a mention such as `<@U0123456789>`; return any other value unchanged."""
    found = _MENTION.fullmatch(value) if isinstance(value, str) else None
    return (found[1] or found[2]) if found else value


def _name(value: Any) -> str:
    if isinstance(value, str) and NAME.fullmatch(value):
        return value
    value = _id_in(value)
    for shape, key, many in ((USER_ID, "users", f"[{value}]"), (USERGROUP_ID, "usergroup", value)):
        if isinstance(value, str) and shape.fullmatch(value):
            where = f"Slack ids belong under `people` only: add a name there, as somebody: {{{key}: {many}}}"
            raise problem(
                f"{shown(value)} is a Slack id, not a name of `people`", f"{where}, and write it here"
            )
    if isinstance(value, str) and (value.startswith("#") or _CHANNEL.fullmatch(value)):
        raise problem(
            f"{shown(value)} is a Slack channel, not a name of `people`", "name people who are in it"
        )
    hint = "write lower-case letters, digits and dashes, as release-leads"
    if isinstance(value, str) and value.startswith("@") and NAME.fullmatch(value[1:]):
        hint = f"write {value[1:]}, if that is the name under `people`"
    raise problem(f"{shown(value)} is not a name", hint)


def _user_id(value: Any) -> str:
    if isinstance(value, str) and USER_ID.fullmatch(value):
        return value
    hint = "in Slack: the profile, ⋮, Copy member ID (U…)"
    found = _id_in(value)
    if isinstance(found, str) and USERGROUP_ID.fullmatch(found):
        hint = f"it is a user group's: write {{usergroup: {found}}} under `people`"
    elif isinstance(found, str) and USER_ID.fullmatch(found):
        hint = f"write {found}"
    elif isinstance(value, str) and NAME.fullmatch(value):
        hint = f"people are listed by their ids; {hint}"
    raise problem(f"{shown(value)} is not a Slack user id", hint)


def _channel(value: Any) -> str:
    if isinstance(value, str) and _CHANNEL.fullmatch(value):
        return value
    if isinstance(value, str) and value[0:1] in _CURLY and _CHANNEL.fullmatch(value[1:-1]):
        raise problem("these are not plain quotation marks", f'write "{value[1:-1]}"')
    bare = isinstance(value, str) and _CHANNEL.fullmatch("#" + value.lower())
    hint = (
        f'write "#{str(value).lower()}", quoted'
        if bare
        else 'write "#its-name", quoted, or its id, C0123456789'
    )
    raise problem(f"{shown(value)} is not a Slack channel", hint)


Channel = Annotated[
    str, PlainValidator(_channel), string_schema(r"#.+|[CG][A-Z0-9]{2,20}", "#agent-approvals")
]
UserId = Annotated[
    str,
    PlainValidator(_user_id),
    string_schema(USER_ID.pattern, "U0123456789"),
]
UserGroupId = Annotated[
    str,
    PlainValidator(of_shape(USERGROUP_ID, "a Slack user group id", "it begins with S, as S0123456789")),
    string_schema(USERGROUP_ID.pattern, "S0123456789"),
]
Name = Annotated[
    str,
    PlainValidator(_name),
    string_schema(NAME.pattern, "release-leads"),
]
