"""Who may decide, by Slack and the policy in force: asked when a click arrives, and when a quorum fills."""

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

    That is the person in whose name it is done, or the thread that it belongs to; the owner of the token that
    proposed it; and everybody who owns a live token of its agent now.
    """
    users = {action.owner, action.on_behalf_of, *tokens.owners(connection, action.agent)}
    thread = threads.get(connection, action.thread_id) if action.thread_id is not None else None
    if thread is not None:
        users |= {thread.owner, thread.on_behalf_of}
    return frozenset(user for user in users if user)


async def may_be_told(core: Core, user: str, *, agent: str, owner: str | None) -> bool:
    """Whether somebody may be told of what an agent asked for in their name.

    That is for the owners of the agent, for people whom one of its tokens names, and for the people of the
    policy in force: an agent names whom it likes, and must not write to them.
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

    `names` are of the policy's people, `team` is the workspace that the click came from. With `fresh`, Slack
    is asked although it said something half a minute ago.
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
    """Return of each voter why they may not decide any more; None where they may.

    Raises VoteRefused where that cannot be told now.
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
            "Whether the approvals that are there still count cannot be told right now, so yours was not "
            f"counted. {' '.join(why)} The admins have been told.",
        )
    return found


async def admit(core: Core, user: str, team: str | None) -> None:
    """Raise VoteRefused unless this person may look at all of an action: a full member of this workspace.

    Raises MembraneError where that cannot be told now.
    """
    if not await core.people.full_member(user, team):
        raise VoteRefused(
            Refusal.NOT_A_MEMBER,
            "Only full members of this workspace can look at all of it; bots and guests cannot.",
        )
