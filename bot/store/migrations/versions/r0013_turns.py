"""Agents take turns in Slack, and what is of Tier 3 goes before what is not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Bring everything up to date. Priorities get new numbers: pages of Tier 3 have one of their own."""
    op.add_column("messages", sa.Column("agent", sa.String(), nullable=False, server_default=""))
    op.execute(
        "UPDATE messages SET agent = coalesce((SELECT agent FROM reviews WHERE id = review_id), "
        "(SELECT agent FROM actions WHERE id = action_id), '')"
    )
    op.execute(
        "UPDATE messages SET priority = CASE priority WHEN 5 THEN 6 WHEN 4 THEN 5 WHEN 3 THEN 4 WHEN 1 THEN "
        "CASE WHEN (SELECT a.tier FROM actions a JOIN reviews r ON r.action_id = a.id "
        "WHERE r.id = messages.review_id) = 3 THEN 1 ELSE 3 END ELSE priority END"
    )
    op.drop_index("messages_due", "messages")
    for name, columns, where in (
        ("messages_to_post", ["recipient", "priority", "agent", "due_at"], "ts IS NULL"),
        ("messages_to_update", ["priority", "agent", "due_at"], "ts IS NOT NULL"),
    ):
        condition = sa.text(f"due_at IS NOT NULL AND {where}")
        op.create_index(name, "messages", columns, sqlite_where=condition, postgresql_where=condition)
