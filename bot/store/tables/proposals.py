"""Actions, the rulings that they share, their claims and their unknown receipts."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from bot.store.tables.schema import OF_ONE_AGENT, UNANSWERED, metadata, partial

policies = Table(
    "policies",
    metadata,
    Column("version", String, primary_key=True),
    Column("source", Text, nullable=False),
    Column("loaded_at", Float, nullable=False),
)

rulings = Table(
    "rulings",  # of actions that pass: one row for all that are ruled alike
    metadata,
    Column("id", String, primary_key=True),  # SHA-256 of the body
    Column("body", Text, nullable=False),  # JSON, without trace and cost
)

actions = Table(
    "actions",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("args", LargeBinary, nullable=False),  # canonical JSON
    Column("args_digest", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("owner", String),
    Column("on_behalf_of", String),
    Column("description", Text),
    Column("hint", Text),  # JSON of the agent's own view of the risk
    Column("tier", Integer, nullable=False),
    Column("ruling", Text),  # JSON; NULL if it shares one in `rulings`
    Column("ruling_id", String, ForeignKey("rulings.id")),
    Column("cost_usd", Float),
    Column("state", String, nullable=False),
    Column("proposed_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("detail", Text),  # why it ended: a rejection's note, an error, the person who withdrew it
    Column("result", Text),  # JSON that the executor reported
    Column("idempotency_key", String),
    Column("thread_id", String),
    Column("interrupt_id", String),
    Column("place", Integer),  # index among the calls of its interrupt, from 0
    Column("call_id", String),  # the tool call, if there is one
    Column("digest_id", String),  # the digest that names it; Tier 1 only
    Column("remembers", String),  # the earlier equal action whose end it took over
    Column("reference", String),  # the agent's own name for it: a session, a run, a call
    Column("turn_id", String),  # shared by the proposals of one request
    partial(
        "actions_idempotency", "agent", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True
    ),
    partial("actions_thread", "thread_id", where="thread_id IS NOT NULL"),
    partial("actions_interrupt", "interrupt_id", where="interrupt_id IS NOT NULL"),
    partial("actions_digest", "digest_id", where="digest_id IS NOT NULL"),
    Index("actions_agent", "agent", "id"),
    partial("actions_state", "agent", "state", "id", where=OF_ONE_AGENT),
    partial("actions_reference", "agent", "reference", "id", where="reference IS NOT NULL"),
    partial("actions_turn", "turn_id", where="turn_id IS NOT NULL"),
    partial("actions_undigested", "proposed_at", where="tier = 1 AND digest_id IS NULL"),
    partial("actions_halted", "settled_at", where="state = 'halted'"),
    partial("actions_approved", "id", where="state = 'approved'"),
    partial("actions_frozen", "id", where="state = 'frozen'"),
    partial("actions_queued", "agent", "id", where="state = 'queued'"),
    partial("actions_unanswered", "agent", "args_digest", "settled_at", where=UNANSWERED),
    partial(
        "actions_rejected",
        "agent",
        "args_digest",
        "settled_at",
        where="state = 'rejected' AND remembers IS NULL",
    ),
)

executions = Table(
    "executions",
    metadata,
    Column("key", String, primary_key=True),  # allows one run: review (or action) id and args digest
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("args_digest", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("report_by", Float),  # NULL once reported or known to be unknown
    Column("reported_at", Float),
    Column("claimed_by", String),  # the id of the token that claimed it over HTTP
    Column("claimant", String),  # the process's own name
    Index("executions_action", "action_id"),
    partial("executions_unreported", "report_by", where="report_by IS NOT NULL"),
)

unknowns = Table(
    "unknowns",  # claims without a report in time, and people's verdicts
    metadata,
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("number", Integer, nullable=False),  # counts the action's receipts, from 1
    Column("agent", String, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("noted_at", Float, nullable=False),
    Column("closed_at", Float),  # when a person answered, a late report came, or it was claimed again
    Column("verdict", String),  # happened | did_not | left
    Column("said_by", String),  # a Slack user id
    Column("restored_from", Float),  # time of the backup since which it may have run; NULL if it was claimed
    PrimaryKeyConstraint("action_id", "number"),
    partial("unknowns_open", "agent", where="closed_at IS NULL"),
)
