"""Actions that wait for a place among the open reviews of their agent; the threads of an agent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Bring everything up to date. Nothing is queued yet: threads that wait are looked at at the start."""
    op.drop_index("reviews_taken_back", "reviews")
    for name, table, columns, where in (
        ("reviews_taken_back", "reviews", ["agent", "closed_at"], "state = 'withdrawn'"),
        ("actions_queued", "actions", ["agent", "id"], "state = 'queued'"),
        ("threads_open_of_agent", "threads", ["agent"], "settled_at IS NULL"),
        ("threads_wanted", "threads", ["agent", "wanted_at"], "state = 'wanted'"),
    ):
        condition = sa.text(where)
        op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
