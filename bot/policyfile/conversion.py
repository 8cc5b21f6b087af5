"""Converts the checked models of a policy file to the domain's Policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.domain.addresses import normal_entry
from bot.domain.escalation import Chain, Repeat, Rotation, Step
from bot.domain.operators import DOMAIN_OPS, PATH_OPS, Arg, Condition, Op, Scalar
from bot.domain.people import OnCall, PeopleSource, UserGroup, Users
from bot.domain.policy import Policy
from bot.domain.policy_model import (
    REMEMBER_S,
    REPORT_WITHIN_S,
    DeclaredRisk,
    GatedTier,
    Kind,
    Limits,
    OwnSettings,
    RaiseRule,
    Reviewed,
)
from bot.domain.risk import Tier
from bot.policyfile.action_model import ActionModel, RiskModel
from bot.policyfile.condition_model import ArgModel, ItemConditionModel
from bot.policyfile.file_model import GatedModel, LimitsModel, PolicyFile
from bot.policyfile.people_model import EscalationModel, PeopleModel

Lists = Mapping[str, list[Scalar]]


def build_policy(file: PolicyFile) -> Policy:
    """Return the policy of a file that has passed every check."""
    chains = {name: build_chain(name, each) for name, each in file.escalations.items()}
    actions = {name: build_kind(name, action, file.lists, chains) for name, action in file.actions.items()}
    return Policy(
        people={name: build_people(entry) for name, entry in file.people.items()},
        digest_channel=file.tiers.one.digest,
        digest_every_s=file.tiers.one.every,
        tiers={
            Tier.ASYNC_APPROVAL: _gated(file.tiers.two, chains),
            Tier.SYNC_APPROVAL: _gated(file.tiers.three, chains),
        },
        actions=actions,
        tools=build_tools(file),
        admins=tuple(file.admins),
        admin_channel=file.admin_channel,
        cost_threshold_usd=float(file.cost_threshold_usd),
        limits=_limits(file.limits),
        external_channels=tuple(sorted(name for name, each in file.channels.items() if each.allow_external)),
        graphs={name: tuple(sorted(model.agents)) for name, model in file.graphs.items()},
        strict=file.strict,
    )


def build_tools(file: PolicyFile) -> dict[str, str]:
    """Return the kind of each tool, from the table and from the actions' own lists."""
    of_actions = {tool: kind for kind, action in file.actions.items() for tool in action.tools}
    return {**file.tools, **of_actions}


def build_people(entry: PeopleModel | list[str]) -> PeopleSource:
    """Return the people behind one name of `people`."""
    if isinstance(entry, list):
        return Users(tuple(entry))
    if entry.users is not None:
        return Users(tuple(entry.users))
    if entry.usergroup is not None:
        return UserGroup(entry.usergroup)
    assert entry.rotation is not None, "the model holds exactly one of the three"
    turns = entry.rotation
    return OnCall(Rotation(tuple(turns.users), turns.every, turns.start))


def build_chain(name: str, model: EscalationModel) -> Chain:
    """Return one chain."""
    steps = tuple(Step(step.after, tuple(step.page or ()), step.post) for step in model.steps)
    repeat = Repeat(model.repeat.every, model.repeat.times) if model.repeat else None
    return Chain(name, steps, repeat) if model.ack_for is None else Chain(name, steps, repeat, model.ack_for)


def build_kind(name: str, action: ActionModel, lists: Lists, chains: Mapping[str, Chain]) -> Kind:
    """Return one action kind."""
    reviewed = action.reviewed
    args = action.args
    return Kind(
        name=name,
        risk=build_risk(action.risk),
        reviewed=Reviewed(reviewed.by, reviewed.on, reviewed.why) if reviewed else None,
        tier=Tier(action.tier or 0),
        mandated=action.sign_off == "mandated",
        args=None if args is None else {arg: build_arg(model) for arg, model in args.items()},
        more_args=action.more_args,
        redact=tuple(sorted(action.redact)),
        rules=tuple(
            RaiseRule(
                rule.id,
                Tier(rule.to),
                {arg: build_conditions(model, lists) for arg, model in rule.when.items()},
                rule.because,
            )
            for rule in sorted(action.raise_, key=lambda each: each.id)
        ),
        settings=OwnSettings(
            channel=action.channel,
            approvers=tuple(action.approvers) if action.approvers else None,
            quorum=action.quorum,
            window_s=action.expires_in,
            chain=chains[action.escalation] if action.escalation else None,
        ),
        valid_for_s=action.valid_for,
        report_within_s=action.report_within or REPORT_WITHIN_S,
        idempotent=action.idempotent,
    )


def build_arg(model: ArgModel) -> Arg:
    """Return one declared argument."""
    return Arg(model.type, model.of, model.required, model.unit)


def build_risk(model: RiskModel) -> DeclaredRisk:
    """Return a declared risk; its cost is a number or the name of an argument."""
    cost = model.cost_usd
    if isinstance(cost, str):
        return DeclaredRisk(model.reversible, model.blast_radius, cost_arg=cost.removeprefix("$"))
    return DeclaredRisk(model.reversible, model.blast_radius, None if cost is None else float(cost))


def build_conditions(model: ItemConditionModel, lists: Lists) -> tuple[Condition, ...]:
    """Return the conditions of one argument, in the order of their operators' names."""
    aliases = {field: info.alias or field for field, info in type(model).model_fields.items()}
    conditions = [
        _condition(Op(aliases[field]), getattr(model, field), lists) for field in model.model_fields_set
    ]
    return tuple(sorted(conditions, key=lambda condition: condition.op))


def _condition(op: Op, operand: Any, lists: Lists) -> Condition:
    if op in (Op.ANY, Op.ALL):
        return Condition(op, build_conditions(operand, lists))
    if op is Op.MATCHES:
        return Condition(op, tuple(sorted(operand)) if isinstance(operand, list) else (operand,))
    if op not in (Op.IN, Op.NOT_IN, *DOMAIN_OPS, *PATH_OPS):
        return Condition(op, operand)
    if op in PATH_OPS and isinstance(operand, str) and not operand.startswith("$"):
        return Condition(op, (operand,))
    name = operand.removeprefix("$") if isinstance(operand, str) else None
    members = lists.get(name, []) if name is not None else operand
    if op in DOMAIN_OPS:
        members = [entry for each in members if (entry := normal_entry(str(each))) is not None]
    distinct = {(isinstance(member, bool), member): member for member in members}
    return Condition(op, tuple(sorted(distinct.values(), key=_sort_key)), name)


def _sort_key(value: Scalar) -> tuple[str, Scalar]:
    family = "truth" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return family, value


def _gated(model: GatedModel, chains: Mapping[str, Chain]) -> GatedTier:
    return GatedTier(
        model.channel, tuple(model.approvers), model.quorum, model.expires_in, chains[model.escalation]
    )


def _limits(model: LimitsModel) -> Limits:
    return Limits(
        model.open_per_agent,
        model.remember_rejection_for or REMEMBER_S,
        model.threads_per_agent,
        model.remember_expiry_for or REMEMBER_S,
    )
