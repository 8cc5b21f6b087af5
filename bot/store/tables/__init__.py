"""The tables of `membrane.db`, the truth. Instants are seconds since the epoch, UTC.

A row says what is due. Jobs find their work in rows, by index. So the work costs what is due and not what is
parked, and a crash at any line loses nothing.
"""

from bot.store.tables.access import freezes, tokens
from bot.store.tables.bookkeeping import alembic_version, meta, restored
from bot.store.tables.chains import journal, segments
from bot.store.tables.hosting import interrupts, stalls, thread_requests, threads
from bot.store.tables.judgement import reviews, sightings, votes
from bot.store.tables.proposals import actions, executions, policies, rulings, unknowns
from bot.store.tables.schema import OF_ONE_AGENT, REVISION, UNANSWERED, literally, metadata
from bot.store.tables.slack import digests, leftovers, messages

__all__ = [
    "OF_ONE_AGENT",
    "REVISION",
    "UNANSWERED",
    "actions",
    "alembic_version",
    "digests",
    "executions",
    "freezes",
    "interrupts",
    "journal",
    "leftovers",
    "literally",
    "messages",
    "meta",
    "metadata",
    "policies",
    "restored",
    "reviews",
    "rulings",
    "segments",
    "sightings",
    "stalls",
    "thread_requests",
    "threads",
    "tokens",
    "unknowns",
    "votes",
]
