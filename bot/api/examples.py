"""Example values for the OpenAPI page."""

from __future__ import annotations

from typing import Any

ACTION_ID = "act_019c8f3a2b4d5e6f708192a3b4c"
ARGS_DIGEST = "2.1f0c9a3b." + "6f1c" * 16

WAITING_ACTION: dict[str, Any] = {
    "id": ACTION_ID,
    "kind": "payment.refund",
    "reference": "run-8121",
    "turn": None,
    "args_digest": ARGS_DIGEST,
    "tier": 3,
    "tier_name": "sync approval",
    "rule": "large-refund",
    "reason": "large refunds need two people",
    "policy_version": "sha256:9b2e",
    "state": "waiting",
    "message": "It waits for release-leads (0 of 2 approvals).",
    "done": False,
    "next": "wait",
    "may_start": False,
    "frozen": None,
    "valid_until": None,
    "outcome": None,
    "outcome_reason": None,
    "nobody_answered": False,
    "decided_by": [],
    "decided_at": None,
    "note": None,
    "remembers": None,
    "merged": False,
    "receipt": None,
    "detail": None,
    "result": None,
    "proposed_at": "2026-11-03T09:12:44Z",
    "settled_at": None,
    "review": {
        "id": "rev_019c8f3a2b4d5e6f708192a3b4d",
        "state": "pending",
        "opened_at": "2026-11-03T09:12:44Z",
        "shown_at": "2026-11-03T09:12:46Z",
        "expires_at": "2026-11-03T09:42:46Z",
        "overdue_at": None,
        "approvers": ["release-leads"],
        "quorum": 2,
        "approvals": 0,
        "channel": "#agent-approvals",
        "if_nobody_answers": "abort",
        "if_nobody_answers_text": "it is aborted and does not run",
    },
}
"""An action that waits for its first approval."""
