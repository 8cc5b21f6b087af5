"""The strictest of then and now: compares an earlier ruling with the policy in force.

Only up (invariants 2 and 14): a policy that has become looser since changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.durations import in_sentence
from bot.domain.ruling import Ruling


def says_more(then: Ruling, now: Ruling, age_s: float = 0.0) -> str | None:
    """Return in words what the present ruling demands beyond the earlier one; None if nothing.

    The earlier ruling has let the action start for `age_s` seconds.
    """
    if now.tier > then.tier:
        return f"it is Tier {int(now.tier)} now, not {int(then.tier)}: {now.reason}"
    if now.tier < then.tier or not now.tier.waits:
        return None
    gone = [name for name in then.approvers if name not in now.approvers]
    more = (
        (now.mandated and not then.mandated, "its sign-off is mandated now"),
        (now.quorum > then.quorum, f"it needs {now.quorum} approvals now, not {then.quorum}"),
        (bool(gone), f"{', '.join(gone)} may not approve it any more"),
        (
            now.valid_for_s < min(then.valid_for_s, age_s),
            f"an approval of it is good for {in_sentence(now.valid_for_s)} now",
        ),
    )
    return next((words for holds, words in more if holds), None)


def strictest(then: Ruling, now: Ruling) -> Ruling:
    """Return the ruling to ask under if the present one demands more: it, with the larger quorum."""
    if not now.tier.waits:
        return now
    valid_for_s = min(then.valid_for_s, now.valid_for_s) if then.tier.waits else now.valid_for_s
    return replace(now, quorum=max(then.quorum, now.quorum), valid_for_s=valid_for_s)
