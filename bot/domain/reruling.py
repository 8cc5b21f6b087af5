"""The strictest of then and now: an earlier ruling of an action, held to what the policy in force says.

Only up (invariants 2 and 14): a policy that has become looser since changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from bot.domain.durations import in_sentence
from bot.domain.ruling import Ruling


def says_more(then: Ruling, now: Ruling, age_s: float = 0.0) -> str | None:
    """Return what the present ruling demands beyond the earlier one, in words; None if nothing.

    `age_s` is for how many seconds the action may have started by the earlier one.
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
    """Return what to ask under where the present ruling says more: it, with the larger quorum of the two."""
    if not now.tier.waits:
        return now
    valid_for_s = min(then.valid_for_s, now.valid_for_s) if then.tier.waits else now.valid_for_s
    return replace(now, quorum=max(then.quorum, now.quorum), valid_for_s=valid_for_s)
