"""Since when Slack lacks a message, where old states were left behind, what agents took back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring everything up to date. What was never shown is owed since it was wanted."""
    op.add_column("messages", sa.Column("owed_since", sa.Float()))
    op.add_column("messages", sa.Column("unsure_since", sa.Float()))
    op.execute(
        "UPDATE messages SET owed_since = CASE WHEN shown = 0 THEN created_at ELSE due_at END "
        "WHERE due_at IS NOT NULL"
    )
    op.create_table(
        "leftovers",
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("ts", sa.String(), nullable=False),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("look_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("channel_id", "ts"),
    )
    op.create_index("leftovers_due", "leftovers", ["look_at"])
    taken_back = sa.text("state = 'withdrawn' AND interrupt_id IS NULL")
    op.create_index(
        "reviews_taken_back",
        "reviews",
        ["agent", "closed_at"],
        sqlite_where=taken_back,
        postgresql_where=taken_back,
    )
    where = sa.text("owed_since IS NOT NULL")
    op.create_index("messages_owed", "messages", ["owed_since"], sqlite_where=where, postgresql_where=where)
