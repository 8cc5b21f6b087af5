"""Tokens and freezes: who may propose, and what is stopped."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table, Text

from bot.store.tables.schema import metadata, partial

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),  # SHA-256 of 256 random bits; needs no salt
    Column("role", String, nullable=False, server_default="agent"),  # agent | operator
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
    Column("unconfirmed_since", Float),  # when the database was restored; NULL once confirmed
    Column("acts_for", Text),  # JSON list of Slack user ids; NULL for none
    partial("tokens_live", "agent", where="revoked_at IS NULL"),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),  # an agent, a kind, a graph or `all`
    Column("why", Text, nullable=False),
    Column("by", String, nullable=False),  # the person or the operating system's user
    Column("since", Float, nullable=False),
    Column("until", Float),
    Column("thawed_at", Float),
    Column("thawed_by", String),
    Column("untold", String),  # frozen | thawed: news that the bot still has to tell and draw
    partial("freezes_live", "since", where="thawed_at IS NULL"),
    partial("freezes_untold", "since", where="untold IS NOT NULL"),
)
