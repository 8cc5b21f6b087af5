"""Hosted threads, their interrupts, why they stall, and what operators ask of them."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text

from bot.store.tables.schema import OF_ONE_AGENT, metadata, partial

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
    Column("state", String, nullable=False),  # ThreadState
    Column("error", Text),
    Column("wanted_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("idempotency_key", String),
    Column("leased_by", String),
    Column("leased_until", Float),
    Column("result", Text),  # sealed JSON: the graph's result
    partial("threads_state", "agent", "state", "id", where=OF_ONE_AGENT),
    partial(
        "threads_idempotency", "agent", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True
    ),
    partial("threads_unsettled", "state", "wanted_at", where="settled_at IS NULL"),
    partial("threads_open_of_agent", "agent", where="settled_at IS NULL"),
    partial("threads_wanted", "agent", "wanted_at", where="state = 'wanted'"),
)

stalls = Table(
    "stalls",  # why threads are stalled; a row stays during retries and counts them
    metadata,
    Column("thread_id", String, ForeignKey("threads.id"), primary_key=True),
    Column("cause", String, nullable=False),  # Cause
    Column("why", Text, nullable=False),
    Column("questions", Text),  # sealed JSON: its questions, by interrupt id
    Column("tries", Integer, nullable=False),
    Column("retry_at", Float),  # when the host retries it
    Column("stalled_at", Float, nullable=False),
    partial("stalls_retry", "retry_at", where="retry_at IS NOT NULL"),
)

thread_requests = Table(
    "thread_requests",  # operators' requests about threads, for the host
    metadata,
    Column("id", String, primary_key=True),
    Column("thread_id", String, ForeignKey("threads.id"), nullable=False),
    Column("wanted", String, nullable=False),  # Wanted
    Column("body", Text),  # sealed JSON: an answer, by interrupt id
    Column("why", Text),
    Column("by", String, nullable=False),  # a user of the operating system
    Column("at", Float, nullable=False),
    Column("done_at", Float),
    Column("outcome", Text),
    partial("thread_requests_open", "thread_id", where="done_at IS NULL", unique=True),
    Index("thread_requests_thread", "thread_id"),
)

interrupts = Table(
    "interrupts",
    metadata,
    Column("id", String, primary_key=True),  # LangGraph's interrupt id
    Column("thread_id", String, ForeignKey("threads.id"), nullable=False),
    Column("shape", String, nullable=False),  # InterruptShape
    Column("payload", Text, nullable=False),
    Column("state", String, nullable=False),  # InterruptState
    Column("opened_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("delivered_at", Float),
    partial("interrupts_answered", "answered_at", where="state = 'answered'"),
    Index("interrupts_thread", "thread_id"),
)
