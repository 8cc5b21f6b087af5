"""The ruling of one action, stored with its review and shown on its card."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from bot.domain.escalation import Chain, Delay, Repeat, Step
from bot.domain.risk import Tier


class AbsentDefault(StrEnum):
    """What happens when nobody answers within the window. None of them executes the action."""

    SAFE_HALT = "safe_halt"
    ABORT = "abort"
    ESCALATE = "escalate"


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One thing the policy looked at: `name` (a rule's id, or what was asked), whether it held, and why.

    `to` is the tier that it asks for when it holds.
    """

    name: str
    matched: bool
    why: str
    to: Tier | None = None


@dataclass(frozen=True, slots=True)
class Ruling:
    """The ruling of one action: tier, approvers, window, absent default. Durations are in seconds.

    `approvers` are names of the policy's `people`; who they are is resolved when a click or a page comes
    due. For tiers 0 and 1 there are no approvers, no window, no default and no chain; `channel` is then the
    digest channel (tier 1) or None. `redact` are the paths of arguments that nobody is shown. `terms` is a
    hash of what the policy says of the kind: under the same terms, the same arguments are ruled the same.
    """

    kind: str
    tier: Tier
    policy_version: str
    rule: str
    reason: str
    approvers: tuple[str, ...] = ()
    quorum: int = 0
    window_s: float | None = None
    default: AbsentDefault | None = None
    channel: str | None = None
    chain: Chain | None = None
    valid_for_s: float = 3600.0
    report_within_s: float = 600.0
    idempotent: bool = False
    redact: tuple[str, ...] = ()
    cost_usd: float | None = None
    terms: str = ""
    trace: tuple[TraceStep, ...] = ()

    @property
    def mandated(self) -> bool:
        """Whether a law or a contract demands this sign-off: it never expires into anything."""
        return self.default is AbsentDefault.ESCALATE

    def to_json(self) -> bytes:
        """Return its JSON for the store; `Ruling.from_dict` reads it back."""
        return orjson.dumps(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; `Ruling.from_dict` reads them back."""
        data: dict[str, Any] = orjson.loads(self.to_json())
        return data

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Ruling:
        """Read what `to_dict` or `to_json` wrote."""
        chain = data.get("chain")
        default = data.get("default")
        return cls(
            **{
                **data,
                "tier": Tier(data["tier"]),
                "approvers": tuple(data["approvers"]),
                "redact": tuple(data.get("redact", ())),
                "default": AbsentDefault(default) if default else None,
                "chain": _chain(chain) if chain else None,
                "trace": tuple(_trace_step(step) for step in data["trace"]),
            }
        )


def _trace_step(data: dict[str, Any]) -> TraceStep:
    to = data["to"]
    return TraceStep(data["name"], data["matched"], data["why"], None if to is None else Tier(to))


def _chain(data: dict[str, Any]) -> Chain:
    steps = tuple(Step(Delay(**step["after"]), tuple(step["page"]), step["post"]) for step in data["steps"])
    repeat = Repeat(**data["repeat"]) if data["repeat"] else None
    return Chain(data["name"], steps, repeat, data["ack_for_s"])
