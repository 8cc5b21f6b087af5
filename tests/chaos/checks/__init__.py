"""Checks that must hold after any number of kills. Each reads only the evidence."""

from __future__ import annotations

from tests.chaos.checks import effects, floods, messages, operators, records, reviews, showings
from tests.chaos.checks.floods import waits
from tests.chaos.checks.violation import Check, Violation
from tests.chaos.evidence import Evidence

ALWAYS: tuple[Check, ...] = (
    records.files_are_sound,
    records.the_journal_tells_it_all,
    records.the_auditor_has_nothing_to_repair,
    reviews.one_outcome,
    reviews.votes_count_once,
    effects.effects_happen_once,
    effects.runs_are_claimed,
    effects.effects_were_allowed,
    effects.approvals_do_not_keep,
    effects.nothing_is_asked_twice,
    effects.what_was_told_stands,
    messages.no_page_after_an_outcome,
    operators.stalled_threads_keep_their_reviews,
    operators.freezes_hold,
    showings.windows_start_when_shown,
    showings.silence_is_said_of_what_was_seen,
    floods.nobodys_flood_delays_a_tier_3,
)
ONCE_SETTLED: tuple[Check, ...] = (
    reviews.everything_is_answered,
    effects.receipts_are_honest,
    effects.graphs_are_told_the_truth,
    messages.every_review_has_its_card,
    messages.the_store_knows_what_slack_shows,
    messages.what_is_unknown_is_asked,
    operators.operators_are_obeyed,
)

__all__ = ["Violation", "check", "waits"]


def check(evidence: Evidence, *, settled: bool) -> list[Violation]:
    """Return everything that does not hold. Some things need only hold once everything is `settled`."""
    chosen = (*ALWAYS, *ONCE_SETTLED) if settled else ALWAYS
    return [violation for each in chosen for violation in each(evidence)]
