"""The journal: append-only, hash-chained, verifiable offline.

An entry's hash is SHA-256 over the hash before it and the entry's own canonical JSON, so a changed, dropped
or reordered entry breaks the chain where it stood. What was cut off the end leaves no trace in a chain;
an anchor that was noted elsewhere tells (`anchors`).

**Chains.** Each process writes chains of its own: `bot` is what people, policies and the clock decided;
`bot.tier0` and `bot.tier1` are what passed. They are apart because they are kept for different times. At
full speed Tier 0 writes gigabytes a day and must be prunable; what people decided must never be. In one chain
nothing could go without keeping the hash of everything that went; in a chain of its own a whole range can
go and leaves one hash, with which the rest verifies.

**Segments.** A range of a passing chain that was written to a file is a segment. Its end hash is kept in a
row, and an entry of the deciding chain vouches for that row and for the file, so neither can be put in later.
Only then may the range be deleted; the triggers of the database see to it (`sqlite/triggers.py`). The row is
never changed: where its file is lost before the range is gone, a further entry vouches for a further file.

**Order.** Within a chain it is `seq`, over all of them the row's `id`: both are the order of writing. `at` is
what the clock said, and a clock may be set back.
"""

from bot.store.journal.anchors import ANCHORED, Anchor, ends, plain, read_anchors, writers
from bot.store.journal.chain import GENESIS, PASSING, End, Ends, hash_of
from bot.store.journal.exporting import Range, beginning, export, export_range, verify_export
from bot.store.journal.reading import count, entries, has, last_before, since
from bot.store.journal.segments import Segment
from bot.store.journal.verifying import Break, Unchecked, Verified, VerifiedExport, verify

__all__ = [
    "ANCHORED",
    "GENESIS",
    "PASSING",
    "Anchor",
    "Break",
    "End",
    "Ends",
    "Range",
    "Segment",
    "Unchecked",
    "Verified",
    "VerifiedExport",
    "beginning",
    "count",
    "ends",
    "entries",
    "export",
    "export_range",
    "has",
    "hash_of",
    "last_before",
    "plain",
    "read_anchors",
    "since",
    "verify",
    "verify_export",
    "writers",
]
