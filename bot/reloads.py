"""The policy file while the bot runs: put in force, refused or held back, and who is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.domain.policy import Policy
from bot.errors import PolicyError
from bot.membrane import Membrane
from bot.policyfile import Gate, PolicyInForce, PolicyWatcher, Reload
from bot.settings import Settings


class Reloads:
    """Tells the admins what became of the policy file.

    `recheck` looks at the hosted graphs under a policy and returns what is wrong with them.
    """

    def __init__(
        self, settings: Settings, membrane: Membrane, recheck: Callable[[Policy], list[str]]
    ) -> None:
        self._settings = settings
        self._membrane = membrane
        self._recheck = recheck

    def watcher(self, in_force: PolicyInForce) -> PolicyWatcher:
        """Return what keeps the policy in force in step with its file."""
        refuses = self._settings.policy_refuse_looser
        gate = Gate(self._membrane.policy_allowed, self._held) if refuses else None
        return PolicyWatcher(self._settings.policy, in_force, self._loaded, self._refused, gate=gate)

    async def _loaded(self, policy: Policy, reload: Reload) -> None:
        await self._membrane.policy_in_force(policy.version, reload.source)
        lines = ["The policy was reloaded.", *reload.changes, *self._recheck(policy)]
        if not reload.changes:
            lines[0] = "The policy loads again; nothing changed."
        await self._membrane.admins.tell("\n".join(lines), about=f"policy {policy.version}")
        await self._membrane.pointing.follow()

    async def _refused(self, error: PolicyError) -> None:
        lead = "The policy does not load, so the last good one stays in force."
        # Without the line and its caret, which point nowhere where letters are not of one width.
        problems = (str(replace(problem, source="")) for problem in error.problems)
        await self._membrane.admins.tell("\n".join((lead, *problems)), about=str(error))

    async def _held(self, policy: Policy, changes: tuple[str, ...]) -> None:
        lead = (
            "The policy file is looser now, so it waits and the last policy stays in force "
            "(MEMBRANE_POLICY_REFUSE_LOOSER). To put it in force, run on the bot's machine: "
            f"membrane policy apply {self._settings.policy}"
        )
        await self._membrane.admins.tell("\n".join((lead, *changes)), about=f"held {policy.version}")
