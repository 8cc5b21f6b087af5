"""A small policy file, and the same with one thing wrong."""

from __future__ import annotations

from bot.errors import PolicyError
from bot.policyfile import parse

BASE = """\
version: 1
people:
  oncall: {rotation: {users: [U0ADA, U0BEN], every: 7d, from: 2026-01-05T09:00:00Z}}
  leads: {users: [U0CLEO, U0DIA, U0EVE]}
  finance: {usergroup: S0FINANCE}
escalations:
  platform:
    steps:
      - {after: 25%, page: [oncall]}
      - {after: 50%, page: [leads]}
    repeat: {every: 15m, times: 3}
  endless:
    steps:
      - {after: 1h, page: [leads]}
    repeat: {every: 15m}
lists:
  partners: [acme.example, globex.example]
  tables: [orders, ledger]
  nothing: []
tiers:
  1: {digest: "#digest", every: 1h}
  2: {channel: "#approvals", approvers: [finance, oncall], expires_in: 4h, escalation: platform}
  3: {channel: "#approvals", approvers: [leads], quorum: 2, expires_in: 30m, escalation: platform}
actions:
  db.read:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: read only}
"""
LINES = BASE.count("\n")
"""The last line of BASE; what is appended begins on the next."""


def with_action(body: str) -> str:
    """Return the policy with one more kind, `x.y`, whose keys are `body`, indented by four."""
    return BASE + "  x.y:\n" + "".join(f"    {line}\n" for line in body.splitlines())


def problems(text: str) -> list[str]:
    """Return what is wrong with a policy: `line:column: what; hint`, without the line and the caret."""
    try:
        parse(text, "p.yaml")
    except PolicyError as error:
        return [str(problem).split("\n")[0].removeprefix("p.yaml:") for problem in error.problems]
    return []
