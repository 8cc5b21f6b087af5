"""The journal, and the segments of it that were exported."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from bot.store.tables.schema import metadata, partial

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),  # the order of writing over all chains
    Column("writer", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("event", String, nullable=False),
    Column("action_id", String),
    Column("review_id", String),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
    Column("hash", String, nullable=False),  # over the entry and the hash before it in this chain
    UniqueConstraint("writer", "seq"),
    partial("journal_action", "action_id", where="action_id IS NOT NULL"),
    partial("journal_review", "review_id", where="review_id IS NOT NULL"),
)

segments = Table(
    "segments",  # ranges of a chain that are in a file and may be deleted here
    metadata,
    Column("writer", String, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("end_hash", String, nullable=False),  # of the entry at last_seq, where the rest continues
    Column("file", String, nullable=False),
    Column("sha256", String, nullable=False),  # of the file
    Column("exported_at", Float, nullable=False),
    Column("pruned_at", Float),
    PrimaryKeyConstraint("writer", "last_seq"),
    CheckConstraint("first_seq <= last_seq", name="segments_not_empty"),
)
