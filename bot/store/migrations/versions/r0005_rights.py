"""Votes that fell out before their quorum filled, and whom an agent's token may act for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring everything up to date. Every vote so far counts; a token so far acts for nobody but its owner."""
    op.add_column("votes", sa.Column("fallen", sa.String()))
    op.add_column("tokens", sa.Column("acts_for", sa.Text()))
    live = sa.text("revoked_at IS NULL")
    op.create_index("tokens_live", "tokens", ["agent"], sqlite_where=live, postgresql_where=live)
