"""What is not certain since the database was restored: tokens, and actions that may have run meanwhile."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring everything up to date. Nothing so far is known to be restored."""
    op.add_column("tokens", sa.Column("unconfirmed_since", sa.Float()))
    op.add_column("unknowns", sa.Column("restored_from", sa.Float()))
    op.create_table(
        "restored",
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.PrimaryKeyConstraint("subject"),
    )
    where = sa.text("closed_at IS NULL")
    op.create_index("restored_open", "restored", ["subject"], sqlite_where=where, postgresql_where=where)
