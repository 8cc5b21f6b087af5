"""The journal: append-only, hash-chained, verifiable offline.

An entry's hash is SHA-256 over the hash before it and the entry's own canonical JSON. So a changed, dropped
or reordered entry breaks the chain at its place. Entries cut off the end leave no trace in the chain; an
anchor that is kept elsewhere shows that they are missing (`anchors`).

**Chains.** Each process writes chains of its own. `bot` holds the decisions of people, policies and the
clock; `bot.tier0` and `bot.tier1` hold the actions that passed. The chains are separate because they are kept
for different times. At full speed Tier 0 writes gigabytes a day and must be prunable; decisions are never
pruned. Pruning a whole range of a chain leaves one hash, with which the rest verifies. In one shared chain,
pruning would leave one hash for every entry.

**Segments.** A segment is a range of a passing chain that was written to a file. A row keeps its end hash. An
entry of the deciding chain vouches for the row and for the file, so neither can be added later. Only then may
the range be deleted, which the database's triggers enforce (`sqlite/triggers.py`). The row never changes. If
the file is lost before the range is deleted, another entry vouches for another file.

**Order.** Entries are in the order of writing: by `seq` within a chain, by the row's `id` over all chains.
`at` is the clock's time, and a clock may be set back.
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
