"""Who people are, as Slack says now: user groups, rotations, and who is a full member.

Answers are kept for half a minute, and concurrent clicks share one question. When a quorum fills, Slack is
asked afresh about the earlier voters. Without an answer a name is unresolved: no older answer is used, so a
vote is refused rather than counted on a stale answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.domain.message_answers import FailureKind
from bot.domain.notices import Notice, Subject
from bot.domain.people import UserGroup, present_users
from bot.domain.policy import Policy
from bot.errors import MembraneError
from bot.membrane import Resolved
from bot.slack.cached import Kept
from bot.slack.failures import CallFailed, Failure
from bot.slack.identity import Identity
from bot.slack.web_api import Calls

Told = Callable[[Notice], Awaitable[None]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Account:
    """The facts that decide whether somebody may vote at all."""

    teams: frozenset[str]
    enterprise_id: str | None
    full: bool

    def belongs_to(self, home: Identity) -> bool:
        """Whether the person belongs to the bot's workspace, or the organisation that installed the app."""
        if home.is_enterprise_install:
            return self.enterprise_id is not None and self.enterprise_id == home.enterprise_id
        return home.team_id in self.teams

    def clicks_as(self, team: str | None, home: Identity) -> bool:
        """Whether a click of the person can come from a workspace, or from the bot's own organisation."""
        own = {self.enterprise_id} & {home.enterprise_id} - {None}
        return team is None or team in self.teams or team in own


class SlackPeople:
    """The membrane's directory, as Slack knows people now.

    `identity` returns the bot's workspace, once it is known. `tell`, if set, is called with a notice to the
    admins when a user group cannot be read.
    """

    def __init__(
        self,
        calls: Calls,
        policy: Callable[[], Policy],
        identity: Callable[[], Awaitable[Identity]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls = calls
        self._policy = policy
        self._identity = identity
        self._clock = clock
        self._groups: Kept[frozenset[str]] = Kept(clock)
        self._accounts: Kept[_Account] = Kept(clock)
        self.tell: Told | None = None
        self.troubles: dict[str, str] = {}
        """One sentence about what is wrong now, by user group."""
        self._lasting: dict[str, str] = {}
        """One sentence about what somebody has to correct, by name of the policy."""

    async def resolve(self, names: Sequence[str], *, fresh: bool = False) -> Resolved:
        """Resolve names of the policy in force to the users of this moment."""
        found = await asyncio.gather(*(self._users(name, fresh=fresh) for name in names))
        known = [users for users in found if users is not None]
        unresolved = tuple(name for name, users in zip(names, found, strict=True) if users is None)
        why = tuple(self._lasting[name] for name in unresolved if name in self._lasting)
        return Resolved(frozenset().union(*known), unresolved, why)

    async def _users(self, name: str, *, fresh: bool) -> frozenset[str] | None:
        source = self._policy().people.get(name)
        if source is None:
            self._lasting.pop(name, None)
            return None
        present = present_users(source, self._clock())
        if present is not None or not isinstance(source, UserGroup):
            return present
        try:
            users = await self._groups.get(source.id, lambda: self._members(source.id), fresh=fresh)
        except CallFailed as failed:
            await self._say(name, source.id, failed.failure)
            return None
        self.troubles.pop(source.id, None)
        self._lasting.pop(name, None)
        return users

    async def _members(self, group_id: str) -> frozenset[str]:
        listing = self._calls.client.usergroups_users_list
        told = await self._calls.call("usergroups.users.list", listing, usergroup=group_id)
        return frozenset(str(user) for user in told["users"])

    async def _say(self, name: str, group_id: str, failure: Failure) -> None:
        what, todo = _why(name, group_id, failure)
        sentence = f"{what} {todo}"
        lasts = failure.kind in (FailureKind.REFUSED, FailureKind.CLOSED, FailureKind.TOKEN)
        if lasts:
            self._lasting[name] = sentence
        else:
            self._lasting.pop(name, None)
        if self.troubles.get(group_id) == sentence:
            return
        self.troubles[group_id] = sentence
        _log.error("user_group_not_resolved", name=name, group=group_id, error=failure.error)
        if self.tell is not None and lasts:
            where = f"{name} in the policy's people (the user group {group_id})"
            about = f"{group_id} {failure.error}"
            await self.tell(Notice(Subject.USER_GROUP, what, where, todo, about))

    async def full_member(self, user: str, team: str | None = None, *, fresh: bool = False) -> bool:
        """Whether somebody is a full, active, human member of the bot's workspace.

        `team` is the user's team in the click: a workspace or, on Enterprise Grid, the organisation or
        another workspace of the person. Raises MembraneError if Slack does not answer.
        """
        try:
            home = await self._identity()
            account = await self._accounts.get(user, lambda: self._account(user), fresh=fresh)
        except CallFailed as failed:
            if failed.failure.error in ("user_not_found", "user_not_visible"):
                return False
            raise MembraneError(
                f"Slack does not say who you are right now ({failed.failure.error}); try again in a minute."
            ) from failed
        return account.full and account.belongs_to(home) and account.clicks_as(team, home)

    async def _account(self, user: str) -> _Account:
        answer = await self._calls.call("users.info", self._calls.client.users_info, user=user)
        told: dict[str, Any] = answer["user"]
        flags = (
            "deleted",
            "is_bot",
            "is_workflow_bot",
            "is_restricted",
            "is_ultra_restricted",
            "is_stranger",
        )
        shared = told.get("enterprise_user") or {}
        teams = {str(told.get("team_id", "")), *(str(team) for team in shared.get("teams") or ())}
        full = not any(told.get(flag) for flag in flags) and user != "USLACKBOT"
        return _Account(frozenset(teams) - {""}, shared.get("enterprise_id") or None, full)


def _why(name: str, group_id: str, failure: Failure) -> tuple[str, str]:
    """Return what is wrong with a user group, and what to do about it."""
    lead = f"Who {name} is cannot be looked up, so nobody can vote as one of them: "
    match failure.error:
        case "plan_upgrade_required":
            return (
                f"{lead}user groups need a paid plan of Slack, and this workspace has none.",
                f"Name the people of {name} one by one in the policy (users: […]).",
            )
        case "no_such_subteam" | "subteam_disabled" | "subteam_not_found":
            return (
                f"{lead}there is no active user group {group_id}.",
                "Correct the policy, or restore the group.",
            )
        case "missing_scope":
            return f"{lead}the app lacks the scope usergroups:read.", "Install it again from manifest.yml."
        case other:
            return (
                f"{lead}Slack answered {other} for the user group {group_id}.",
                "Look at the app's settings in Slack.",
            )
