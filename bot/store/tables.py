"""The tables of `membrane.db`, the truth. Instants are seconds since the epoch, UTC.

A row says what is owed; jobs derive their work from rows by index, so that work costs what is due and not
what is parked, and a crash at any line loses nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("version", String, primary_key=True),
    Column("source", Text, nullable=False),
    Column("loaded_at", Float, nullable=False),
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
    Column("ruling", Text, nullable=False),  # JSON; for passing tiers without the trace
    Column("state", String, nullable=False),
    Column("proposed_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("detail", Text),  # why it ended as it did: a rejection's note, an error, who it was withdrawn by
    Column("result", Text),  # JSON that the executor reported
    Column("idempotency_key", String),
    Column("thread_id", String),
    Column("interrupt_id", String),
    Column("place", Integer),  # which of the calls that one interrupt batches, from 0
    Column("call_id", String),  # the tool call, where there is one
    Column("digest_id", String),  # the digest that named it; tier 1 only
    Column("remembers", String),  # the earlier rejection that this one was answered with, unasked
    Index("actions_idempotency", "agent", "idempotency_key", unique=True,
          sqlite_where=text("idempotency_key IS NOT NULL"),
          postgresql_where=text("idempotency_key IS NOT NULL")),
    Index("actions_thread", "thread_id", sqlite_where=text("thread_id IS NOT NULL"),
          postgresql_where=text("thread_id IS NOT NULL")),
    Index("actions_undigested", "proposed_at", sqlite_where=text("tier = 1 AND digest_id IS NULL"),
          postgresql_where=text("tier = 1 AND digest_id IS NULL")),
    Index("actions_halted", "settled_at", sqlite_where=text("state = 'halted'"),
          postgresql_where=text("state = 'halted'")),
    Index("actions_rejected", "agent", "args_digest", "settled_at",
          sqlite_where=text("state = 'rejected' AND remembers IS NULL"),
          postgresql_where=text("state = 'rejected' AND remembers IS NULL")),
)  # fmt: skip

reviews = Table(
    "reviews",
    metadata,
    Column("id", String, primary_key=True),
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("agent", String, nullable=False),
    Column("state", String, nullable=False),
    Column("ruling", Text, nullable=False),
    Column("args_digest", String, nullable=False),
    Column("requesters", Text, nullable=False),  # JSON list of Slack user ids
    Column("opened_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("expiry_due_at", Float),  # expires_at while a sweep has something to do about it, else NULL
    Column("overdue_at", Float),
    Column("closed_at", Float),
    Column("note", Text),
    Column("predecessor_id", String, ForeignKey("reviews.id"), unique=True),
    Column("interrupt_id", String),
    Column("acked_by", String),
    Column("quiet_until", Float),
    Column("position", Integer, nullable=False),
    Column("next_page_at", Float),
    Index("reviews_action", "action_id"),
    Index("reviews_one_pending", "action_id", unique=True, sqlite_where=text("state = 'pending'"),
          postgresql_where=text("state = 'pending'")),
    Index("reviews_open_of_agent", "agent", sqlite_where=text("state = 'pending'"),
          postgresql_where=text("state = 'pending'")),
    Index("reviews_expiry", "expiry_due_at", sqlite_where=text("expiry_due_at IS NOT NULL"),
          postgresql_where=text("expiry_due_at IS NOT NULL")),
    Index("reviews_pages", "next_page_at", sqlite_where=text("next_page_at IS NOT NULL"),
          postgresql_where=text("next_page_at IS NOT NULL")),
    Index("reviews_interrupt", "interrupt_id", sqlite_where=text("interrupt_id IS NOT NULL"),
          postgresql_where=text("interrupt_id IS NOT NULL")),
)  # fmt: skip

votes = Table(
    "votes",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("voter", String, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("args_digest", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("note", Text),
    PrimaryKeyConstraint("review_id", "voter"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("viewer", String, nullable=False),  # a Slack user id
    Column("what", String, nullable=False),  # opened | answered
    Column("at", Float, nullable=False),
    Index("sightings_review", "review_id"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # card | page | post | told | digest | notice
    Column("recipient", String, nullable=False),  # "#channel", a channel id, or a Slack user id
    Column("review_id", String, ForeignKey("reviews.id")),
    Column("digest_id", String, unique=True),
    Column("position", Integer, nullable=False, server_default="0"),  # of the chain, for page and post
    Column("body", Text),  # the text of a notice
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False),
    Column("due_at", Float),  # when the courier should look at it; NULL when shown = wanted or given up
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempt_at", Float),  # noted before a post, so that an ambiguous one is looked for first
    Column("error", Text),
    Column("channel_id", String),  # where it is, once posted
    Column("ts", String),
    Column("created_at", Float, nullable=False),
    Column("posted_at", Float),
    Column("given_up_at", Float),
    Column("leased_by", String),
    Column("leased_until", Float),
    Index("messages_due", "priority", "due_at", sqlite_where=text("due_at IS NOT NULL"),
          postgresql_where=text("due_at IS NOT NULL")),
    Index("messages_review", "review_id"),
    UniqueConstraint("review_id", "kind", "position", "recipient"),
)  # fmt: skip

digests = Table(
    "digests",
    metadata,
    Column("id", String, primary_key=True),
    Column("channel", String, nullable=False),
    Column("made_at", Float, nullable=False),
)

threads = Table(
    "threads",
    metadata,
    Column("id", String, primary_key=True),
    Column("graph", String, nullable=False),
    Column("graph_version", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("owner", String),
    Column("on_behalf_of", String),
    Column("input", Text, nullable=False),  # JSON
    Column("state", String, nullable=False),  # wanted | running | parked | finished | failed | gone
    Column("error", Text),
    Column("wanted_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("idempotency_key", String),
    Column("leased_by", String),
    Column("leased_until", Float),
    Index("threads_idempotency", "agent", "idempotency_key", unique=True,
          sqlite_where=text("idempotency_key IS NOT NULL"),
          postgresql_where=text("idempotency_key IS NOT NULL")),
    Index("threads_unsettled", "state", sqlite_where=text("settled_at IS NULL"),
          postgresql_where=text("settled_at IS NULL")),
)  # fmt: skip

interrupts = Table(
    "interrupts",
    metadata,
    Column("id", String, primary_key=True),  # LangGraph's interrupt id
    Column("thread_id", String, ForeignKey("threads.id"), nullable=False),
    Column("shape", String, nullable=False),  # gate | hitl_batch | hitl_call
    Column("payload", Text, nullable=False),
    Column("state", String, nullable=False),  # waiting | answered | delivered | vanished
    Column("opened_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("delivered_at", Float),
    Index("interrupts_answered", "thread_id", sqlite_where=text("state = 'answered'"),
          postgresql_where=text("state = 'answered'")),
    Index("interrupts_thread", "thread_id"),
)  # fmt: skip

executions = Table(
    "executions",
    metadata,
    Column("key", String, primary_key=True),  # what is good for one run: review (or action) id and digest
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("args_digest", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("report_by", Float),  # NULL once reported or known to be unknown
    Column("reported_at", Float),
    Index("executions_action", "action_id"),
    Index("executions_unreported", "report_by", sqlite_where=text("report_by IS NOT NULL"),
          postgresql_where=text("report_by IS NOT NULL")),
)  # fmt: skip

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),  # SHA-256 of 256 random bits; needs no salt
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
)

journal = Table(
    "journal",
    metadata,
    Column("writer", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("event", String, nullable=False),
    Column("action_id", String),
    Column("review_id", String),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
    Column("hash", String, nullable=False),  # of the entry and the hash before it in this writer's chain
    PrimaryKeyConstraint("writer", "seq"),
)
