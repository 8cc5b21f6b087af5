"""Freezes: what may not pass, be claimed or be started until somebody thaws it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _index(name: str, table: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, [column], sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Bring everything up to date. Nothing is frozen."""
    op.create_table(
        "freezes",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("since", sa.Float(), nullable=False),
        sa.Column("until", sa.Float()),
        sa.Column("thawed_at", sa.Float()),
        sa.Column("thawed_by", sa.String()),
        sa.Column("untold", sa.String()),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("freezes_live", "freezes", "since", "thawed_at IS NULL")
    _index("freezes_untold", "freezes", "since", "untold IS NOT NULL")
    _index("actions_approved", "actions", "id", "state = 'approved'")
    _index("actions_frozen", "actions", "id", "state = 'frozen'")
    op.add_column("tokens", sa.Column("role", sa.String(), server_default="agent", nullable=False))
