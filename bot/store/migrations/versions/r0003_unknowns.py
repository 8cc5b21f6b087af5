"""Unknown receipts that people answer, in messages of their own; posts in doubt that outlive the process."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring everything up to date. What is unknown already stays so, and nobody is asked about it."""
    op.create_table(
        "unknowns",
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("noted_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.Column("verdict", sa.String()),
        sa.Column("said_by", sa.String()),
        sa.ForeignKeyConstraint(["action_id"], ["actions.id"]),
        sa.PrimaryKeyConstraint("action_id", "number"),
    )
    with op.batch_alter_table("messages", recreate="always") as batch:
        batch.add_column(sa.Column("action_id", sa.String()))
        batch.add_column(sa.Column("doubted_since", sa.Float()))
        batch.create_foreign_key("messages_action", "actions", ["action_id"], ["id"])
    for name, table, columns, where, unique in (
        ("unknowns_open", "unknowns", ["agent"], "closed_at IS NULL", False),
        ("messages_action", "messages", ["action_id", "position"], "action_id IS NOT NULL", True),
        ("messages_doubted", "messages", ["doubted_since"], "doubted_since IS NOT NULL", False),
    ):
        condition = sa.text(where)
        op.create_index(
            name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
        )
