"""`Policy.rule` with 200 rules over 40 kinds."""

from __future__ import annotations

import time

from bot.domain.action import Action
from bot.policyfile import parse
from tests.bench.figures import Figure, median, p99

KINDS = 40
RULES = 5
ROUNDS = 500

_HEAD = """
version: 1
people: {leads: {users: [U0CLEO, U0DIA, U0EVE]}}
escalations: {chain: {steps: [{after: 25%, page: [leads]}], repeat: {every: 15m, times: 3}, ack_for: 30m}}
lists: {partners: [acme.example, globex.example]}
admins: [leads]
tiers:
  1: {digest: "#digest", every: 1h}
  2: {channel: "#approvals", approvers: [leads], expires_in: 4h, escalation: chain}
  3: {channel: "#approvals", approvers: [leads], quorum: 2, expires_in: 30m, escalation: chain}
actions:
"""
_KIND = """
  kind.n{n}:
    args: {{amount: {{type: number}}, recipient: {{type: string}}, note: {{type: string}}}}
    risk: {{reversible: true, blast_radius: low, cost_usd: $amount}}
    reviewed: {{by: U0CLEO, on: 2026-06-01, why: a benchmark}}
    raise:
      - {{id: large, to: 3, when: {{amount: {{gt: 500}}}}, because: large}}
      - {{id: middling, to: 2, when: {{amount: {{gt: 100}}}}, because: middling}}
      - {{id: outsider, to: 2, when: {{recipient: {{domain_not_in: $partners}}}}, because: outside}}
      - {{id: secret, to: 3, when: {{note: {{matches: ["*password*", "*api?key*"]}}}}, because: a secret}}
      - {{id: both, to: 3, when: {{amount: {{gte: 50}}, recipient: {{prefix: "ceo@"}}}}, because: both}}
"""


async def measure() -> list[Figure]:
    """Return the median and the 99th percentile of one ruling, in microseconds."""
    policy = parse(_HEAD + "".join(_KIND.format(n=number) for number in range(KINDS)))
    actions = [
        Action.of(
            f"kind.n{number}",
            {"amount": 7.0 * number, "recipient": f"kim{number}@acme.example", "note": "as agreed " * 3},
            agent="bench",
        )
        for number in range(KINDS)
    ]
    taken = []
    for _ in range(ROUNDS):
        for action in actions:
            started = time.perf_counter_ns()
            policy.rule(action)
            taken.append((time.perf_counter_ns() - started) / 1000)
    name = f"ruling, {KINDS * RULES} rules over {KINDS} kinds"
    return [Figure(f"{name}, p50", median(taken), "µs"), Figure(f"{name}, p99", p99(taken), "µs", 50)]
