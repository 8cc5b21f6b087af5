"""The policy that the bot starts with: the file's, or the one that was in force before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.errors import PolicyError, SettingsError
from bot.policyfile.loading import parse
from bot.policyfile.snapshot import SETTLE_LOOSER_S, Snapshot

Sleep = Callable[[float], Awaitable[None]]


def loosens(before: Policy, after: Policy) -> bool:
    """Whether `after` is, or may be, looser than `before`."""
    return any(change.loosens for change in changes_between(before, after))


async def policy_at_start(
    path: Path,
    last: str | None,
    *,
    refuse_looser: bool = False,
    allowed: str | None = None,
    clock: Callable[[], float] = time.time,
    sleep: Sleep = asyncio.sleep,
) -> tuple[Policy, str]:
    """Return the policy to start with, and its text.

    `last` is the text of the policy in force before. A looser file must have stood unchanged for a while;
    with `refuse_looser` it must be the `allowed` version, or the last policy stays in force. Raises
    PolicyError if the file does not load, SettingsError if neither policy may come into force.
    """
    before, first = _last(last), Snapshot.of(path)
    while True:
        policy, text = _parsed(first, path)
        if last is None or (before is not None and not loosens(before, policy)):
            return policy, text
        left = min(SETTLE_LOOSER_S, SETTLE_LOOSER_S - (clock() - first.changed_at))
        if left > 0:
            await sleep(left)
        then = Snapshot.of(path)
        if then.stamp == first.stamp:
            break
        first = then
    if not refuse_looser or policy.version == allowed:
        return policy, text
    if before is None:
        raise SettingsError(
            "MEMBRANE_POLICY_REFUSE_LOOSER is set, and the policy that was in force before does not load in "
            f"this version of the bot, so the bot cannot tell whether {path} is looser. Check the file, then "
            f"run `membrane policy apply {path}`"
        )
    return before, last


def _last(source: str | None) -> Policy | None:
    try:
        return parse(source) if source is not None else None
    except PolicyError:
        return None


def _parsed(snapshot: Snapshot, path: Path) -> tuple[Policy, str]:
    if isinstance(snapshot.text, PolicyError):
        raise snapshot.text
    return parse(snapshot.text, str(path)), snapshot.text.decode("utf-8-sig")
