"""What the database knows about itself: its revision, facts, and what a restore left open."""

from __future__ import annotations

from sqlalchemy import Column, Float, String, Table, Text

from bot.store.tables.schema import metadata, partial

# Alembic's own table: the revision of this database.
alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

restored = Table(
    "restored",  # actions that may have run, and threads that may have gone on, since a backup
    metadata,
    Column("subject", String, primary_key=True),  # the id of an action or a thread
    Column("since", Float, nullable=False),  # time of the backup
    Column("closed_at", Float),  # when a person told what happened
    partial("restored_open", "subject", where="closed_at IS NULL"),
)
