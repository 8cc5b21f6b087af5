"""The policy in force: the one place that the bot reads it from."""

from __future__ import annotations

from bot.domain.policy import Policy


class PolicyInForce:
    """Holds the policy in force. The only place to read or replace it."""

    __slots__ = ("_current",)

    def __init__(self, policy: Policy) -> None:
        """Start with a loaded policy."""
        self._current = policy

    @property
    def current(self) -> Policy:
        """The policy in force now. Read it once per decision, so that one decision uses one version."""
        return self._current

    def replace(self, policy: Policy) -> None:
        """Put another policy in force for all later decisions."""
        self._current = policy
