"""The record: chains by tier in one order of writing, exported segments, rulings that many actions share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Bring everything up to date; what the journal says, and its hashes, stay as they are."""
    _journal()
    _actions()
    _indexes()
    op.execute("DELETE FROM meta WHERE name = 'schema_version'")


def _journal() -> None:
    op.rename_table("journal", "journal_before")
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("action_id", sa.String()),
        sa.Column("review_id", sa.String()),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.UniqueConstraint("writer", "seq"),
    )
    # SQLite's rowid is the order of writing, and no other backend ever had revision 0001.
    op.execute(
        "INSERT INTO journal (writer, seq, at, event, action_id, review_id, body, hash) "
        "SELECT writer, seq, at, event, action_id, review_id, body, hash FROM journal_before ORDER BY rowid"
    )
    op.drop_table("journal_before")
    op.create_table(
        "segments",
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("end_hash", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("exported_at", sa.Float(), nullable=False),
        sa.Column("pruned_at", sa.Float()),
        sa.PrimaryKeyConstraint("writer", "last_seq"),
        sa.CheckConstraint("first_seq <= last_seq", name="segments_not_empty"),
    )


def _actions() -> None:
    op.create_table(
        "rulings",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("body", sa.Text(), nullable=False),
    )
    with op.batch_alter_table("actions", recreate="always") as batch:
        batch.alter_column("ruling", existing_type=sa.Text(), nullable=True)
        batch.add_column(sa.Column("ruling_id", sa.String()))
        batch.add_column(sa.Column("cost_usd", sa.Float()))
        batch.create_foreign_key("actions_ruling", "rulings", ["ruling_id"], ["id"])


def _indexes() -> None:
    op.drop_index("threads_unsettled", "threads")
    op.drop_index("interrupts_answered", "interrupts")
    op.create_index("actions_agent", "actions", ["agent", "id"])
    for name, table, columns, where in (
        ("actions_interrupt", "actions", ["interrupt_id"], "interrupt_id IS NOT NULL"),
        ("actions_digest", "actions", ["digest_id"], "digest_id IS NOT NULL"),
        ("reviews_pending", "reviews", ["id"], "state = 'pending'"),
        ("threads_unsettled", "threads", ["state", "wanted_at"], "settled_at IS NULL"),
        ("interrupts_answered", "interrupts", ["answered_at"], "state = 'answered'"),
        ("journal_action", "journal", ["action_id"], "action_id IS NOT NULL"),
        ("journal_review", "journal", ["review_id"], "review_id IS NOT NULL"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
