"""The results of many rounds, and their report."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.chaos import points
from tests.chaos.checks import Violation
from tests.chaos.evidence import Evidence, Row
from tests.chaos.rounds import Result, Say

MOST_OF_A_RULE = 3
MOST_ENTRIES = 20


class Tally:
    """Adds rounds up."""

    def __init__(self) -> None:
        self.rounds = 0
        self.kills = 0
        self.violations = 0
        self.reached: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._most: Counter[str] = Counter()

    def add(self, result: Result) -> None:
        """Count a round."""
        self.rounds += 1
        self.kills += len(result.deaths)
        self.violations += len(result.violations)
        self._counts += result.counts
        self._most |= result.most
        for death in result.deaths:
            if death.at_point and death.doom.point:
                self.reached[death.doom.point] += 1

    @property
    def unreached(self) -> list[str]:
        """The crash points that nothing has died at yet."""
        return [name for name in points.NAMES if not self.reached[name]]

    def line(self) -> str:
        """Return the last line: one object of JSON."""
        numbers = {
            "kills": self.kills,
            "at_crash_points": self.reached.total(),
            "crash_points": f"{len(points.NAMES) - len(self.unreached)}/{len(points.NAMES)}",
            "rounds": self.rounds,
            **self._counts,
            **self._most,
            "violations": self.violations,
        }
        return json.dumps(numbers)


def explain(violations: list[Violation], found: Evidence | None, folder: Path, say: Say) -> None:
    """Explain each violation with its journal lines, and name the folder of the evidence."""
    of_rule: Counter[str] = Counter()
    for violation in violations:
        of_rule[violation.rule] += 1
        if of_rule[violation.rule] > MOST_OF_A_RULE:
            continue
        say(f"VIOLATION  {violation.rule}: {violation.what}")
        about = set(violation.about) - {""}
        entries = [each for each in found.journal if _is_about(each, about)] if found else []
        for entry in entries[:MOST_ENTRIES]:
            body = json.dumps(entry["body"])[:160]
            say(f"    {entry['at']:.3f} {entry['writer']} {entry['seq']} {entry['event']} {body}")
        for line in _as_shown(found, about) if found else ():
            say(f"    in Slack: {line}")
    for rule, count in of_rule.items():
        if count > MOST_OF_A_RULE:
            say(f"… {rule}: {count} in all")
    say(f"kept: {folder}")


def _as_shown(found: Evidence, about: set[str]) -> list[str]:
    """Return how Slack shows the messages that are meant, or that are about a review that is."""
    ids = {each["id"] for each in found.messages if {each["id"], each["review_id"]} & about}
    return [
        f"{each.channel} {each.ts} {each.message_id} {each.text} {sorted(each.buttons)}"
        for each in found.shown
        if each.message_id in ids
    ]


def _is_about(entry: Row, ids: set[str]) -> bool:
    named = {
        entry["action_id"],
        entry["review_id"],
        entry["body"].get("message"),
        entry["body"].get("thread"),
    }
    return bool(named & ids)
