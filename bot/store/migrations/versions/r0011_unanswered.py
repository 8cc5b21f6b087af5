"""What ended unanswered, by agent and arguments: it answers the same action, or its pages go on there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Bring everything up to date."""
    op.add_column("reviews", sa.Column("pages_from", sa.Integer()))
    where = sa.text("state IN ('aborted', 'withdrawn') AND remembers IS NULL")
    columns = ["agent", "args_digest", "settled_at"]
    op.create_index("actions_unanswered", "actions", columns, sqlite_where=where, postgresql_where=where)
