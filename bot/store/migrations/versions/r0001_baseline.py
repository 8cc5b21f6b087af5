"""The schema before migrations, of databases that say no revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_INDEXES = (
    ("actions_halted", "actions", ["settled_at"], "state = 'halted'", False),
    ("actions_idempotency", "actions", ["agent", "idempotency_key"], "idempotency_key IS NOT NULL", True),
    (
        "actions_rejected",
        "actions",
        ["agent", "args_digest", "settled_at"],
        "state = 'rejected' AND remembers IS NULL",
        False,
    ),
    ("actions_thread", "actions", ["thread_id"], "thread_id IS NOT NULL", False),
    ("actions_undigested", "actions", ["proposed_at"], "tier = 1 AND digest_id IS NULL", False),
    ("threads_idempotency", "threads", ["agent", "idempotency_key"], "idempotency_key IS NOT NULL", True),
    ("threads_unsettled", "threads", ["state"], "settled_at IS NULL", False),
    ("executions_action", "executions", ["action_id"], None, False),
    ("executions_unreported", "executions", ["report_by"], "report_by IS NOT NULL", False),
    ("interrupts_answered", "interrupts", ["thread_id"], "state = 'answered'", False),
    ("interrupts_thread", "interrupts", ["thread_id"], None, False),
    ("reviews_action", "reviews", ["action_id"], None, False),
    ("reviews_expiry", "reviews", ["expiry_due_at"], "expiry_due_at IS NOT NULL", False),
    ("reviews_interrupt", "reviews", ["interrupt_id"], "interrupt_id IS NOT NULL", False),
    ("reviews_one_pending", "reviews", ["action_id"], "state = 'pending'", True),
    ("reviews_open_of_agent", "reviews", ["agent"], "state = 'pending'", False),
    ("reviews_pages", "reviews", ["next_page_at"], "next_page_at IS NOT NULL", False),
    ("messages_due", "messages", ["priority", "due_at"], "due_at IS NOT NULL", False),
    ("messages_review", "messages", ["review_id"], None, False),
    ("sightings_review", "sightings", ["review_id"], None, False),
)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "actions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("args", sa.LargeBinary(), nullable=False),
        sa.Column("args_digest", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("owner", sa.String()),
        sa.Column("on_behalf_of", sa.String()),
        sa.Column("description", sa.Text()),
        sa.Column("hint", sa.Text()),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("proposed_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float()),
        sa.Column("detail", sa.Text()),
        sa.Column("result", sa.Text()),
        sa.Column("idempotency_key", sa.String()),
        sa.Column("thread_id", sa.String()),
        sa.Column("interrupt_id", sa.String()),
        sa.Column("place", sa.Integer()),
        sa.Column("call_id", sa.String()),
        sa.Column("digest_id", sa.String()),
        sa.Column("remembers", sa.String()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "digests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("made_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "journal",
        sa.Column("writer", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("action_id", sa.String()),
        sa.Column("review_id", sa.String()),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("writer", "seq"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "policies",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("loaded_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "threads",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("graph", sa.String(), nullable=False),
        sa.Column("graph_version", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("owner", sa.String()),
        sa.Column("on_behalf_of", sa.String()),
        sa.Column("input", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("wanted_at", sa.Float(), nullable=False),
        sa.Column("settled_at", sa.Float()),
        sa.Column("idempotency_key", sa.String()),
        sa.Column("leased_by", sa.String()),
        sa.Column("leased_until", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("revoked_at", sa.Float()),
        sa.Column("last_used_at", sa.Float()),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_table(
        "executions",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("args_digest", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("claimed_at", sa.Float(), nullable=False),
        sa.Column("report_by", sa.Float()),
        sa.Column("reported_at", sa.Float()),
        sa.ForeignKeyConstraint(
            ["action_id"],
            ["actions.id"],
        ),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "interrupts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("thread_id", sa.String(), nullable=False),
        sa.Column("shape", sa.String(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("answered_at", sa.Float()),
        sa.Column("delivered_at", sa.Float()),
        sa.ForeignKeyConstraint(
            ["thread_id"],
            ["threads.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("action_id", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("args_digest", sa.String(), nullable=False),
        sa.Column("requesters", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("expires_at", sa.Float()),
        sa.Column("expiry_due_at", sa.Float()),
        sa.Column("overdue_at", sa.Float()),
        sa.Column("closed_at", sa.Float()),
        sa.Column("note", sa.Text()),
        sa.Column("predecessor_id", sa.String()),
        sa.Column("interrupt_id", sa.String()),
        sa.Column("acked_by", sa.String()),
        sa.Column("quiet_until", sa.Float()),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("next_page_at", sa.Float()),
        sa.ForeignKeyConstraint(
            ["action_id"],
            ["actions.id"],
        ),
        sa.ForeignKeyConstraint(
            ["predecessor_id"],
            ["reviews.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("predecessor_id"),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("review_id", sa.String()),
        sa.Column("digest_id", sa.String()),
        sa.Column("position", sa.Integer(), server_default="0", nullable=False),
        sa.Column("body", sa.Text()),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), server_default="0", nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.Float()),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempt_at", sa.Float()),
        sa.Column("error", sa.Text()),
        sa.Column("channel_id", sa.String()),
        sa.Column("ts", sa.String()),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("posted_at", sa.Float()),
        sa.Column("given_up_at", sa.Float()),
        sa.Column("leased_by", sa.String()),
        sa.Column("leased_until", sa.Float()),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["reviews.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest_id"),
        sa.UniqueConstraint("review_id", "kind", "position", "recipient"),
    )
    op.create_table(
        "sightings",
        sa.Column("review_id", sa.String(), nullable=False),
        sa.Column("viewer", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["reviews.id"],
        ),
    )
    op.create_table(
        "votes",
        sa.Column("review_id", sa.String(), nullable=False),
        sa.Column("voter", sa.String(), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("args_digest", sa.String(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.ForeignKeyConstraint(
            ["review_id"],
            ["reviews.id"],
        ),
        sa.PrimaryKeyConstraint("review_id", "voter"),
    )
    _make_indexes()


def _make_indexes() -> None:
    for name, table, columns, where, unique in _INDEXES:
        condition = sa.text(where) if where else None
        op.create_index(
            name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition
        )
