"""What a complete run must show. Pure: takes the result, returns what is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

Json = dict[str, Any]

FEWEST_ACTIONS = 30
REFUND, SIGNED, UNKNOWN = "payment.refund", "deploy.production", "dns.update"


def missed(result: Json) -> list[str]:
    """Return a phrase for each thing that a run did not show."""
    return [what for what, shown in _wanted(result) if not shown]


def _wanted(result: Json) -> Iterator[tuple[str, bool]]:
    actions: list[Json] = result["actions"]
    executed = set(result["ledger"]["executed"])

    def some(fits: Callable[[Json], bool]) -> bool:
        return any(fits(action) for action in actions)

    yield f"at least {FEWEST_ACTIONS} actions", len(actions) >= FEWEST_ACTIONS
    yield "all four tiers", {action["tier"] for action in actions} == {0, 1, 2, 3}
    yield (
        "an approved refund in the books",
        some(lambda a: a["kind"] == REFUND and _went(a, "approved") and a["id"] in executed),
    )
    yield (
        "a rejected refund that the books do not have",
        some(lambda a: a["kind"] == REFUND and _went(a, "rejected") and a["id"] not in executed),
    )
    yield "a withdrawn action", some(lambda a: _went(a, "withdrawn") and a["receipt"] is None)
    yield (
        "a Tier 3 that nobody answered, aborted",
        some(lambda a: a["tier"] == 3 and _went(a, "expired") and a["receipt"] == "denied"),
    )
    yield (
        "a Tier 2 that was halted, and whose successor was approved",
        some(lambda a: a["tier"] == 2 and _went(a, "expired", "approved") and a["receipt"] == "executed"),
    )
    yield "a quorum of two", some(lambda a: any(len(each["decided_by"]) == 2 for each in a["reviews"]))
    yield "an unknown kind, denied", some(lambda a: a["kind"] == UNKNOWN and a["tier"] == 3)
    yield (
        "a mandated sign-off that was paged for again, to more people, and then signed",
        some(lambda a: a["kind"] == SIGNED and _went(a, "approved") and _widened(result, a["id"])),
    )
    yield (
        "a page about the halted action",
        some(lambda a: a["tier"] == 2 and _went(a, "expired", "approved") and bool(_paged(result, a["id"]))),
    )
    yield "a digest", result["digests"] > 0
    yield (
        "every executed action in the books, and no other",
        executed == {action["id"] for action in actions if action["receipt"] == "executed"},
    )


def _went(action: Json, *outcomes: str) -> bool:
    return [review["outcome"] for review in action["reviews"]] == list(outcomes)


def _paged(result: Json, action_id: str) -> list[Json]:
    return [page for page in result["pages"] if page["action"] == action_id]


def _widened(result: Json, action_id: str) -> bool:
    """Whether somebody was paged more than once, and later pages reached more people than the first."""
    pages = _paged(result, action_id)
    first = {page["to"] for page in pages if page["step"] == 1}
    people = [page["to"] for page in pages]
    return bool(set(people) - first) and len(people) > len(set(people))
