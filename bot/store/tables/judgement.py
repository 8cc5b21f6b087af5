"""Reviews, votes, and who saw what when."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from bot.store.tables.schema import metadata, partial

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
    Column("expiry_due_at", Float),  # expires_at while the review still has to expire, else NULL
    Column("shown_at", Float),  # when an approver was first shown it, and its window began
    Column("overdue_at", Float),
    Column("closed_at", Float),
    Column("note", Text),
    Column("predecessor_id", String, ForeignKey("reviews.id"), unique=True),
    Column("interrupt_id", String),
    Column("acked_by", String),
    Column("quiet_until", Float),
    Column("position", Integer, nullable=False),
    Column("pages_from", Integer),  # the position at which its chain began, if not 0
    Column("next_page_at", Float),
    Index("reviews_action", "action_id"),
    partial("reviews_one_pending", "action_id", where="state = 'pending'", unique=True),
    partial("reviews_pending", "id", where="state = 'pending'"),
    partial("reviews_open_of_agent", "agent", where="state = 'pending'"),
    partial("reviews_taken_back", "agent", "closed_at", where="state = 'withdrawn'"),
    partial("reviews_expiry", "expiry_due_at", where="expiry_due_at IS NOT NULL"),
    partial("reviews_pages", "next_page_at", where="next_page_at IS NOT NULL"),
    partial("reviews_interrupt", "interrupt_id", where="interrupt_id IS NOT NULL"),
)

votes = Table(
    "votes",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("voter", String, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("args_digest", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("note", Text),
    Column("fallen", String),  # why it no longer counts; NULL while it counts
    PrimaryKeyConstraint("review_id", "voter"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("viewer", String, nullable=False),  # a Slack user id
    Column("what", String, nullable=False),  # opened | answered | acknowledged
    Column("at", Float, nullable=False),
    Index("sightings_review", "review_id"),
)
