"""Actions, rulings and reviews for tests of what Slack shows."""

from __future__ import annotations

from collections import Counter
from typing import Any

from bot.domain.escalation import Chain, Delay, Repeat, Step
from bot.domain.message_record import Message
from bot.domain.record import ActionRecord, Digested, DigestedGroup, Standing
from bot.domain.review import Review, Vote
from bot.domain.risk import Tier
from bot.domain.ruling import AbsentDefault, Ruling, TraceStep
from bot.domain.states import ActionState

NOON = 1_767_268_800.0  # 2026-01-01 12:00 UTC
DIGEST = "d" * 64

CHAIN = Chain(
    "platform",
    (Step(Delay(share=0.25), ("platform-oncall",)), Step(Delay(share=0.9), post="#incidents")),
    Repeat(900.0, 3),
)


def ruling(tier: int = 3, **changes: Any) -> Ruling:
    defaults: dict[str, Any] = {
        "kind": "payment.refund",
        "tier": Tier(tier),
        "policy_version": "sha256:" + "a" * 64,
        "rule": "large-refund",
        "reason": "large refunds need two people",
        "approvers": ("release-leads",),
        "quorum": 2,
        "window_s": 1800.0,
        "default": AbsentDefault.ABORT if tier == 3 else AbsentDefault.SAFE_HALT,
        "channel": "#agent-approvals",
        "chain": CHAIN,
        "trace": (TraceStep("large-refund", True, "amount is above 500", Tier.SYNC_APPROVAL),),
    }
    return Ruling(**{**defaults, **changes})


def review(**changes: Any) -> Review:
    defaults: dict[str, Any] = {
        "id": "rev_1",
        "action_id": "act_1",
        "ruling": ruling(),
        "args_digest": DIGEST,
        "requesters": frozenset({"U0FFF"}),
        "opened_at": NOON,
        "expires_at": NOON + 1800,
        "shown_at": NOON,
    }
    return Review(**{**defaults, **changes})


def action(**changes: Any) -> ActionRecord:
    defaults: dict[str, Any] = {
        "id": "act_1",
        "kind": "payment.refund",
        "args": {"amount": 900, "recipient": "bo@acme.example"},
        "args_digest": DIGEST,
        "agent": "refund-bot",
        "owner": "U0FFF",
        "on_behalf_of": "U0EEE",
        "description": None,
        "tier": Tier.SYNC_APPROVAL,
        "ruling": ruling(),
        "state": ActionState.WAITING,
        "proposed_at": NOON,
    }
    return ActionRecord(**{**defaults, **changes})


def passed(*named: ActionRecord) -> Digested:
    """What a digest names, counted as the store counts it."""
    groups: dict[tuple[str, str], list[ActionRecord]] = {}
    for each in named:
        groups.setdefault((each.agent, each.kind), []).append(each)
    return Digested(tuple(_group(each) for each in groups.values()), len(groups), len(named))


def _group(named: list[ActionRecord]) -> DigestedGroup:
    states = Counter(each.state for each in named)
    return DigestedGroup(
        named[0].agent,
        named[0].kind,
        len(named),
        sum(each.ruling.cost_usd or 0.0 for each in named),
        states[ActionState.FAILED],
        states[ActionState.UNKNOWN],
        tuple(named[:3]),
    )


def standing(*reviews: Review, **changes: Any) -> Standing:
    return Standing(action(**changes), reviews or (review(),))


def vote(voter: str = "U0CCC", *, approve: bool = True, note: str | None = None) -> Vote:
    return Vote(voter, approve, DIGEST, NOON + 60, note)


def message(kind: str = "card", **changes: Any) -> Message:
    defaults: dict[str, Any] = {
        "id": "msg_1",
        "kind": kind,
        "recipient": "#agent-approvals",
        "review_id": "rev_1",
        "digest_id": None,
        "position": 0,
        "body": None,
        "wanted": 1,
        "shown": 0,
        "priority": 2,
        "due_at": NOON,
        "attempts": 0,
        "attempt_at": None,
        "error": None,
        "channel_id": None,
        "ts": None,
        "created_at": NOON,
        "posted_at": None,
    }
    return Message(**{**defaults, **changes})
