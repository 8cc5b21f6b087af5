"""From a file to a policy: every key arrives, the version follows the meaning, shipped policies are sound."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bot.domain.action import Action
from bot.domain.escalation import Chain, Delay, Repeat, Rotation, Step
from bot.domain.operators import Arg, ArgType, Condition, Op
from bot.domain.people import OnCall, UserGroup, Users
from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.domain.policy_model import DeclaredRisk, GatedTier, Kind, Limits, OwnSettings, RaiseRule
from bot.domain.policy_notes import notes_of
from bot.domain.risk import BlastRadius, Tier
from bot.domain.ruling import AbsentDefault
from bot.errors import PolicyError
from bot.policyfile import PolicyInForce, check, load, parse, schema
from bot.policyfile.document import read_document
from tests.unit.policyfile.making import BASE, with_action

POLICIES = Path(__file__).parents[3] / "policies"
SHIPPED = [POLICIES / "default.yaml", POLICIES / "demo.yaml"]

FULL = """\
risk: {reversible: true, blast_radius: medium, cost_usd: $amount}
reviewed: {by: U0CLEO, on: 2026-06-01, why: "fine,  really"}
tier: 2
args:
  amount: {type: number, unit: USD, describe: what it costs}
  to: {type: list, of: string, required: false}
more_args: true
raise:
  - id: big
    to: 3
    when: {amount: {gt: 5, lte: 9.5}, to: {exists: true, any: {domain_not_in: $partners}}}
    because: it is big
tools: [pay]
approvers: [leads]
quorum: 2
channel: C0123456789
expires_in: 90s
escalation: platform
valid_for: 2h
report_within: 5m
idempotent: true
"""


def test_every_key_of_an_action_arrives() -> None:
    made = parse(with_action(FULL) + "tools: {wire: x.y}\n")
    kind = made.actions["x.y"]
    assert kind == Kind(
        "x.y",
        DeclaredRisk(reversible=True, blast_radius=BlastRadius.MEDIUM, cost_arg="amount"),
        kind.reviewed,
        Tier.ASYNC_APPROVAL,
        args={
            "amount": Arg(ArgType.NUMBER, unit="USD"),
            "to": Arg(ArgType.LIST, of=ArgType.STRING, required=False),
        },
        more_args=True,
        rules=(
            RaiseRule(
                "big",
                Tier.SYNC_APPROVAL,
                {
                    "amount": (Condition(Op.GT, 5), Condition(Op.LTE, 9.5)),
                    "to": (
                        Condition(
                            Op.ANY,
                            (Condition(Op.DOMAIN_NOT_IN, ("acme.example", "globex.example"), "partners"),),
                        ),
                        Condition(Op.EXISTS, True),
                    ),
                },
                "it is big",
            ),
        ),
        settings=OwnSettings("C0123456789", ("leads",), 2, 90.0, made.tiers[Tier.SYNC_APPROVAL].chain),
        valid_for_s=7200.0,
        report_within_s=300.0,
        idempotent=True,
    )
    assert kind.reviewed
    assert (kind.reviewed.by, str(kind.reviewed.on), kind.reviewed.why) == (
        "U0CLEO",
        "2026-06-01",
        "fine, really",
    )
    assert (made.kind_of_tool("pay"), made.kind_of_tool("wire")) == ("x.y", "x.y")


def test_everything_else_arrives() -> None:
    text = BASE + (
        "admins: [leads]\nadmin_channel: '#admins'\ncost_threshold_usd: 2.5\n"
        "limits: {open_per_agent: 3, remember_rejection_for: 5m}\n"
    )
    text = text.replace("leads: {users: [U0CLEO, U0DIA, U0EVE]}", "leads: [U0CLEO, U0DIA, U0EVE]")
    made = parse(text.replace("{every: 15m, times: 3}", "{every: 15m, times: 3}\n    ack_for: 5m"))
    assert made.people == {
        "oncall": OnCall(Rotation(("U0ADA", "U0BEN"), 604800.0, 1767603600.0)),
        "leads": Users(("U0CLEO", "U0DIA", "U0EVE")),
        "finance": UserGroup("S0FINANCE"),
    }
    steps = (Step(Delay(share=0.25), ("oncall",)), Step(Delay(share=0.5), ("leads",)))
    chain = Chain("platform", steps, Repeat(900.0, 3), 300.0)
    assert made.tiers[Tier.ASYNC_APPROVAL] == GatedTier(
        "#approvals", ("finance", "oncall"), 1, 14400.0, chain
    )
    assert made.tiers[Tier.SYNC_APPROVAL] == GatedTier("#approvals", ("leads",), 2, 1800.0, chain)
    assert (made.digest_channel, made.digest_every_s) == ("#digest", 3600.0)
    assert (made.admins, made.admin_channel) == (("leads",), "#admins")
    assert (made.cost_threshold_usd, made.limits) == (2.5, Limits(3, 300.0))


def test_an_omitted_key_has_its_default() -> None:
    made = parse(BASE)
    assert (made.admins, made.admin_channel, made.cost_threshold_usd) == ((), None, 1.0)
    assert (made.limits.open_per_agent, made.limits.remember_rejection_s) == (20, 3600.0)
    assert made.tiers[Tier.SYNC_APPROVAL].chain.ack_for_s == 1800.0
    assert made.tiers[Tier.ASYNC_APPROVAL].quorum == 1


def test_the_version_is_of_the_meaning_not_of_the_text() -> None:
    """Comments, layout, quotes and the order of keys do not change it; anything else does."""
    one = parse(with_action(FULL))
    other = with_action(FULL).replace("{gt: 5, lte: 9.5}", "{lte: 9.5, gt: 5}")
    head, actions = other.split("actions:\n")
    shuffled = f"actions:   # first\n{actions}\n\n{head}".replace(
        "[acme.example, globex.example]", "[globex.example, acme.example]"
    )
    assert parse(shuffled).version == one.version
    assert one.version.startswith("sha256:")
    assert len(one.version) == 71
    assert parse(with_action(FULL.replace("gt: 5", "gt: 6"))).version != one.version
    assert parse(with_action(FULL).replace("[acme.example, ", "[")).version != one.version


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_policy_is_a_good_example(path: Path) -> None:
    """It loads, has nothing worth a note, at least twelve kinds, and kinds on every tier."""
    assert check(path) == ()
    made = load(path)
    assert notes_of(made) == ()
    assert len(made.kinds) >= 12
    assert {made.own_tier(name) for name in made.kinds} == set(Tier)
    defaults = {made.rule(Action.of(name, {}, agent="a")).default for name in made.kinds}
    assert {AbsentDefault.ABORT, AbsentDefault.ESCALATE} <= defaults
    assert made.channels >= {"#agent-approvals", "#agent-digest", "#incidents", "#membrane-admin"}


def test_the_default_policy_explains_every_operator() -> None:
    """An admin should not have to look elsewhere for what a rule can ask."""
    comments = " ".join(
        line for line in SHIPPED[0].read_text(encoding="utf-8").splitlines() if line.startswith("#")
    )
    words = set(comments.replace(":", " ").replace("{", " ").split())
    assert {op.value for op in Op} <= words


def test_the_two_shipped_policies_name_the_same_things() -> None:
    default, demo = (load(path) for path in SHIPPED)
    assert default.kinds == demo.kinds
    assert default.people.items() <= demo.people.items()
    assert default.tools == demo.tools
    for name in default.kinds:
        assert default.actions[name].args == demo.actions[name].args
        assert default.actions[name].rules == demo.actions[name].rules
        assert default.own_tier(name) == demo.own_tier(name)


def test_the_demos_windows_are_short_enough_to_watch() -> None:
    demo = load(POLICIES / "demo.yaml")
    windows = {
        gated.window_s
        for name in demo.kinds
        for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL)
        if tier >= demo.own_tier(name)
        for gated in [demo.gated(name, tier)]
    }
    assert min(windows) >= 6
    assert max(windows) <= 90
    assert len([window for window in windows if window <= 15]) >= 2
    assert len(windows) >= 4
    assert demo.digest_every_s == 10.0


DEMO_ACTIONS: list[tuple[str, dict[str, Any], int, str]] = [
    ("db.read", {"table": "orders"}, 0, "risk"),
    ("kb.search", {"query": "returns"}, 0, "risk"),
    ("crm.note", {"customer": "C-1", "text": "called"}, 0, "risk"),
    ("report.generate", {"name": "weekly", "cost": 4.2}, 1, "risk"),
    ("report.generate", {"name": "weekly", "cost": 0.2}, 0, "risk"),
    ("report.generate", {"name": "all of it", "cost": 80}, 2, "costly-report"),
    ("mail.newsletter-draft", {"subject": "May", "body": "…"}, 1, "declared-tier"),
    ("mail.send", {"to": ["gus@northwind.example"], "subject": "hi", "body": "…"}, 1, "declared-tier"),
    ("mail.send", {"to": ["gus@eu.northwind.example"], "subject": "hi", "body": "…"}, 1, "declared-tier"),
    ("mail.send", {"to": ["eve@mail.example"], "subject": "hi", "body": "…"}, 2, "outsider"),
    ("mail.send", {"to": [], "subject": "hi", "body": "The Password is x"}, 3, "credentials"),
    ("payment.refund", {"order": "A-1", "amount": 20, "recipient": "a@acme.example"}, 1, "risk"),
    ("payment.refund", {"order": "A-1", "amount": 120, "recipient": "a@acme.example"}, 2, "notable-refund"),
    ("payment.refund", {"order": "A-1", "amount": 20, "recipient": "a@mail.example"}, 2, "outsider"),
    ("payment.refund", {"order": "A-1", "amount": 900, "recipient": "a@acme.example"}, 3, "large-refund"),
    ("payment.refund", {"order": "A-1", "recipient": "a@acme.example"}, 3, "missing-argument"),
    ("deploy.staging", {"service": "web", "version": "1.2"}, 1, "declared-tier"),
    ("db.write", {"table": "hints", "statement": "UPDATE hints", "rows": 4}, 2, "risk"),
    ("db.write", {"table": "hints", "statement": "drop table hints", "rows": 0}, 3, "destructive"),
    ("db.write", {"table": "orders", "statement": "UPDATE orders", "rows": 11}, 3, "vital-table"),
    ("config.feature-flag", {"flag": "new-cart", "percent": 5}, 2, "risk"),
    ("config.feature-flag", {"flag": "new-cart", "percent": 50}, 3, "everybody"),
    ("data.export", {"columns": ["order"], "destination": "s3.northwind.example"}, 2, "risk"),
    (
        "data.export",
        {"columns": ["order", "email"], "destination": "s3.northwind.example"},
        3,
        "personal-data",
    ),
    ("payment.transfer", {"amount": 5, "account": "DE1", "purpose": "rent"}, 3, "risk"),
    ("data.delete", {"what": "customers", "count": 3}, 3, "risk"),
    ("permission.grant", {"who": "U0GUS", "role": "admin"}, 3, "risk"),
    ("message.broadcast", {"audience": "all", "text": "hello"}, 3, "risk"),
    ("deploy.production", {"service": "web", "version": "1.2"}, 3, "risk"),
    ("payment.frobnicate", {}, 3, "unknown-kind"),
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
@pytest.mark.parametrize(("kind", "args", "tier", "rule"), DEMO_ACTIONS)
def test_the_shipped_policies_rule_a_day_of_a_fleet(
    path: Path, kind: str, args: dict[str, Any], tier: int, rule: str
) -> None:
    said = _shipped(path).rule(Action.of(kind, args, agent="fleet"))
    assert (said.tier, said.rule) == (tier, rule)


_LOADED: dict[Path, Policy] = {}


def _shipped(path: Path) -> Policy:
    if path not in _LOADED:
        _LOADED[path] = load(path)
    return _LOADED[path]


def test_the_schema_that_ships_is_made_from_the_models() -> None:
    """To update the file, run: membrane policy schema --write."""
    shipped = json.loads((POLICIES / "policy.schema.json").read_text(encoding="utf-8"))
    assert shipped == schema()
    jsonschema.Draft202012Validator.check_schema(shipped)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_an_editor_with_the_schema_accepts_what_loads(path: Path) -> None:
    _validator().validate(_as_an_editor_reads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        with_action("risk: {reversible: false, blast_radius: high}\nonexpiry: approve"),
        BASE.replace("blast_radius: low", "blast_radius: tiny"),
        BASE.replace("expires_in: 4h", "expires_in: 4 hours"),
        BASE.replace("S0FINANCE", "finance"),
        BASE.replace("expires_in: 30m, ", ""),
        BASE.replace("version: 1", "version: 2"),
    ],
)
def test_an_editor_with_the_schema_refuses_what_has_the_wrong_shape(text: str) -> None:
    assert list(_validator().iter_errors(_as_an_editor_reads(text)))
    with pytest.raises(PolicyError):
        parse(text)


def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def _as_an_editor_reads(text: str) -> Any:
    return read_document(text.encode(), "p.yaml").data


def test_the_policy_in_force_is_replaced_whole() -> None:
    first, second = parse(BASE), parse(BASE.replace("quorum: 2", "quorum: 1"))
    in_force = PolicyInForce(first)
    assert in_force.current is first
    in_force.replace(second)
    assert in_force.current is second
    assert [str(change) for change in changes_between(first, second)] == ["LOOSER: tier 3: quorum 2 is now 1"]


def test_an_unreadable_file_is_a_problem(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        (problem,) = check(path)
        assert problem.what.startswith("the file cannot be read: ")
