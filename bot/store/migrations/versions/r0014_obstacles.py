"""Messages say in a column of their own what keeps them from being edited, and which message lists them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Bring everything up to date. Until now the text of a message's error said both."""
    op.add_column("messages", sa.Column("obstacle", sa.String()))
    op.add_column("messages", sa.Column("folded_into", sa.String()))
    op.execute(
        "UPDATE messages SET obstacle = 'uneditable' WHERE ts IS NOT NULL AND due_at IS NOT NULL "
        "AND error IN ('edit_window_closed', 'cant_update_message')"
    )
    op.execute(
        "UPDATE messages SET folded_into = substr(error, length('it is counted and listed in ') + 1) "
        "WHERE kind = 'notice' AND error LIKE 'it is counted and listed in %'"
    )
