"""Why threads stand still, and what operators ask of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Bring everything up to date. Threads that are stalled already are looked at again, as before."""
    op.create_table(
        "stalls",
        sa.Column("thread_id", sa.String(), sa.ForeignKey("threads.id"), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("questions", sa.Text()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.Float()),
        sa.Column("stalled_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("thread_id"),
    )
    due = sa.text("retry_at IS NOT NULL")
    op.create_index("stalls_retry", "stalls", ["retry_at"], sqlite_where=due, postgresql_where=due)
    op.create_table(
        "thread_requests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), sa.ForeignKey("threads.id"), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("why", sa.Text()),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("done_at", sa.Float()),
        sa.Column("outcome", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    left = sa.text("done_at IS NULL")
    op.create_index(
        "thread_requests_open",
        "thread_requests",
        ["thread_id"],
        unique=True,
        sqlite_where=left,
        postgresql_where=left,
    )
    op.create_index("thread_requests_thread", "thread_requests", ["thread_id"])
