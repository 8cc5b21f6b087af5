"""Checks of the record: the files are sound, the journal is whole, the auditor has nothing to repair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.chaos.checks.violation import Violation
from tests.chaos.evidence import Evidence

MISSING = ("No card was wanted", "had stopped", "no review of it is open")
"""What the auditor says where a row is missing, not only late."""


def files_are_sound(evidence: Evidence) -> Iterator[Violation]:
    """The journal verifies, and no database is damaged."""
    for what in evidence.broken:
        yield Violation("files are sound", what)


def the_journal_tells_it_all(evidence: Evidence) -> Iterator[Violation]:
    """Every action's way is in the journal: proposed once, claimed as often as it was, and its end."""
    attempts = {each["action_id"]: each["attempt"] for each in evidence.executions}
    for action in evidence.actions:
        events = Counter(
            entry["event"]
            for entry in evidence.entries_of[action["id"]]
            if entry["event"].startswith("action.")
        )
        begun = sum(events[f"action.{how}"] for how in ("proposed", "passed", "frozen", "remembered"))
        about = (action["id"],)
        if begun != 1:
            yield Violation("the journal tells it all", f"{action['id']} began {begun} times", about)
        if events["action.claimed"] != attempts.get(action["id"], 0):
            what = f"{action['id']} was claimed {attempts.get(action['id'], 0)} times; the journal: {events}"
            yield Violation("the journal tells it all", what, about)
        if action["state"] in {"executed", "failed", "unknown"} and not events[f"action.{action['state']}"]:
            what = f"{action['id']} is {action['state']}; the journal: {dict(events)}"
            yield Violation("the journal tells it all", what, about)


def the_auditor_has_nothing_to_repair(evidence: Evidence) -> Iterator[Violation]:
    """The auditor found nothing missing. Late findings are a slow machine's doing and do not count."""
    for entry in evidence.journal:
        if entry["event"] == "audit.found" and any(words in entry["body"]["what"] for words in MISSING):
            yield Violation("the auditor has nothing to repair", entry["body"]["what"])
