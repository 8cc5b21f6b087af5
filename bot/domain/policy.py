"""The policy, and its ruling of one action.

A ruling is the maximum of several tiers: the key of the declared risk, a declared tier, doubt about the
arguments, the raise rules and the agent's own hint. Nothing is ever subtracted, so the order of rules never
matters (invariants 1, 2, 5 and 6).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from bot.domain.action import Action
from bot.domain.kind_ruling import UNKNOWN_KIND, CompiledKind, compile_kind, terms_of
from bot.domain.kind_settings import gated_parts
from bot.domain.people import PeopleSource, UserGroup
from bot.domain.policy_model import GatedTier, Kind, Limits, OwnSettings
from bot.domain.risk import COST_THRESHOLD_USD, Tier
from bot.domain.ruling import Ruling, TraceStep
from bot.domain.spelling import nearest
from bot.errors import Misfit


@dataclass(frozen=True, slots=True)
class Policy:
    """A whole policy. `tiers` has what holds for Tier 2 and for Tier 3; `actions` the kinds by name.

    Raises ValueError when it is put together without what every gated action needs: who may answer, until
    when, and whom to page meanwhile, or a reviewed block below Tier 3. The file's loader has found that, and
    much more, before, and says where.
    """

    people: Mapping[str, PeopleSource]
    digest_channel: str
    digest_every_s: float
    tiers: Mapping[Tier, GatedTier]
    actions: Mapping[str, Kind]
    tools: Mapping[str, str] = field(default_factory=dict)
    admins: tuple[str, ...] = ()
    admin_channel: str | None = None
    cost_threshold_usd: float = COST_THRESHOLD_USD
    limits: Limits = field(default_factory=Limits)
    graphs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which agents may start which hosted graph over HTTP, by the graph's name. Others, nobody may."""
    strict: bool = False
    """Whether proposals that do not fit the schema are refused; otherwise they are ruled Tier 3."""
    external_channels: tuple[str, ...] = ()
    """Where arguments are posted though people of another company are there, or are invited."""
    version: str = field(init=False)
    """`sha256:` and the hash of the meaning: comments, layout and the order of keys do not change it."""
    _compiled: Mapping[str, CompiledKind] = field(init=False, repr=False, compare=False)
    _unknown_terms: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what every ruling rests on, hash the meaning, compile the kinds."""
        _check(self)
        object.__setattr__(self, "version", _hash_of(self))
        compiled = {
            name: compile_kind(kind, self.tiers, self.digest_channel, self.cost_threshold_usd, self.version)
            for name, kind in self.actions.items()
        }
        object.__setattr__(self, "_compiled", compiled)
        object.__setattr__(self, "_unknown_terms", terms_of(None, self.tiers, self.cost_threshold_usd))

    def rule(self, action: Action) -> Ruling:
        """Return the ruling of an action, with the trace of why."""
        compiled = self._compiled.get(action.kind)
        if compiled is None:
            return self._rule_unknown(action)
        return compiled.rule(action)

    def _rule_unknown(self, action: Action) -> Ruling:
        kind = self._unknown_kind(action.kind)
        meant = f" (did you mean {kind.near}?)" if kind.near else ""
        reason = f"{kind.what}{meant}; unknown is strictest"
        trace = (TraceStep(UNKNOWN_KIND, matched=True, why=reason, to=Tier.SYNC_APPROVAL),)
        parts = gated_parts(Tier.SYNC_APPROVAL, self.tiers[Tier.SYNC_APPROVAL])
        return Ruling(
            action.kind,
            Tier.SYNC_APPROVAL,
            self.version,
            UNKNOWN_KIND,
            reason,
            trace=trace,
            terms=self._unknown_terms,
            **parts,
        )

    def misfits(self, action: Action) -> tuple[Misfit, ...]:
        """Return the misfits of an action: its kind, or arguments up to MOST_MISFITS."""
        compiled = self._compiled.get(action.kind)
        return compiled.misfits(action.args) if compiled else (self._unknown_kind(action.kind),)

    def _unknown_kind(self, kind: str) -> Misfit:
        if (stands_for := self.tools.get(kind)) is not None:
            what = f"{kind} is a tool, and the policy calls what it does {stands_for}"
            return Misfit("kind", what, "an action kind of the policy", stands_for)
        near = nearest(kind, (*self.actions, *self.tools))
        meant = self.kind_of_tool(near) if near is not None else None
        return Misfit("kind", f"{kind} is not in the policy", "an action kind of the policy", meant)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The names of the action kinds, sorted."""
        return tuple(sorted(self.actions))

    def kind_of_tool(self, name: str) -> str:
        """Return the action kind of a tool: the one that the policy maps it to, or else its own name."""
        return self.tools.get(name, name)

    def may_start(self, agent: str, graph: str) -> bool:
        """Whether an agent may start threads of a hosted graph."""
        return agent in self.graphs.get(graph, ())

    def own_tier(self, kind: str) -> Tier:
        """Return the lowest tier an action of this kind can have; Tier 3 for an unknown one."""
        found = self._compiled.get(kind)
        return found.own_tier if found else Tier.SYNC_APPROVAL

    def strictest(self, kind: str) -> Tier:
        """Return the highest tier that some arguments of this kind could be ruled; agents' hints aside.

        With declared arguments that is Tier 3, as arguments that are not as declared are ruled Tier 3.
        """
        found = self._compiled.get(kind)
        return found.strictest if found else Tier.SYNC_APPROVAL

    def gated(self, kind: str, tier: Tier) -> GatedTier:
        """Return the settings of a kind (known or not) at tier 2 or 3."""
        found = self._compiled.get(kind)
        return found.gated[tier] if found else self.tiers[tier]

    def terms(self, kind: str) -> str:
        """Return a hash of everything that rulings of a kind (known or not) depend on."""
        found = self._compiled.get(kind)
        return found.terms if found else self._unknown_terms

    def valid_for_s(self, kind: str, tier: Tier) -> float:
        """Return for how many seconds an approval of a kind (known or not) is good at a tier, 2 or 3."""
        found = self._compiled.get(kind)
        return found.valid_for_s(tier) if found else self.tiers[tier].window_s

    @property
    def channels(self) -> frozenset[str]:
        """Every channel that the policy names: of reviews, chains, the digest and the admins."""
        named = {self.digest_channel}
        if self.admin_channel:
            named.add(self.admin_channel)
        settings: list[GatedTier | OwnSettings] = [*self.tiers.values()]
        settings += [kind.settings for kind in self.actions.values()]
        named.update(each.channel for each in settings if each.channel)
        steps = (step for each in settings if each.chain for step in each.chain.steps)
        return frozenset(named | {step.post for step in steps if step.post})

    @property
    def usergroups(self) -> frozenset[str]:
        """The ids of every Slack user group that the policy names."""
        return frozenset(source.id for source in self.people.values() if isinstance(source, UserGroup))


def _hash_of(policy: Policy) -> str:
    meaning: dict[str, Any] = {
        "people": policy.people,
        "digest": (policy.digest_channel, policy.digest_every_s),
        "tiers": {str(int(tier)): settings for tier, settings in policy.tiers.items()},
        "actions": policy.actions,
        "tools": policy.tools,
        "admins": (policy.admins, policy.admin_channel),
        "cost_threshold_usd": policy.cost_threshold_usd,
        "limits": policy.limits.meaning(),
    }
    if policy.graphs:  # else the hash is that of a release that did not know them
        meaning["graphs"] = policy.graphs
    if policy.external_channels:
        meaning["external_channels"] = policy.external_channels
    if policy.strict:  # likewise
        meaning["strict"] = True
    return "sha256:" + hashlib.sha256(orjson.dumps(meaning, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _check(policy: Policy) -> None:
    for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
        if tier not in policy.tiers:
            raise ValueError(f"tier {int(tier)} has no approvers, no window and no chain")
        _check_gated(policy, f"tier {int(tier)}", policy.tiers[tier])
    for kind in policy.actions.values():
        _check_kind(policy, kind)


def _check_kind(policy: Policy, kind: Kind) -> None:
    tier = kind.own_tier(policy.cost_threshold_usd)
    if tier < Tier.SYNC_APPROVAL and kind.reviewed is None:
        raise ValueError(f"{kind.name} is declared below Tier 3 and nobody has reviewed that")
    if kind.mandated and tier < Tier.SYNC_APPROVAL:
        raise ValueError(f"{kind.name} has a mandated sign-off and is not declared Tier 3")
    if len({rule.id for rule in kind.rules}) < len(kind.rules):
        raise ValueError(f"{kind.name} has two rules of one id")


def _check_gated(policy: Policy, what: str, settings: GatedTier) -> None:
    if not settings.approvers or not set(settings.approvers) <= policy.people.keys():
        raise ValueError(f"{what} has no approvers, or one that names nobody")
    if settings.quorum < 1 or not 0 < settings.window_s < float("inf"):
        raise ValueError(f"{what} has no quorum or no window")
    if not settings.chain.steps:
        raise ValueError(f"{what} has a chain that pages nobody")
