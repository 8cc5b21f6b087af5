"""Every mistake in a policy file is reported with its place and a hint, and the file does not load."""

# ruff: noqa: E501  # messages stand here as an admin sees them

from __future__ import annotations

import pytest

from bot.errors import PolicyError
from bot.policyfile import parse
from tests.unit.policyfile.making import BASE, problems, with_action

REVIEWED = "reviewed: {by: U0CLEO, on: 2026-06-01, why: ok}\n"
LOW = "risk: {reversible: true, blast_radius: low}\n" + REVIEWED
HIGH = "risk: {reversible: false, blast_radius: high}\n"
ARGS = (
    "args: {amount: {type: number, unit: USD}, to: {type: string}, many: {type: list, of: string}, "
    "sure: {type: boolean}, n: {type: integer, required: false}}\n"
)


def with_rule(when: str) -> str:
    """Return the policy with a kind of tier 0 that one rule raises."""
    return with_action(f"{LOW}{ARGS}raise:\n  - {{id: r1, to: 3, when: {when}, because: so}}")


CASES = [
    pytest.param(
        "a: " + "[" * 40,
        ["1:20: nested deeper than 16 levels; no policy needs that"],
        id="nested too deeply",
    ),
    pytest.param(
        BASE.replace("[U0CLEO, U0DIA, U0EVE]", "&a [U0CLEO]") + "more: *a\n",
        [
            "23:58: a quorum of 2 cannot be reached: tier 3 has 1 who can approve; name more approvers, or lower the quorum; a rotation counts as one person",
            "28:7: an alias, *a; write out its value",
        ],
        id="an alias",
    ),
    pytest.param(
        BASE + "  db.read: {}\n",
        ["28:3: `db.read` occurs twice; the first is in line 25; keep one of the two"],
        id="a key that comes twice",
    ),
    pytest.param(
        BASE.replace("reversible: true", "reversible: NO"),
        ["26:24: 'NO' is neither true nor false; write false; in YAML 1.2 NO is a text"],
        id="NO for false",
    ),
    pytest.param(
        with_action(HIGH + "approver: [leads]"),
        ["30:5: unknown key `approver`; did you mean approvers?"],
        id="an unknown key",
    ),
    pytest.param(
        with_action(HIGH + "on_expiry: approve"),
        [
            "30:5: unknown key `on_expiry`; the tier decides what happens when nobody answers; no setting changes it"
        ],
        id="a setting for when nobody answers",
    ),
    pytest.param(
        with_rule("{amuont: {gt: 5}}"),
        ["33:32: `amuont` is not an argument of x.y; did you mean amount?"],
        id="a misspelt argument",
    ),
    pytest.param(
        with_rule("{amount: {gt: 500, lt: 100}}"),
        [
            "33:40: rule `r1` can never fire: no value is both: amount > 500 and amount < 100; correct the condition, or delete the rule"
        ],
        id="a rule that can never fire",
    ),
    pytest.param(
        with_action(HIGH + ARGS + "raise:\n  - {id: r, to: 3, when: {amount: {gt: 5}}, because: so}"),
        [
            "32:21: rule `r` never changes anything: x.y is tier 3 without it; raise to a higher tier, or delete the rule"
        ],
        id="a rule that changes nothing",
    ),
    pytest.param(
        with_rule("{to: {in: []}}"),
        [
            "33:36: rule `r1` can never fire: the list is empty, so to is never in it; correct the condition, or delete the rule"
        ],
        id="an empty list",
    ),
    pytest.param(
        with_rule("{to: {in: $nothing}}"),
        [
            "33:36: rule `r1` can never fire: $nothing is empty, so to is never in it; correct the condition, or delete the rule"
        ],
        id="an empty named list",
    ),
    pytest.param(
        with_rule("{to: {in: $partner}}"),
        ["33:41: list `partner` is not in `lists`; did you mean partners?"],
        id="an unknown list",
    ),
    pytest.param(
        BASE.replace("approvers: [leads], quorum: 2, ", ""),
        ["23:3: `approvers` is missing; as approvers: [release-leads], names from people"],
        id="a tier without approvers",
    ),
    pytest.param(
        BASE.replace("expires_in: 30m, ", ""),
        ["23:3: `expires_in` is missing; as expires_in: 30m; every review has a window"],
        id="a tier without a window",
    ),
    pytest.param(
        "\n".join(line for line in BASE.split("\n") if not line.startswith("  3:")),
        ["20:1: `3` is missing; actions that are not in the policy are Tier 3, so it is always needed"],
        id="no tier 3",
    ),
    pytest.param(
        BASE.replace("    reviewed: {by: U0CLEO, on: 2026-06-01, why: read only}\n", ""),
        [
            "25:3: db.read is declared tier 0, below Tier 3, and has no `reviewed`; add reviewed: {by: U0123456789, on: 2026-06-01, why: …}, by the person who answers for it"
        ],
        id="below tier 3 without reviewed",
    ),
    pytest.param(
        BASE.replace("approvers: [leads]", "approvers: [lead]"),
        ["23:42: approver `lead` is not in `people`; did you mean leads?"],
        id="an approver that names nobody",
    ),
    pytest.param(
        BASE.replace("users: [U0CLEO, U0DIA, U0EVE]", "users: []"),
        ["4:18: nothing is named here; write at least 1, or delete the key"],
        id="people without people",
    ),
    pytest.param(
        BASE.replace("U0DIA", "dia"),
        [
            "4:27: 'dia' is not a Slack user id; people are listed by their ids; in Slack: the profile, ⋮, Copy member ID (U…)"
        ],
        id="no Slack id",
    ),
    pytest.param(
        BASE.replace("quorum: 2", "quorum: 4"),
        [
            "23:58: a quorum of 4 cannot be reached: tier 3 has 3 who can approve; name more approvers, or lower the quorum; a rotation counts as one person"
        ],
        id="a quorum that cannot be reached",
    ),
    pytest.param(
        BASE.replace("quorum: 2", "quorum: 3"),
        [
            (
                "23:58: a quorum of 3 cannot be reached without the requester: tier 3 has 3 who can approve, and "
                "nobody approves actions in their own name or of their own agent; name more approvers, or lower "
                "the quorum; a rotation counts as one person"
            )
        ],
        id="a quorum that needs the requester",
    ),
    pytest.param(
        BASE.replace("approvers: [leads], quorum: 2", "approvers: [oncall], quorum: 2"),
        [
            "23:59: a quorum of 2 cannot be reached: tier 3 has 1 who can approve; name more approvers, or lower the quorum; a rotation counts as one person"
        ],
        id="a quorum of a rotation",
    ),
    pytest.param(
        BASE.replace("approvers: [leads], quorum: 2", "approvers: [leads], quorum: 2").replace(
            "- {after: 50%, page: [leads]}", '- {after: 50%, post: "#x"}'
        ),
        [
            "23:90: `platform` reaches nobody who may approve tier 3; a page grants no vote: page one of leads, or use another chain"
        ],
        id="a chain that reaches nobody entitled",
    ),
    pytest.param(
        BASE.replace("expires_in: 30m, escalation: platform", "expires_in: 30m, escalation: endless"),
        [
            "15:5: `endless` repeats without end, but tier 3 uses it and is not a mandated sign-off; add times: 3; only a mandated sign-off is re-paged until a person acts",
            "23:90: `endless` pages nobody before the window of tier 3 ends; add a step with page: [a-name] that is due earlier",
        ],
        id="a chain that is due too late",
    ),
    pytest.param(
        BASE.replace("expires_in: 4h, escalation: platform", "expires_in: 4h, escalation: endless").replace(
            "[finance, oncall]", "[finance, leads]"
        ),
        [
            "15:5: `endless` repeats without end, but tier 2 uses it and is not a mandated sign-off; add times: 3; only a mandated sign-off is re-paged until a person acts"
        ],
        id="an unbounded repeat",
    ),
    pytest.param(
        with_action(HIGH + "escalation: endless\nexpires_in: 4h"),
        [
            "15:5: `endless` repeats without end, but x.y uses it and is not a mandated sign-off; add times: 3; only a mandated sign-off is re-paged until a person acts"
        ],
        id="an unbounded repeat of one action",
    ),
    pytest.param(
        with_action(LOW + "sign_off: mandated"),
        ["31:15: only a Tier 3 action has a mandated sign-off, and x.y is tier 0; add tier: 3"],
        id="a mandated sign-off below tier 3",
    ),
    pytest.param(
        with_action(HIGH + "tier: 1"),
        [
            "30:11: tier 1 is lower than tier 3, which follows from the risk of x.y; delete it; a declared tier can only raise"
        ],
        id="a declared tier below the risk",
    ),
    pytest.param(
        with_rule("{amount: {prefix: a}}"),
        [
            "33:41: `prefix` cannot judge amount, which is declared number; operators for it: eq, exists, gt, gte, in, lt, lte, ne, not_in"
        ],
        id="an operator for another type",
    ),
    pytest.param(
        with_rule("{many: {domain_in: $partners}}"),
        [
            "33:39: `domain_in` cannot judge many, which is declared list; name the items that it judges: any: {domain_in: …} or all: {domain_in: …}"
        ],
        id="an operator on a whole list",
    ),
    pytest.param(
        with_rule("{amount: {eq: '5'}}"),
        ["33:45: amount is declared number and is never '5'; write a number, without quotes"],
        id="an operand of another type",
    ),
    pytest.param(
        with_rule("{to: {in: [a, 5]}}"),
        ["33:45: to is declared string and is never 5; quote it if you mean the text"],
        id="an item of another type",
    ),
    pytest.param(
        with_rule("{amount: {in: $tables}}"),
        ["18:12: amount is declared number and is never 'orders'; write a number, without quotes"],
        id="a list of another type",
    ),
    pytest.param(
        with_rule("{n: {eq: 5.5}}"),
        ["33:40: n is declared integer and is never 5.5; write a whole number, without quotes"],
        id="a fraction for an integer",
    ),
    pytest.param(
        with_rule("{to: {domain_in: [a b]}}"),
        ["33:49: 'a b' is not a domain; write acme.example, or *.acme.example for all below it"],
        id="a list of no domains",
    ),
    pytest.param(
        with_rule("{to: {exists: false}}"),
        [
            "33:36: rule `r1` can never fire: to is required, and without it the action is Tier 3 already; correct the condition, or delete the rule"
        ],
        id="absence of what is required",
    ),
    pytest.param(
        with_rule("{amount: 500}"),
        ["33:40: a mapping is needed here; write an operator, as {eq: 500}"],
        id="a condition without operator",
    ),
    pytest.param(
        with_rule("{amount: {}}"),
        ["33:40: a condition without an operator; write one, as {gt: 500}"],
        id="an empty condition",
    ),
    pytest.param(
        with_rule("{to: {matches: '^drop'}}"),
        [
            "33:46: a pattern with a bare ^; patterns know *, ? and [a-z], they are not regular expressions (for the character itself write \\^)"
        ],
        id="a regular expression",
    ),
    pytest.param(
        with_action("risk: {reversible: true, blast_radius: low, cost_usd: $amuont}\n" + REVIEWED + ARGS),
        ["29:59: `amuont` is not an argument of x.y; did you mean amount?"],
        id="a misspelt cost",
    ),
    pytest.param(
        with_action("risk: {reversible: true, blast_radius: low, cost_usd: $to}\n" + REVIEWED + ARGS),
        ["29:59: `to` is a string, and a cost is a number; declare it {type: number, unit: USD}"],
        id="a cost in words",
    ),
    pytest.param(
        with_action("risk: {reversible: true, blast_radius: low, cost_usd: -1}\n" + REVIEWED + ARGS),
        ["29:59: -1 is too small; at least 0"],
        id="a negative cost",
    ),
    pytest.param(
        with_action("risk: {reversible: true, blast_radius: low, cost_usd: $n}\n" + REVIEWED + ARGS),
        ["29:59: `n` is optional, and without it the cost is unknown; make it required"],
        id="a cost that may be missing",
    ),
    pytest.param(
        BASE.replace("30m", "30"),
        ["23:73: 30 is not a duration; write it as 90s, 30m, 4h or 7d, without fractions"],
        id="a duration without unit",
    ),
    pytest.param(
        BASE.replace("every: 1h", "every: 1.5h"),
        ["21:33: '1.5h' is not a duration; write it as 90s, 30m, 4h or 7d, without fractions"],
        id="a fraction of a duration",
    ),
    pytest.param(
        BASE.replace('"#digest"', "#digest"),
        [
            "21:15: not YAML: did not find expected ',' or '}' while parsing a flow mapping that began in line 21; quote what begins with #, as \"#digest\"; as it is, the rest of the line is a comment"
        ],
        id="a channel that is a comment",
    ),
    pytest.param(
        BASE.replace('"#digest"', "Digest"),
        ["21:15: 'Digest' is not a Slack channel; write \"#digest\", quoted"],
        id="a channel without #",
    ),
    pytest.param(
        with_action("risk:\n" + REVIEWED),
        ["29:5: `risk` is empty; give it a value, or delete it"],
        id="an empty value",
    ),
    pytest.param(
        BASE.replace("version: 1", "version: !!int 1"),
        ["1:10: a tag, tag:yaml.org,2002:int; delete it; types follow from the format"],
        id="a tag",
    ),
    pytest.param(
        BASE + "---\na: 1\n",
        ["28:1: a second document begins here; a policy file is one document"],
        id="two documents",
    ),
    pytest.param(
        BASE.replace("  leads: {", "\tleads: {"),
        ["4:1: not YAML: a tab, where a value or a key begins; indent with spaces, not with tabs"],
        id="a tab",
    ),
    pytest.param(
        "",
        ["1:1: the file is empty; policies/default.yaml is a good start"],
        id="an empty file",
    ),
    pytest.param(
        "hello",
        [
            "1:1: a policy is a mapping with version, people, escalations, tiers and actions; policies/default.yaml is a good start"
        ],
        id="a text",
    ),
    pytest.param(
        "[1]",
        [
            "1:1: a policy is a mapping with version, people, escalations, tiers and actions; policies/default.yaml is a good start"
        ],
        id="a list",
    ),
    pytest.param(
        with_action(LOW + "approvers: [leads]\nescalation: platform"),
        [
            "31:5: `approvers` has no effect: x.y is tier 0; raised it has the tier's; delete it, or declare the tier where it should apply: tier: 2",
            "32:5: `escalation` has no effect: x.y is tier 0; raised it has the tier's; delete it, or declare the tier where it should apply: tier: 2",
        ],
        id="settings that never hold",
    ),
    pytest.param(
        with_action(HIGH + "tools: [db.read, rm, rm]"),
        ["30:12: 'rm' occurs twice in this list; keep one of the two"],
        id="a tool twice",
    ),
    pytest.param(
        BASE + "tools: {rm: db.reed, db.read: x.y}\n",
        [
            "28:13: `db.reed` is not in `actions`; did you mean db.read?",
            "28:22: `db.read` is also an action kind; a tool of that name would be ruled as another kind; rename the kind or the tool",
            "28:31: `x.y` is not in `actions`; known: db.read",
        ],
        id="tools for nothing",
    ),
    pytest.param(
        with_action(
            LOW
            + ARGS
            + "raise:\n  - {id: a, to: 3, when: {amount: {gt: 5}}, because: so}\n  - {id: a, to: 2, when: {amount: {gt: 7}}, because: so}\n  - {id: risk, to: 2, when: {amount: {gt: 8}}, because: so}"
        ),
        [
            "34:14: `a` is also the id of the rule in line 33; rename one",
            "35:14: `risk` is the name of one of the membrane's own reasons; rename it",
        ],
        id="ids of rules",
    ),
    pytest.param(
        with_action(HIGH).replace("x.y", "x..y"),
        ["28:3: 'x..y' is not an action kind; write dotted words, as payment.refund"],
        id="a kind that is none",
    ),
    pytest.param(
        with_action("risk: {reversible: true, blast_radius: tiny}"),
        ["29:44: 'tiny' is not possible here; write low, medium or high"],
        id="an unknown blast radius",
    ),
    pytest.param(
        BASE.replace("version: 1", "version: 2"),
        ["1:10: 2 is not possible here; write 1"],
        id="another version",
    ),
    pytest.param(
        BASE.replace("{usergroup: S0FINANCE}", "{usergroup: S0FINANCE, users: [U0ADA]}"),
        ["5:12: people are given in exactly one way; keep one of users, usergroup and rotation"],
        id="people in two ways",
    ),
    pytest.param(
        BASE + "admins: [U0CLEO]\n",
        [
            "28:10: 'U0CLEO' is a Slack id, not a name of `people`; Slack ids belong under `people` only: add a name there, as somebody: {users: [U0CLEO]}, and write it here"
        ],
        id="a Slack id where a name is wanted",
    ),
    pytest.param(
        BASE.replace("approvers: [leads]", "approvers: [S0FINANCE]"),
        [
            "23:42: 'S0FINANCE' is a Slack id, not a name of `people`; Slack ids belong under `people` only: add a name there, as somebody: {usergroup: S0FINANCE}, and write it here"
        ],
        id="a Slack group's id where a name is wanted",
    ),
    pytest.param(
        BASE.replace('"#digest", every', '"#digest, every'),
        ["21:15: not YAML: this quotation mark is not closed in its line; close it"],
        id="a quotation mark that the next one closes, lines later",
    ),
    pytest.param(
        BASE.replace("why: read only", "why: 'read only, it''s fine") + "# it's\n",
        ["27:49: not YAML: this quotation mark is not closed in its line; close it"],
        id="a quotation mark that nothing closes",
    ),
    pytest.param(
        BASE.replace("why: read only", "why: read: only"),
        [
            "27:53: not YAML: a second colon, in a text without quotation marks; put the whole text in quotation marks"
        ],
        id="a colon in a text, inside braces",
    ),
    pytest.param(
        with_action("risk: {reversible: false, blast_radius: high}\nsays: note: fine"),
        [
            "30:15: not YAML: a second colon, in a text without quotation marks; put the whole text in quotation marks"
        ],
        id="a colon in a text, in a line of its own",
    ),
    pytest.param(
        BASE + "admins: [leadz]\n",
        ["28:10: admin `leadz` is not in `people`; did you mean leads?"],
        id="an admin that names nobody",
    ),
    pytest.param(
        BASE.replace("quorum: 2", "quorum: 0"),
        ["23:58: 0 is too small; at least 1"],
        id="a quorum of nobody",
    ),
    pytest.param(
        BASE.replace("{after: 25%, page: [oncall]}", "{after: 25%}"),
        ['9:9: a step that reaches nobody; add page: [a-name] or post: "#a-channel"'],
        id="a step that does nothing",
    ),
    pytest.param(
        BASE.replace("25%", "125%"),
        ["9:17: '125%' is not a time for a step; write a share of the window, 25%, or 90s, 30m, 4h"],
        id="a step after the end",
    ),
    pytest.param(
        BASE.replace("T09:00:00Z", ""),
        ["3:63: '2026-01-05' has no time zone; write it with its offset, as 2026-01-05T09:00:00Z"],
        id="an instant without offset",
    ),
    pytest.param(
        BASE.replace("[leads], quorum", "leads, quorum"),
        ["23:41: a list is needed here; write [one] or [one, two]"],
        id="a name for a list",
    ),
    pytest.param(
        with_action(HIGH + "args: {a: {type: lisst}, b: {type: list}, c: {type: string, of: string}}"),
        [
            "30:22: 'lisst' is not possible here; write string, number, integer, boolean, list, object, email, url, hostname, path, identifier or datetime",
            "30:33: a list, and only a list, declares the type of its items; write {type: list, of: string}",
            "30:50: a list, and only a list, declares the type of its items; write {type: list, of: string}",
        ],
        id="types of arguments",
    ),
    pytest.param(
        with_action(HIGH + "idempotent: yes"),
        ["30:17: 'yes' is neither true nor false; write true; in YAML 1.2 yes is a text"],
        id="yes for true",
    ),
    pytest.param(
        BASE + "x" * 300 + ": 1\n",
        [
            "28:1: unknown key `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`; known: actions, admin_channel, admins, channels, cost_threshold_usd, escalations, graphs, limits, lists, people, strict, tiers, tools, version"
        ],
        id="an endless line",
    ),
    pytest.param(
        with_action(LOW + ARGS + "raise: [{id: a, to: 3, when: {amount: {gt: 5}}}]"),
        ["32:13: `because` is missing; a sentence for the person who reads the card"],
        id="a rule without because",
    ),
    pytest.param(
        BASE.replace("why: read only", "why: read only, replica"),
        ["27:60: `replica` is empty; inside { } a comma ends a value: quote a text that holds one"],
        id="a comma in a text",
    ),
    pytest.param(
        with_action(LOW + ARGS + "raise: {id: a}"),
        ["32:12: a list is needed here; write [one] or [one, two]"],
        id="raise without a list",
    ),
    pytest.param(
        with_rule("{}"),
        ["33:31: nothing is named here; write at least 1, or delete the key"],
        id="a rule without conditions",
    ),
    pytest.param(
        with_action(LOW + "raise: [{id: a, to: 3, when: {amount: {gt: 5}}, because: so}]"),
        ["31:35: `amount` is not an argument of x.y; declare it, as args: {amount: {type: string}}"],
        id="a condition without args",
    ),
    pytest.param(
        with_action(
            LOW
            + "args: {}\nmore_args: true\nraise: [{id: a, to: 3, when: {amount: {gt: 5, prefix: a}}, because: so}]"
        ),
        ["33:43: amount cannot be a number and a text at once; split the rule, or declare the argument"],
        id="two families on one argument",
    ),
    pytest.param(
        with_rule("{amount: {gt: 123456789012345678901234567890}}"),
        ["33:45: 123456789012345678901234567890 is too large to be exact; quote it if it is an id"],
        id="a number that cannot be counted",
    ),
    pytest.param(
        with_rule("{amount: {gt: .nan}}"),
        ["33:45: '.nan' is not a number; write it plainly, as 500 or 0.5"],
        id="not a number",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_a_problem_has_its_place_and_a_hint(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_a_problem_shows_its_line_and_a_caret() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(BASE.replace("approvers: [leads]", "approvers: [lead]"), "policies/default.yaml")
    assert str(caught.value) == (
        "policies/default.yaml:23:42: approver `lead` is not in `people`; did you mean leads?\n"
        '      3: {channel: "#approvals", approvers: [lead], quorum: 2, expires_in: 30m, escalation: platform}\n'
        "                                             ^"
    )


def test_all_problems_are_reported_at_once_and_in_order() -> None:
    """A duplicate key, a wrong shape, a misspelt name and a dead rule do not hide one another."""
    text = with_rule("{amuont: {gt: 5}, amount: {gt: 5, lt: 1}, to: {in: $partner}}")
    text = text.replace("expires_in: 4h", "expires_in: 4 hours").replace(
        "approvers: [leads]", "approvers: [lead]"
    )
    text += "    idempotent: yes\n  z.z: {risk: {reversible: maybe}}\nadmins: [leads, leadz]\nversion: 1\n"
    assert [each.split(";")[0] for each in problems(text)] == [
        "22:72: '4 hours' is not a duration",
        "23:42: approver `lead` is not in `people`",
        "33:32: `amuont` is not an argument of x.y",
        "33:57: rule `r1` can never fire: no value is both: amount > 5 and amount < 1",
        "33:82: list `partner` is not in `lists`",
        "34:17: 'yes' is neither true nor false",
        "35:9: `blast_radius` is missing",
        "35:28: 'maybe' is neither true nor false",
        "36:17: admin `leadz` is not in `people`",
        "37:1: `version` occurs twice",
    ]


def test_a_broken_value_is_complained_of_once() -> None:
    """An empty value is not also reported as the wrong type, as missing, or as unknown where it is used."""
    text = BASE.replace("leads: {users: [U0CLEO, U0DIA, U0EVE]}", "leads:")
    assert problems(text) == ["4:3: `leads` is empty; give it a value, or delete it"]


def test_a_line_that_could_disturb_a_terminal_is_shown_harmless() -> None:
    with pytest.raises(PolicyError) as caught:
        parse(BASE + "evil\u202e\u200b: 1\n", "p.yaml")
    assert "\u202e" not in str(caught.value)
    assert "evil\ufffd\ufffd: 1" in str(caught.value)


def test_a_file_that_is_not_text() -> None:
    for text, expected in (
        (b"a: 1\nb: \xff\xfe", "p.yaml:2:4: the file is not UTF-8; save it as UTF-8"),
        (b"a: 1\nb: \x00", "p.yaml:2:4: a character that a text file cannot hold; delete it"),
        (b"a" * 300_000, "p.yaml:1:1: the file is larger than 262144 bytes"),
    ):
        with pytest.raises(PolicyError) as caught:
            parse(text, "p.yaml")
        assert str(caught.value).split("\n")[0] == expected


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("usergroup: S0FINANCE", "usergroup: *x", "5:24"),
        ('channel: "#approvals", approvers: [finance', "channel: *x, approvers: [finance", "22:16"),
        ("lists:\n", "admin_channel: *x\nlists:\n", "16:16"),
        ("times: 3}", "times: *x}", "11:33"),
    ],
)
def test_an_unreadable_value_does_not_count_as_omitted(old: str, new: str, place: str) -> None:
    assert problems(BASE.replace(old, new)) == [f"{place}: an alias, *x; write out its value"]
