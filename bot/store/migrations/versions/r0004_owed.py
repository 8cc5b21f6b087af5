"""Since when Slack lacks a message: what was tried and put off is late all the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring everything up to date. What was never shown is owed since it was wanted."""
    op.add_column("messages", sa.Column("owed_since", sa.Float()))
    op.execute(
        "UPDATE messages SET owed_since = CASE WHEN shown = 0 THEN created_at ELSE due_at END "
        "WHERE due_at IS NOT NULL"
    )
    where = sa.text("owed_since IS NOT NULL")
    op.create_index("messages_owed", "messages", ["owed_since"], sqlite_where=where, postgresql_where=where)
