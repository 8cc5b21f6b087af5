"""The tables of `membrane.db`, the truth. Instants are seconds since the epoch, UTC.

A row says what is owed; jobs derive their work from rows by index, so that work costs what is due and not
what is parked, and a crash at any line loses nothing.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)

REVISION = "0013"
"""The newest of the migrations: what these tables are."""

OF_ONE_AGENT = "agent <> ''"
"""Holds of every row. Indexes with it serve only the queries that say it: those of one agent."""

UNANSWERED = "state IN ('aborted', 'withdrawn') AND remembers IS NULL"
"""Holds of actions that ended without anybody's answer and were not answered with an earlier one."""

metadata = MetaData()


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Return an index over the rows that something is owed for, which stays as small as what is owed."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def literally(column: Column[str] | Column[int], value: str | int) -> ColumnElement[bool]:
    """Return `column = value` with the value written out: a bound one hides it from a partial index."""
    return column == literal_column(repr(value if isinstance(value, int) else str(value)))


# Alembic's own: which revision this database has.
alembic_version = Table("alembic_version", metadata, Column("version_num", String(32), primary_key=True))

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("version", String, primary_key=True),
    Column("source", Text, nullable=False),
    Column("loaded_at", Float, nullable=False),
)

rulings = Table(
    "rulings",  # of actions that pass: one row for all that were ruled alike, however many
    metadata,
    Column("id", String, primary_key=True),  # SHA-256 of the body
    Column("body", Text, nullable=False),  # JSON, without trace and cost
)

actions = Table(
    "actions",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("args", LargeBinary, nullable=False),  # canonical JSON
    Column("args_digest", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("owner", String),
    Column("on_behalf_of", String),
    Column("description", Text),
    Column("hint", Text),  # JSON of the agent's own view of the risk
    Column("tier", Integer, nullable=False),
    Column("ruling", Text),  # JSON of its own; NULL where it passed, for which `rulings` has it
    Column("ruling_id", String, ForeignKey("rulings.id")),
    Column("cost_usd", Float),
    Column("state", String, nullable=False),
    Column("proposed_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("detail", Text),  # why it ended as it did: a rejection's note, an error, who it was withdrawn by
    Column("result", Text),  # JSON that the executor reported
    Column("idempotency_key", String),
    Column("thread_id", String),
    Column("interrupt_id", String),
    Column("place", Integer),  # which of the calls that one interrupt batches, from 0
    Column("call_id", String),  # the tool call, where there is one
    Column("digest_id", String),  # the digest that named it; tier 1 only
    Column("remembers", String),  # the earlier rejection that this one was answered with, unasked
    Column("reference", String),  # what the agent calls it: a session, a run, a call
    Column("turn_id", String),  # the proposals that one request made together
    _partial(
        "actions_idempotency", "agent", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True
    ),
    _partial("actions_thread", "thread_id", where="thread_id IS NOT NULL"),
    _partial("actions_interrupt", "interrupt_id", where="interrupt_id IS NOT NULL"),
    _partial("actions_digest", "digest_id", where="digest_id IS NOT NULL"),
    Index("actions_agent", "agent", "id"),
    _partial("actions_state", "agent", "state", "id", where=OF_ONE_AGENT),
    _partial("actions_reference", "agent", "reference", "id", where="reference IS NOT NULL"),
    _partial("actions_turn", "turn_id", where="turn_id IS NOT NULL"),
    _partial("actions_undigested", "proposed_at", where="tier = 1 AND digest_id IS NULL"),
    _partial("actions_halted", "settled_at", where="state = 'halted'"),
    _partial("actions_approved", "id", where="state = 'approved'"),
    _partial("actions_frozen", "id", where="state = 'frozen'"),
    _partial("actions_queued", "agent", "id", where="state = 'queued'"),
    _partial("actions_unanswered", "agent", "args_digest", "settled_at", where=UNANSWERED),
    _partial(
        "actions_rejected",
        "agent",
        "args_digest",
        "settled_at",
        where="state = 'rejected' AND remembers IS NULL",
    ),
)

reviews = Table(
    "reviews",
    metadata,
    Column("id", String, primary_key=True),
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("agent", String, nullable=False),
    Column("state", String, nullable=False),
    Column("ruling", Text, nullable=False),
    Column("args_digest", String, nullable=False),
    Column("requesters", Text, nullable=False),  # JSON list of Slack user ids
    Column("opened_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("expiry_due_at", Float),  # expires_at while a sweep has something to do about it, else NULL
    Column("shown_at", Float),  # when somebody who may decide it was first shown it; its window starts then
    Column("overdue_at", Float),
    Column("closed_at", Float),
    Column("note", Text),
    Column("predecessor_id", String, ForeignKey("reviews.id"), unique=True),
    Column("interrupt_id", String),
    Column("acked_by", String),
    Column("quiet_until", Float),
    Column("position", Integer, nullable=False),
    Column("pages_from", Integer),  # the position that its chain began at, where not 0
    Column("next_page_at", Float),
    Index("reviews_action", "action_id"),
    _partial("reviews_one_pending", "action_id", where="state = 'pending'", unique=True),
    _partial("reviews_pending", "id", where="state = 'pending'"),
    _partial("reviews_open_of_agent", "agent", where="state = 'pending'"),
    _partial("reviews_taken_back", "agent", "closed_at", where="state = 'withdrawn'"),
    _partial("reviews_expiry", "expiry_due_at", where="expiry_due_at IS NOT NULL"),
    _partial("reviews_pages", "next_page_at", where="next_page_at IS NOT NULL"),
    _partial("reviews_interrupt", "interrupt_id", where="interrupt_id IS NOT NULL"),
)

votes = Table(
    "votes",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("voter", String, nullable=False),
    Column("approve", Boolean, nullable=False),
    Column("args_digest", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("note", Text),
    Column("fallen", String),  # why it stopped counting before the quorum filled; NULL while it counts
    PrimaryKeyConstraint("review_id", "voter"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("review_id", String, ForeignKey("reviews.id"), nullable=False),
    Column("viewer", String, nullable=False),  # a Slack user id
    Column("what", String, nullable=False),  # opened | answered | acknowledged
    Column("at", Float, nullable=False),
    Index("sightings_review", "review_id"),
)

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
    Column("leased_by", String),
    Column("leased_until", Float),
    _partial(
        "messages_to_post",
        "recipient",
        "priority",
        "agent",
        "due_at",
        where="due_at IS NOT NULL AND ts IS NULL",
    ),
    _partial(
        "messages_to_update", "priority", "agent", "due_at", where="due_at IS NOT NULL AND ts IS NOT NULL"
    ),
    _partial("messages_owed", "owed_since", where="owed_since IS NOT NULL"),
    Index("messages_review", "review_id"),
    _partial("messages_action", "action_id", "position", where="action_id IS NOT NULL", unique=True),
    _partial("messages_doubted", "doubted_since", where="doubted_since IS NOT NULL"),
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

threads = Table(
    "threads",
    metadata,
    Column("id", String, primary_key=True),
    Column("graph", String, nullable=False),
    Column("graph_version", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("owner", String),
    Column("on_behalf_of", String),
    Column("input", Text, nullable=False),  # JSON
    Column("state", String, nullable=False),  # wanted | running | parked | stalled | finished | failed | gone
    Column("error", Text),
    Column("wanted_at", Float, nullable=False),
    Column("settled_at", Float),
    Column("idempotency_key", String),
    Column("leased_by", String),
    Column("leased_until", Float),
    Column("result", Text),  # sealed JSON: what its graph ended with
    _partial("threads_state", "agent", "state", "id", where=OF_ONE_AGENT),
    _partial(
        "threads_idempotency", "agent", "idempotency_key", where="idempotency_key IS NOT NULL", unique=True
    ),
    _partial("threads_unsettled", "state", "wanted_at", where="settled_at IS NULL"),
    _partial("threads_open_of_agent", "agent", where="settled_at IS NULL"),
    _partial("threads_wanted", "agent", "wanted_at", where="state = 'wanted'"),
)

stalls = Table(
    "stalls",  # why threads stand still; kept while they run again, so that retries are counted
    metadata,
    Column("thread_id", String, ForeignKey("threads.id"), primary_key=True),
    Column("cause", String, nullable=False),  # error | question | refused | changed | untaken
    Column("why", Text, nullable=False),
    Column("questions", Text),  # sealed JSON: what it asks, by interrupt id
    Column("tries", Integer, nullable=False),
    Column("retry_at", Float),  # when the host runs it again by itself
    Column("stalled_at", Float, nullable=False),
    _partial("stalls_retry", "retry_at", where="retry_at IS NOT NULL"),
)

thread_requests = Table(
    "thread_requests",  # what operators ask of threads, for the host to do
    metadata,
    Column("id", String, primary_key=True),
    Column("thread_id", String, ForeignKey("threads.id"), nullable=False),
    Column("wanted", String, nullable=False),  # retry | answer | withdraw
    Column("body", Text),  # sealed JSON: an answer, by interrupt id
    Column("why", Text),
    Column("by", String, nullable=False),  # a user of the operating system
    Column("at", Float, nullable=False),
    Column("done_at", Float),
    Column("outcome", Text),
    _partial("thread_requests_open", "thread_id", where="done_at IS NULL", unique=True),
    Index("thread_requests_thread", "thread_id"),
)

interrupts = Table(
    "interrupts",
    metadata,
    Column("id", String, primary_key=True),  # LangGraph's interrupt id
    Column("thread_id", String, ForeignKey("threads.id"), nullable=False),
    Column("shape", String, nullable=False),  # gate | hitl_batch | hitl_call
    Column("payload", Text, nullable=False),
    Column("state", String, nullable=False),  # waiting | answered | delivered | vanished
    Column("opened_at", Float, nullable=False),
    Column("answered_at", Float),
    Column("delivered_at", Float),
    _partial("interrupts_answered", "answered_at", where="state = 'answered'"),
    Index("interrupts_thread", "thread_id"),
)

executions = Table(
    "executions",
    metadata,
    Column("key", String, primary_key=True),  # what is good for one run: review (or action) id and digest
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("args_digest", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("report_by", Float),  # NULL once reported or known to be unknown
    Column("reported_at", Float),
    Column("claimed_by", String),  # the id of the token that claimed it over HTTP
    Column("claimant", String),  # which process of that token, in its own words
    Index("executions_action", "action_id"),
    _partial("executions_unreported", "report_by", where="report_by IS NOT NULL"),
)

unknowns = Table(
    "unknowns",  # claims that were never reported in time, and what a person said of each
    metadata,
    Column("action_id", String, ForeignKey("actions.id"), nullable=False),
    Column("number", Integer, nullable=False),  # counts those of the action, from 1
    Column("agent", String, nullable=False),
    Column("claimed_at", Float, nullable=False),
    Column("noted_at", Float, nullable=False),
    Column("closed_at", Float),  # when somebody answered, it was reported late, or it was claimed again
    Column("verdict", String),  # happened | did_not | left
    Column("said_by", String),  # a Slack user id
    Column(
        "restored_from", Float
    ),  # of when the backup is since which it may have run; NULL if it was claimed
    PrimaryKeyConstraint("action_id", "number"),
    _partial("unknowns_open", "agent", where="closed_at IS NULL"),
)

restored = Table(
    "restored",  # actions that may have run, and threads that may have gone on, since a backup
    metadata,
    Column("subject", String, primary_key=True),  # the id of an action or a thread
    Column("since", Float, nullable=False),  # of when the backup is
    Column("closed_at", Float),  # when a person said what happened
    _partial("restored_open", "subject", where="closed_at IS NULL"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("agent", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("hash", String, nullable=False, unique=True),  # SHA-256 of 256 random bits; needs no salt
    Column("role", String, nullable=False, server_default="agent"),  # agent | operator
    Column("created_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
    Column("unconfirmed_since", Float),  # since the database was restored, until an operator confirms it
    Column("acts_for", Text),  # JSON list of Slack user ids; NULL for none
    _partial("tokens_live", "agent", where="revoked_at IS NULL"),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),  # of an agent, a kind or a graph; or all
    Column("why", Text, nullable=False),
    Column("by", String, nullable=False),  # who gave the command, and where
    Column("since", Float, nullable=False),
    Column("until", Float),
    Column("thawed_at", Float),
    Column("thawed_by", String),
    Column("untold", String),  # frozen | thawed: what the bot still has to tell, and to draw
    _partial("freezes_live", "since", where="thawed_at IS NULL"),
    _partial("freezes_untold", "since", where="untold IS NOT NULL"),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True),  # the order of writing over all chains, whatever the clock did
    Column("writer", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("event", String, nullable=False),
    Column("action_id", String),
    Column("review_id", String),
    Column("body", LargeBinary, nullable=False),  # canonical JSON
    Column("hash", String, nullable=False),  # of the entry and the hash before it in this writer's chain
    UniqueConstraint("writer", "seq"),
    _partial("journal_action", "action_id", where="action_id IS NOT NULL"),
    _partial("journal_review", "review_id", where="review_id IS NOT NULL"),
)

segments = Table(
    "segments",  # ranges of a chain that were written to a file, and may be deleted here
    metadata,
    Column("writer", String, nullable=False),
    Column("first_seq", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("end_hash", String, nullable=False),  # of the entry at last_seq: where the rest goes on from
    Column("file", String, nullable=False),
    Column("sha256", String, nullable=False),  # of the file
    Column("exported_at", Float, nullable=False),
    Column("pruned_at", Float),
    PrimaryKeyConstraint("writer", "last_seq"),
    CheckConstraint("first_seq <= last_seq", name="segments_not_empty"),
)
