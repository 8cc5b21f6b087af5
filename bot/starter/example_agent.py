r"""A first agent for the bot to host: it proposes one action, and the policy says who has to approve it.

Create a token for the agent that `graphs` names at the end of the policy, with your own Slack id, and start
a thread:

    TOKEN=$(membrane token create --agent example-agent --owner U012ABCDEF)
    curl -s localhost:8484/v1/threads -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
         -d '{"graph": "example", "input": {"kind": "data.delete", "args": {"what": "old logs", "count": 3}}}'

`data.delete` is Tier 3 in the policy, so a card appears in #agent-approvals. After the approval, `effect`
runs once, with exactly the arguments that the card showed. Put your own work there.
"""

from __future__ import annotations

from typing import Any

from bot.graph import Execution, gate_graph


def effect(run: Execution) -> dict[str, Any]:
    """Carry out the approved action and return its result.

    Pass `run.key` on as the idempotency key: it stays the same if the effect has to be started again.
    """
    return {"done": run.kind, "with": run.args, "idempotency_key": run.key}


graph = gate_graph(effect).compile()
