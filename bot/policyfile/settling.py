"""A policy file that is being written: it is read when it has stood unchanged for a moment.

Half of a file can be valid YAML that lacks its last rules. So what would loosen the policy in force has to
stand for longer.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.errors import PolicyError, SettingsError
from bot.policyfile.loading import parse, read

SETTLE_S = 1.0
"""How long a file stands unchanged before it is read."""
SETTLE_LOOSER_S = 5.0
"""How long one that is looser than the policy in force does."""

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A file as it stands: its text, or why it cannot be read.

    `state` is a hash of that; `stamp` also changes when the file is written again with the same text.
    `changed_at` is when it was last written or replaced, by the machine's clock; 0 where it is not there.
    """

    text: bytes | PolicyError
    state: str
    stamp: str
    changed_at: float

    @classmethod
    def of(cls, path: Path) -> Snapshot:
        """Read a file and what the file system says of it."""
        try:
            text: bytes | PolicyError = read(path)
            found = path.stat()
        except PolicyError as error:
            return cls(error, str(error), str(error), 0.0)
        except OSError as error:
            return cls(b"", str(error), str(error), 0.0)
        assert isinstance(text, bytes)
        state = hashlib.sha256(text).hexdigest()
        stamp = f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{state}"
        return cls(text, state, stamp, max(found.st_mtime, found.st_ctime))


def loosens(before: Policy, after: Policy) -> bool:
    """Whether one policy is, or may be, looser than another."""
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

    `last` is the text of the one that was in force before. A file that is looser has to have stood unchanged;
    with `refuse_looser` it has to be the version that was `allowed`, or the last one stays in force. Raises
    PolicyError where the file does not load, SettingsError where neither may come into force.
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
            f"this version of the bot, so it cannot be told whether {path} is looser. Look at the file, then "
            f"say `membrane policy apply {path}`"
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
