"""Who may decide, by Slack and the policy in force. Checked when a click arrives and when a quorum fills."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from bot.domain import review as transitions
from bot.domain.record import ActionRecord
from bot.errors import MembraneError, Refusal, VoteRefused
from bot.membrane.core import Core, Resolved
from bot.store import threads, tokens


def requesters_of(connection: Connection, action: ActionRecord) -> frozenset[str]:
    """Return who may not decide about an action.

    They are the person in whose name the action or its thread runs, the owner of the token that proposed it,
    and the owners of all live tokens of its agent.
    """
    users = {action.owner, action.on_behalf_of, *tokens.owners(connection, action.agent)}
    thread = threads.get(connection, action.thread_id) if action.thread_id is not None else None
    if thread is not None:
        users |= {thread.owner, thread.on_behalf_of}
    return frozenset(user for user in users if user)


async def may_be_told(core: Core, user: str, *, agent: str, owner: str | None) -> bool:
    """Whether the bot may tell somebody what an agent asked for in their name.

    Only owners of the agent, people named by one of its tokens, and people of the policy in force are told.
    An agent can name anybody, and must not be able to write to them.
    """

    def known(connection: Connection) -> frozenset[str]:
        return tokens.owners(connection, agent) | tokens.acted_for(connection, agent)

    if user == owner or user in await core.db.read(known):
        return True
    return user in (await core.people.resolve(tuple(core.policy().people))).users


async def entitle(
    core: Core,
    user: str,
    team: str | None,
    *,
    names: Sequence[str],
    requesters: frozenset[str],
    fresh: bool = False,
) -> None:
    """Raise VoteRefused unless this person, as Slack and the policy know them now, may decide.

    `names` are names of the policy's people; `team` is the workspace that the click came from. With `fresh`,
    Slack is asked even if a cached answer is there.
    """
    try:
        member = await core.people.full_member(user, team, fresh=fresh)
        found = await core.people.resolve(names, fresh=fresh)
    except MembraneError:
        member, found = True, Resolved(frozenset(), tuple(names))
    certain = user in found.users or not found.unresolved
    approvers = found.users if certain else None
    transitions.entitled(user, approvers, requesters, full_member=member, why=found.why)


async def still_entitled(
    core: Core, voters: Iterable[str], *, names: Sequence[str], requesters: frozenset[str]
) -> dict[str, Refusal | None]:
    """Return for each voter why they may no longer decide, or None if they may.

    Raises VoteRefused if that cannot be found out now.
    """

    async def why_not(voter: str) -> Refusal | None:
        try:
            await entitle(core, voter, None, names=names, requesters=requesters, fresh=True)
        except VoteRefused as refused:
            return refused.reason
        return None

    asked = tuple(voters)
    found = dict(zip(asked, await asyncio.gather(*(why_not(voter) for voter in asked)), strict=True))
    if Refusal.UNRESOLVED in found.values():
        why = (await core.people.resolve(names)).why or ("Try again in a minute.",)
        raise VoteRefused(
            Refusal.UNRESOLVED,
            "The bot cannot check right now whether the earlier approvals still count, so it did not count "
            f"yours. {' '.join(why)} The admins have been told.",
        )
    return found


async def admit(core: Core, user: str, team: str | None) -> None:
    """Raise VoteRefused unless this person may see all of an action: a full member of this workspace.

    Raises MembraneError if that cannot be found out now.
    """
    if not await core.people.full_member(user, team):
        raise VoteRefused(
            Refusal.NOT_A_MEMBER,
            "Only full members of this workspace can see all of it; bots and guests cannot.",
        )
