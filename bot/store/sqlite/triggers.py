"""Triggers that keep the journal append-only: no entry is changed, dropped or written out of order.

Triggers stop mistakes of this code and of people who open the file by hand. The hash chain shows the changes
of an attacker who drops them. A migration drops them first and creates them last, so they match this code.
"""

from __future__ import annotations

from sqlalchemy import Connection

_TRIGGERS = {
    "journal_no_update": """
        BEFORE UPDATE ON journal
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry is never changed'); END""",
    # Without this one INSERT OR REPLACE would drop an entry without firing a delete trigger.
    "journal_in_order": """
        BEFORE INSERT ON journal
        WHEN NEW.seq <> coalesce((SELECT max(seq) FROM journal WHERE writer = NEW.writer), 0) + 1
          OR EXISTS (SELECT 1 FROM journal WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only: an entry stands after the one before'); END""",
    "journal_no_delete": """
        BEFORE DELETE ON journal
        WHEN NOT EXISTS (SELECT 1 FROM segments
                         WHERE writer = OLD.writer AND OLD.seq BETWEEN first_seq AND last_seq)
        BEGIN SELECT RAISE(ABORT, 'the journal is append-only: only an exported segment may go'); END""",
    # Deleting needs a segment. A segment is of a passing chain (decisions stay), ends at an existing entry,
    # starts where the one before ended, and leaves the last entry, from which the writer continues.
    "segments_are_real": """
        BEFORE INSERT ON segments
        WHEN NEW.pruned_at IS NOT NULL
          OR NEW.writer NOT GLOB '*.tier[01]'
          OR NEW.first_seq <> coalesce((SELECT max(last_seq) FROM segments WHERE writer = NEW.writer), 0) + 1
          OR NOT EXISTS (SELECT 1 FROM journal
                         WHERE writer = NEW.writer AND seq = NEW.last_seq AND hash = NEW.end_hash)
          OR NOT EXISTS (SELECT 1 FROM journal WHERE writer = NEW.writer AND seq > NEW.last_seq)
        BEGIN
            SELECT RAISE(ABORT, 'a segment is of what passed, follows the one before, leaves the last entry');
        END""",
    "segments_no_update": """
        BEFORE UPDATE ON segments
        WHEN OLD.pruned_at IS NOT NULL OR NEW.pruned_at IS NULL
          OR (OLD.writer, OLD.first_seq, OLD.last_seq, OLD.end_hash) IS NOT
             (NEW.writer, NEW.first_seq, NEW.last_seq, NEW.end_hash)
          OR (OLD.file, OLD.sha256, OLD.exported_at) IS NOT (NEW.file, NEW.sha256, NEW.exported_at)
        BEGIN SELECT RAISE(ABORT, 'of a segment only the time of its pruning may be written, once'); END""",
    "segments_no_delete": """
        BEFORE DELETE ON segments
        BEGIN SELECT RAISE(ABORT, 'segments are part of the record: they are never deleted'); END""",
}


def create_triggers(connection: Connection) -> None:
    """Create all triggers."""
    for name, text in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER {name} {text}")


def drop_triggers(connection: Connection) -> None:
    """Drop all triggers, also those of an earlier version: a migration may rebuild tables."""
    found = (
        connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
    )
    for name in found:
        connection.exec_driver_sql(f'DROP TRIGGER "{name}"')
