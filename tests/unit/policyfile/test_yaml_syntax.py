"""Slips of the keyboard are reported where they are, with a hint that corrects them."""

# ruff: noqa: E501  # messages stand here as an admin sees them

from __future__ import annotations

import pytest

from bot.policyfile import parse
from tests.unit.policyfile.making import BASE, problems

FIRST, SECOND = "      - {after: 25%, page: [oncall]}\n", "      - {after: 50%, page: [leads]}\n"
TABLES = "  tables: [orders, ledger]\n"
ONE = "version: 1"
NO_KEY = (
    "a line that is not `key: value`; write key: value, with a space after the colon; a comment begins with #"
)
CONFLICT = "a merge conflict that is not resolved; keep one side, and delete the markers"
NO_DASH = "an item of a list without its dash; begin each item of a list with `- `"
TAB = "a tab, where a value or a key begins; indent with spaces, not with tabs"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(SECOND, SECOND.replace("- ", ""), f"10:7: {NO_DASH}", id="an item without a dash"),
        pytest.param(
            FIRST + SECOND,
            (FIRST + SECOND).replace("- ", ""),
            f"10:7: {NO_DASH}",
            id="items without dashes",
        ),
        pytest.param(
            FIRST,
            FIRST.replace("- ", "-"),
            "9:7: a dash without a space after it; write `- ` before each item",
            id="a dash without a space",
        ),
        pytest.param(
            "leads: {",
            "leads:{",
            "4:8: a colon without a space after it; write key: value",
            id="a colon without a space, before a brace",
        ),
        pytest.param(
            ONE,
            "version:1",
            "1:8: a colon without a space after it; write key: value",
            id="a colon and a number",
        ),
        pytest.param(
            TABLES,
            TABLES.replace("]", ""),
            "18:11: this [ is not closed; close it with ]",
            id="an open bracket",
        ),
        pytest.param(
            "U0EVE]", "U0EVE", "4:18: this [ is not closed; close it with ]", id="an open bracket in braces"
        ),
        pytest.param(
            "times: 3}", "times: 3", "11:13: this { is not closed; close it with }", id="an open brace"
        ),
        pytest.param(
            "times: 3}", "times: 3}}", "11:35: this } closes nothing; delete it", id="a brace too many"
        ),
        pytest.param(
            "ledger]", "ledger]]", "18:27: this ] closes nothing; delete it", id="a bracket too many"
        ),
        pytest.param(
            "[leads], quorum",
            "[leads] quorum",
            "23:49: no comma before this, and no }; write a comma, or }",
            id="a comma that is missing",
        ),
        pytest.param(
            "15m, times: 3",
            "15m times: 3",
            "11:30: a second colon, in a text without quotation marks; put the whole text in quotation marks, or a comma before `times`",
            id="a comma that is missing after a word",
        ),
        pytest.param(
            "[orders, ledger]",
            "[orders,, ledger]",
            "18:19: a comma with nothing before it; delete it",
            id="two commas",
        ),
        pytest.param(
            "why: read only",
            'why: "read" only',
            "27:56: a text goes on after its closing quotation mark; put the whole text in quotation marks, or a comma here",
            id="half a text quoted",
        ),
        pytest.param(
            "why: read only",
            'why: "read \\d only"',
            '27:55: found unknown escape character while parsing a quoted scalar; in "…" a backslash begins an '
            "escape: write \\\\ for one, or quote with '",
            id="a backslash",
        ),
        *(
            pytest.param(
                "why: read only",
                f"why: {sign}read",
                f'27:49: a text cannot begin with {sign}; quote all of it, as "{sign}…"',
                id=f"a text that begins with {sign}",
            )
            for sign in "%@`!|>"
        ),
        pytest.param(
            "[orders, ledger]",
            "[*.orders, ledger]",
            '18:12: a text cannot begin with *; quote all of it, as "*…"',
            id="a star",
        ),
        pytest.param(
            "tiers:\n",
            "%x: 1\ntiers:\n",
            '20:1: a text cannot begin with %; quote all of it, as "%…"',
            id="a %",
        ),
        pytest.param("    risk:", "\trisk:", f"26:1: {TAB}", id="a tab before a key"),
        pytest.param(SECOND, SECOND.replace("      -", "\t-"), f"10:1: {TAB}", id="a tab before an item"),
        pytest.param(
            "lists:",
            "\ufefflists:",
            "16:1: an invisible character, U+FEFF, before the first word; delete it, and indent with plain spaces",
            id="a byte order mark in the middle",
        ),
        pytest.param(
            "  leads: {",
            "\u00a0\u00a0leads: {",
            "4:1: an invisible character, U+00A0, before the first word; delete it, and indent with plain spaces",
            id="spaces that do not break",
        ),
        pytest.param(
            TABLES,
            f"<<<<<<< HEAD\n{TABLES}=======\n  tables: [ledger]\n>>>>>>> feature\n",
            f"18:1: {CONFLICT}",
            id="a merge conflict",
        ),
        pytest.param(
            "lists:\n", "lists:\n>>>>>>> feature\n", f"17:1: {CONFLICT}", id="the rest of a conflict"
        ),
        pytest.param(ONE, "version = 1", f"1:1: {NO_KEY}", id="an equals sign"),
        pytest.param(ONE, f"// policy\n{ONE}", f"1:1: {NO_KEY}", id="a comment of another language"),
        pytest.param("lists:", "/* lists */\nlists:", f"16:1: {NO_KEY}", id="another, in the middle"),
        pytest.param(ONE, "version", f"1:1: {NO_KEY}", id="a key alone"),
        pytest.param(
            ONE, f"```yaml\n{ONE}", "1:1: a line of Markdown, ```; delete it", id="a Markdown fence"
        ),
        pytest.param(
            "lists:",
            "...\nlists:",
            "17:1: did not find expected <document start>; `...` ends a document, and a policy file is one: delete the line",
            id="the end of a document",
        ),
    ],
)
def test_a_slip_is_reported_where_it_is(old: str, new: str, said: str) -> None:
    place, _, what = said.partition(": ")
    assert BASE.count(old) >= 1
    assert problems(BASE.replace(old, new, 1))[0] == f"{place}: not YAML: {what}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "{usergroup: S0FINANCE}",
            "{usergroup:S0FINANCE}",
            "5:13: `usergroup:S0FINANCE` is empty; write a space after the colon: usergroup: S0FINANCE",
        ),
        (
            "usergroup: S0FINANCE",
            "usergroup: {{ finance }}",
            "5:25: a key that is not a word; {{ }} belongs to a template: fill it in, or quote it if you mean the text",
        ),
        ('"#digest"', "“#digest”", '21:15: these are not plain quotation marks; write "#digest"'),
        (
            "people:\n",
            "people:\n  x: [U0ADA]\npeople:\n",
            "4:1: `people` occurs twice; the first is in line 2; keep one of the two",
        ),
        (
            "[leads], quorum",
            '["<@U0CLEO>"], quorum',
            "23:42: 'U0CLEO' is a Slack id, not a name of `people`; Slack ids belong under `people` only: add a name there, as somebody: {users: [U0CLEO]}, and write it here",
        ),
        (
            "[leads], quorum",
            '["@leads"], quorum',
            "23:42: '@leads' is not a name; write leads, if that is the name under `people`",
        ),
        (
            "[leads], quorum",
            "[C0123456], quorum",
            "23:42: 'C0123456' is a Slack channel, not a name of `people`; name people who are in it",
        ),
        (
            "[U0CLEO, U0DIA, U0EVE]",
            "[S0LEADS]",
            "4:19: 'S0LEADS' is not a Slack user id; it is a user group's: write {usergroup: S0LEADS} under `people`",
        ),
        (
            "[U0CLEO, U0DIA, U0EVE]",
            '["<@U0CLEO|cleo>"]',
            "4:19: '<@U0CLEO|cleo>' is not a Slack user id; write U0CLEO",
        ),
    ],
)
def test_a_slip_that_yaml_allows_is_reported_alone(old: str, new: str, said: str) -> None:
    assert problems(BASE.replace(old, new, 1)) == [said]


@pytest.mark.parametrize(
    "text",
    [
        BASE.replace("\n", "\r\n"),
        "\ufeff" + BASE,
        BASE.replace("{every: 15m, times", "{every: 15m,\n\ttimes"),
    ],
)
def test_a_file_with_an_editors_line_ends_byte_order_mark_or_tabs_loads(text: str) -> None:
    """Line ends of Windows, a byte order mark at the start, a tab inside of braces."""
    assert parse(text).version == parse(BASE).version
