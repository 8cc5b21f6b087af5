"""When a review was first shown to somebody who may decide it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Bring everything up to date.

    A review whose messages are in Slack was shown when the first was posted, and keeps its window. What
    expired before is not said again in other words. What waits and was never posted is shown when it is.
    """
    op.add_column("reviews", sa.Column("shown_at", sa.Float()))
    op.execute(
        "UPDATE reviews SET shown_at = (SELECT min(posted_at) FROM messages WHERE review_id = reviews.id "
        "AND kind IN ('card', 'page', 'post'))"
    )
    op.execute("UPDATE reviews SET shown_at = opened_at WHERE shown_at IS NULL AND state <> 'pending'")
