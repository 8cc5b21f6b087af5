"""What Slack should show and shows: messages, stale copies, digests."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from bot.store.tables.schema import metadata, partial

messages = Table(
    "messages",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),  # card | page | post | told | receipt | digest | notice
    Column("recipient", String, nullable=False),  # "#channel", a channel id, or a Slack user id
    Column("review_id", String, ForeignKey("reviews.id")),
    Column("action_id", String, ForeignKey("actions.id")),  # of a receipt, which may have no review
    Column("digest_id", String, unique=True),
    # Of the chain, for page and post; of a receipt its number.
    Column("position", Integer, nullable=False, server_default="0"),
    Column("body", Text),  # the text of a notice
    Column("wanted", Integer, nullable=False),
    Column("shown", Integer, nullable=False, server_default="0"),
    Column("priority", Integer, nullable=False),
    # Whose it is: agents take turns. Empty for the bot's own.
    Column("agent", String, nullable=False, server_default=""),
    Column("due_at", Float),  # when the courier should look at it; NULL when shown = wanted or given up
    Column("owed_since", Float),  # since when Slack lacks what is wanted, however often it was put off
    Column("unsure_since", Float),  # when a redraw was cut off that may still land over a later one
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("attempt_at", Float),  # noted before a post, so that an ambiguous one is looked for first
    Column("doubted_since", Float),  # when an earlier post was made that may still land beside the last one
    Column("error", Text),
    Column("channel_id", String),  # where it is, once posted
    Column("ts", String),
    Column("created_at", Float, nullable=False),
    Column("posted_at", Float),
    Column("given_up_at", Float),
    Column("obstacle", String),  # closed: its place is; uneditable: Slack lets nobody edit it
    Column("folded_into", String),  # of a notice, the message that lists it
    Column("leased_by", String),
    Column("leased_until", Float),
    partial(
        "messages_to_post",
        "recipient",
        "priority",
        "agent",
        "due_at",
        where="due_at IS NOT NULL AND ts IS NULL",
    ),
    partial(
        "messages_to_update", "priority", "agent", "due_at", where="due_at IS NOT NULL AND ts IS NOT NULL"
    ),
    partial("messages_owed", "owed_since", where="owed_since IS NOT NULL"),
    Index("messages_review", "review_id"),
    partial("messages_action", "action_id", "position", where="action_id IS NOT NULL", unique=True),
    partial("messages_doubted", "doubted_since", where="doubted_since IS NOT NULL"),
    UniqueConstraint("review_id", "kind", "position", "recipient"),
)

leftovers = Table(
    "leftovers",
    metadata,
    Column("channel_id", String, primary_key=True),
    Column("ts", String, primary_key=True),
    Column("message_id", String, nullable=False),  # may be pruned before
    Column("since", Float, nullable=False),
    Column("look_at", Float, nullable=False),
    Index("leftovers_due", "look_at"),
)

digests = Table(
    "digests",
    metadata,
    Column("id", String, primary_key=True),
    Column("channel", String, nullable=False),
    Column("made_at", Float, nullable=False),
)
