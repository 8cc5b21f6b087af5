"""Changes of the policy file while the bot runs, and what the admins are told about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from bot.domain.notices import NOTHING_TO_DO, Notice, Subject
from bot.domain.policy import Policy
from bot.errors import PolicyError
from bot.membrane import Membrane
from bot.policyfile import Gate, PolicyInForce, PolicyWatcher, Reload
from bot.settings import Settings


class PolicyReloads:
    """Tells the admins whether a changed policy file is in force, refused or held.

    `recheck` checks the hosted graphs under a policy and returns their problems.
    """

    def __init__(
        self,
        settings: Settings,
        membrane: Membrane,
        recheck: Callable[[Policy], list[str]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._membrane = membrane
        self._recheck = recheck
        self._clock = clock
        self._version = ""
        self._since = clock()

    def watcher(self, in_force: PolicyInForce) -> PolicyWatcher:
        """Return a watcher that puts changes of the file in force."""
        self._version, self._since = in_force.current.version, self._clock()
        refuses = self._settings.policy_refuse_looser
        gate = Gate(self._membrane.policy_allowed, self._held) if refuses else None
        return PolicyWatcher(self._settings.policy, in_force, self._loaded, self._refused, gate=gate)

    async def _loaded(self, policy: Policy, reload: Reload) -> None:
        now = self._clock()
        if policy.version != self._version:
            self._version, self._since = policy.version, now
        await self._membrane.put_in_force(policy.version, reload.source)
        graphs = self._recheck(policy)
        since = f"in force since {_told_time(self._since, now)}"
        if not reload.repaired:
            what = f"The policy was reloaded. It is {since}: {_count(reload.changes)}."
        elif reload.changes:
            what = f"The policy loads again. It is {since}: {_count(reload.changes)}."
        else:
            what = f"The policy loads again; nothing changed. It is {since}."
        notice = Notice(
            _subject_of(reload),
            what,
            where=f"{self._settings.policy}, version {_short(policy.version)}",
            todo=_todo(reload, graphs),
            about=f"{now} {policy.version}",
            details=(*reload.changes, *graphs),
        )
        await self._membrane.admins.tell(notice)
        await self._membrane.stranded_reviews.follow_policy()

    async def _refused(self, error: PolicyError) -> None:
        # Without the source line and its caret, which do not line up in a proportional font.
        problems = tuple(str(replace(problem, source="")) for problem in error.problems)
        notice = Notice(
            Subject.POLICY_REFUSED,
            "The policy does not load, so the last good one stays in force.",
            where=f"{self._settings.policy}; the first problem: {problems[0]}",
            todo="Correct the file. The bot reads it again when it is saved, and tells you here.",
            about=f"{self._clock()} {error}",
            details=problems[1:],
        )
        await self._membrane.admins.tell(notice)

    async def _held(self, policy: Policy, changes: tuple[str, ...]) -> None:
        notice = Notice(
            Subject.POLICY_HELD,
            "The policy file is looser now, so it waits and the last policy stays in force "
            f"(MEMBRANE_POLICY_REFUSE_LOOSER): {_count(changes)}.",
            where=f"{self._settings.policy}, version {_short(policy.version)}",
            todo="Read the changes. To put it in force, run on the bot's machine: "
            f"membrane policy apply {self._settings.policy}",
            about=f"{self._clock()} {policy.version}",
            details=changes,
        )
        await self._membrane.admins.tell(notice)


def _subject_of(reload: Reload) -> Subject:
    if reload.loosens:
        return Subject.POLICY_LOOSENED
    return Subject.POLICY_LOADS_AGAIN if reload.repaired else Subject.POLICY_RELOADED


def _todo(reload: Reload, graphs: list[str]) -> str:
    if graphs:
        return "Correct the problems of the graphs below. Their threads wait until then."
    if reload.loosens:
        return "Check that each change marked LOOSER is intended; if not, restore the file."
    return NOTHING_TO_DO


def _short(version: str) -> str:
    return version.removeprefix("sha256:")[:12]


def _count(changes: Sequence[str]) -> str:
    return f"{len(changes)} change{'s' * (len(changes) != 1)}"


def _told_time(at: float, now: float) -> str:
    """Return an instant in UTC, with its date if that is not today."""
    there, here = time.gmtime(at), time.gmtime(now)
    return time.strftime("%H:%M UTC" if there[:3] == here[:3] else "%Y-%m-%d %H:%M UTC", there)
