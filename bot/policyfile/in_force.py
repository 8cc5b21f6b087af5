"""The policy in force: the one place that the bot reads it from."""

from __future__ import annotations

from bot.domain.policy import Policy


class PolicyInForce:
    """Holds the policy that is in force. The one place to ask for it, and to replace it."""

    __slots__ = ("_current",)

    def __init__(self, policy: Policy) -> None:
        """Start with a policy that has loaded."""
        self._current = policy

    @property
    def current(self) -> Policy:
        """The policy in force now. Take it once for one decision, so that all of it is of one version."""
        return self._current

    def replace(self, policy: Policy) -> None:
        """Put another policy in force, from the next decision on."""
        self._current = policy
