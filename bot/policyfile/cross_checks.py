"""Checks between the parts of a policy file: names exist, quorums can be reached, chains reach approvers."""

from __future__ import annotations

from bot.domain.escalation import Chain
from bot.domain.kind_settings import settings_at
from bot.domain.people import may_meet, votes_possible
from bot.domain.policy_model import GatedTier, Kind
from bot.domain.risk import Tier
from bot.policyfile.action_checks import check_action
from bot.policyfile.action_model import ActionModel
from bot.policyfile.conversion import build_kind
from bot.policyfile.document import Path
from bot.policyfile.fields import NAME
from bot.policyfile.hints import did_you_mean
from bot.policyfile.valid_parts import Parts


def check_parts(parts: Parts) -> None:
    """Report every problem between the parts of a file."""
    data = parts.document.data
    admins = data.get("admins") if isinstance(data, dict) else None
    for index, name in enumerate(admins if isinstance(admins, list) else ()):
        if isinstance(name, str) and NAME.fullmatch(name):  # other values are reported already
            parts.check_name(("admins", index), name, "people", "admin")
    _check_chains(parts)
    tiers = _check_tiers(parts)
    _check_tools(parts)
    for name, action in parts.actions.items():
        check_action(parts, name, action)
        _check_settings(parts, name, action, tiers)


def _check_chains(parts: Parts) -> None:
    for name, chain in parts.chains.items():
        for index, step in enumerate(chain.steps):
            for position, person in enumerate(step.page):
                path = ("escalations", name, "steps", index, "page", position)
                parts.check_name(path, person, "people", "the chain pages")


def _check_tiers(parts: Parts) -> dict[Tier, GatedTier]:
    """Check tiers 2 and 3, and return the sound ones."""
    sound = {}
    for tier, model in parts.tiers.items():
        path: Path = ("tiers", str(int(tier)))
        _check_approvers(parts, path, model.approvers)
        if not parts.check_name((*path, "escalation"), model.escalation, "escalations", "escalation"):
            continue
        chain = parts.chains.get(model.escalation)
        if chain is None or not parts.sound(model.approvers) or not _sound_chain(parts, chain):
            continue
        gated = GatedTier(model.channel, tuple(model.approvers), model.quorum, model.expires_in, chain)
        sound[tier] = gated
        _check_repeat(parts, chain, f"tier {int(tier)}")
        _check_people(parts, path, gated, f"tier {int(tier)}", mandated=False)
    return sound


def _check_approvers(parts: Parts, path: Path, approvers: list[str]) -> None:
    for index, name in enumerate(approvers):
        parts.check_name((*path, "approvers", index), name, "people", "approver")


def _sound_chain(parts: Parts, chain: Chain) -> bool:
    return all(parts.sound(step.page) for step in chain.steps)


def _check_repeat(parts: Parts, chain: Chain, user: str) -> None:
    if chain.repeat is not None and chain.repeat.times is None:
        parts.say(
            ("escalations", chain.name, "repeat"),
            f"`{chain.name}` repeats without end, but {user} uses it and is not a mandated sign-off",
            "add times: 3; only a mandated sign-off is re-paged until a person acts",
            at_key=True,
        )


def _check_people(parts: Parts, path: Path, gated: GatedTier, what: str, *, mandated: bool) -> None:
    """Check that the quorum can be reached, and that the chain reaches an approver."""
    votes = votes_possible(gated.approvers, parts.people)
    if votes is not None and votes < gated.quorum:
        parts.say(
            _nearest(parts, path, "quorum", "approvers"),
            f"a quorum of {gated.quorum} cannot be reached: {what} has {votes} who can approve",
            "name more approvers, or lower the quorum; a rotation counts as one person",
        )
    elif votes == gated.quorum:
        parts.say(
            _nearest(parts, path, "quorum", "approvers"),
            f"a quorum of {gated.quorum} cannot be reached without the requester: {what} has {votes} who can "
            "approve, and nobody approves actions in their own name or of their own agent",
            "name more approvers, or lower the quorum; a rotation counts as one person",
        )
    window = float("inf") if mandated else gated.window_s
    steps = [step for step in gated.chain.steps if step.after.of(gated.window_s) < window]
    paged = [name for step in steps for name in step.page]
    place = _nearest(parts, path, "escalation", "approvers", "expires_in")
    if not paged:
        what = f"`{gated.chain.name}` pages nobody before the window of {what} ends"
        parts.say(place, what, "add a step with page: [a-name] that is due earlier")
    elif not may_meet(paged, gated.approvers, parts.people):
        parts.say(
            place,
            f"`{gated.chain.name}` reaches nobody who may approve {what}",
            f"a page grants no vote: page one of {', '.join(gated.approvers)}, or use another chain",
        )


def _nearest(parts: Parts, path: Path, *keys: str) -> Path:
    """Return the path of the first of these keys that the file has, else the path of their parent."""
    return next(((*path, key) for key in keys if (*path, key) in parts.document.values), path)


def _check_settings(parts: Parts, name: str, action: ActionModel, tiers: dict[Tier, GatedTier]) -> None:
    """Check the settings of an action, at its own tier and at the tiers it can be raised to."""
    path: Path = ("actions", name)
    _check_approvers(parts, path, action.approvers or [])
    if action.escalation is not None:
        parts.check_name((*path, "escalation"), action.escalation, "escalations", "escalation")
    if not parts.sound(action.approvers or ()) or (
        action.escalation and action.escalation not in parts.chains
    ):
        return
    kind = build_kind(name, action, parts.lists, parts.chains)
    own_tier = kind.own_tier(parts.threshold_usd)
    _check_idle_settings(parts, path, kind, own_tier)
    if kind.settings.chain is not None and not _sound_chain(parts, kind.settings.chain):
        return
    if kind.settings.chain is not None and not kind.mandated:
        _check_repeat(parts, kind.settings.chain, name)
    for tier, base in tiers.items():
        if tier >= own_tier:
            gated = settings_at(kind, own_tier, tier, base)
            if gated != base or (kind.mandated and tier is own_tier):
                what = name if tier is own_tier else f"{name} at tier {int(tier)}"
                _check_people(parts, path, gated, what, mandated=kind.mandated)


def _check_idle_settings(parts: Parts, path: Path, kind: Kind, own_tier: Tier) -> None:
    if own_tier >= Tier.ASYNC_APPROVAL:
        return
    for key in ("approvers", "channel", "escalation"):
        if (*path, key) in parts.document.keys:
            what = f"`{key}` has no effect: {kind.name} is tier {int(own_tier)}; raised it has the tier's"
            parts.say(
                (*path, key),
                what,
                "delete it, or declare the tier where it should apply: tier: 2",
                at_key=True,
            )


def _check_tools(parts: Parts) -> None:
    kinds = parts.declared("actions")
    seen: dict[str, Path] = {}
    table = parts.document.data.get("tools") if isinstance(parts.document.data, dict) else None
    for tool, kind in (table if isinstance(table, dict) else {}).items():
        if isinstance(kind, str) and kind not in kinds:
            parts.say(("tools", tool), f"`{kind}` is not in `actions`", did_you_mean(kind, kinds))
        seen[tool] = ("tools", tool)
        if tool in kinds and tool != kind:
            _say_shadowed(parts, ("tools", tool), tool, at_key=True)
    for name, action in parts.actions.items():
        for index, tool in enumerate(action.tools):
            path: Path = ("actions", name, "tools", index)
            if tool in kinds and tool != name:
                _say_shadowed(parts, path, tool, at_key=False)
            if tool in seen:
                line = parts.document.problem(seen[tool], "").line
                parts.say(path, f"tool `{tool}` already has a kind, in line {line}", "keep one of the two")
            seen.setdefault(tool, path)


def _say_shadowed(parts: Parts, path: Path, tool: str, *, at_key: bool) -> None:
    hint = "a tool of that name would be ruled as another kind; rename the kind or the tool"
    parts.say(path, f"`{tool}` is also an action kind", hint, at_key=at_key)
