"""A record in which everything holds, for the tests of the checks to damage."""

from __future__ import annotations

from typing import Any

from tests.chaos.evidence import Evidence, Send, Shown
from tests.chaos.fleet import Told

JOB = "job-000001"
DIGEST = "d1"


def entry(event: str, review_id: str | None = None, **body: Any) -> dict[str, Any]:
    return {"event": event, "body": body, "action_id": "act_1", "review_id": review_id}


def sound() -> Evidence:
    """Return what is left of one order that was approved, carried out, and is shown as it is."""
    ruling = {"kind": "order.change", "quorum": 1, "valid_for_s": 60.0, "window_s": 9.0}
    card = {
        "id": "msg_1",
        "agent": "chaos-one",
        "recipient": "#orders",
        "kind": "card",
        "review_id": "rev_1",
        "action_id": None,
        "position": 0,
        "channel_id": "C0ORDERS",
        "ts": "101.5",
        "given_up_at": None,
        "error": None,
        "created_at": 101.0,
    }
    return Evidence(
        actions=[
            {
                "id": "act_1",
                "job": JOB,
                "kind": "order.change",
                "agent": "chaos-one",
                "thread_id": "thr_1",
                "state": "executed",
                "tier": 2,
                "idempotency_key": None,
                "remembers": None,
            }
        ],
        reviews=[
            {
                "id": "rev_1",
                "action_id": "act_1",
                "state": "approved",
                "ruling": ruling,
                "requesters": ["U0GUS"],
                "args_digest": DIGEST,
                "opened_at": 101.0,
                "shown_at": 101.5,
                "expires_at": 110.5,
                "closed_at": 110.0,
            }
        ],
        votes=[{"review_id": "rev_1", "voter": "U0CLEO", "approve": 1, "args_digest": DIGEST}],
        messages=[card, {**card, "id": "msg_2", "kind": "page", "channel_id": "D0ADA", "ts": "105.5"}],
        interrupts=[{"id": "int_1", "thread_id": "thr_1", "state": "delivered"}],
        threads=[{"id": "thr_1", "graph": "own", "state": "finished", "error": None}],
        thread_requests=[],
        executions=[
            {"action_id": "act_1", "key": "k1", "attempt": 1, "claimed_at": 111.0, "report_by": 121.0}
        ],
        unknowns=[],
        journal=[
            entry("action.proposed"),
            entry("review.opened", "rev_1"),
            entry("message.posted", "rev_1", kind="card", message="msg_1"),
            entry("review.shown", "rev_1", shown_at=101.5),
            entry("review.closed", "rev_1", state="approved"),
            entry("action.claimed"),
            entry("action.executed"),
        ],
        runs=[
            {
                "job": JOB,
                "kind": "order.change",
                "key": "k1",
                "attempt": 1,
                "style": "own",
                "action_id": "act_1",
                "at": 111.5,
            }
        ],
        told_graphs=[{"job": JOB, "action_id": "act_1", "receipt": "executed", "outcome": "approved"}],
        told_agents=[Told(JOB, "act_1", "executed")],
        shown=[
            Shown("C0ORDERS", "101.5", "msg_1", frozenset(), "Approved"),
            Shown("D0ADA", "105.5", "msg_2", frozenset(), "Approved"),
        ],
        sends=[Send(101.5, "C0ORDERS", "msg_1"), Send(105.5, "D0ADA", "msg_2")],
        disturbed=[],
        broken=[],
    )
