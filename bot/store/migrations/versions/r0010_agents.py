"""What agents ask by: references, turns and states of their actions and threads; and who made a claim."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Bring everything up to date. A claim so far is nobody's, so none of them is repeated."""
    op.add_column("actions", sa.Column("reference", sa.String()))
    op.add_column("actions", sa.Column("turn_id", sa.String()))
    _partial("actions_reference", "actions", ["agent", "reference", "id"], "reference IS NOT NULL")
    _partial("actions_turn", "actions", ["turn_id"], "turn_id IS NOT NULL")
    _partial("actions_state", "actions", ["agent", "state", "id"], "agent <> ''")
    op.add_column("executions", sa.Column("claimed_by", sa.String()))
    op.add_column("executions", sa.Column("claimant", sa.String()))
    op.add_column("threads", sa.Column("result", sa.Text()))
    _partial("threads_state", "threads", ["agent", "state", "id"], "agent <> ''")


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)
