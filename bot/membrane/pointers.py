"""Names that the policy no longer has: which reviews wait for them, and who decides in their place."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.errors import NotFound
from bot.membrane.admins import Admins
from bot.membrane.core import Core, Directory, Resolved
from bot.store import pointers, redraws
from bot.store.database import Database, Transaction

NAMED = 5
"""Maximum number of reviews that a sentence names; it counts the rest."""


class ReplacementDirectory:
    """A directory that resolves a name the policy no longer has to the name in its place."""

    def __init__(self, people: Directory, policy: Callable[[], Policy], db: Database) -> None:
        self._people = people
        self._policy = policy
        self._db = db

    async def resolve(self, names: Sequence[str], *, fresh: bool = False) -> Resolved:
        """Resolve names. A review may hold names that the policy no longer has."""
        known = self._policy().people
        if all(name in known for name in names):
            return await self._people.resolve(names, fresh=fresh)
        to = await self._db.read(pointers.in_place)
        asked = tuple(name if name in known else to.get(name, name) for name in names)
        found = await self._people.resolve(tuple(dict.fromkeys(asked)), fresh=fresh)
        gone = [name for name in found.unresolved if name not in known]
        return replace(found, why=(*found.why, *(_gone(name) for name in gone)))

    async def full_member(self, user: str, team: str | None = None, *, fresh: bool = False) -> bool:
        """Whether somebody is a full member, by the wrapped directory."""
        return await self._people.full_member(user, team, fresh=fresh)


def _gone(name: str) -> str:
    return (
        f"The policy no longer names {name}, so nobody can decide as a member. An admin can let another "
        f"group decide in its place: membrane reviews point {name} GROUP."
    )


@dataclass(frozen=True, slots=True)
class Stranded:
    """Reviews that wait for a name that the policy does not have and nothing replaces.

    `reviews` are their ids and kinds; `others` are the names whose people can still decide them.
    """

    name: str
    others: tuple[str, ...]
    reviews: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.what}. {self.todo}"

    @property
    def todo(self) -> str:
        """What an admin can do about it."""
        return f"To let another group decide in its place: membrane reviews point {self.name} GROUP"

    @property
    def what(self) -> str:
        """Which reviews wait, and who can decide them now."""
        count = len(self.reviews)
        named = ", ".join(f"{review_id} ({kind})" for review_id, kind in self.reviews[:NAMED])
        more = f" and {count - NAMED} more" if count > NAMED else ""
        who = f"{' or '.join(self.others)} can decide" if self.others else "nobody can decide"
        which = "it" if count == 1 else "them"
        return (
            f"{count} open review{'s wait' if count > 1 else ' waits'} for {self.name}, which the policy "
            f"does not name: {named}{more}. Now {who} {which}"
        )


def stranded(connection: Connection, people: Collection[str]) -> list[Stranded]:
    """Return the pending reviews that wait for names missing from the policy's `people`."""
    to = pointers.in_place(connection)
    found: dict[tuple[str, tuple[str, ...]], list[tuple[str, str]]] = {}
    for each in pointers.waiting(connection):
        able = tuple(name for name in each.names if name in people or to.get(name) in people)
        for name in each.names:
            if name not in able:
                found.setdefault((name, able), []).append((each.review_id, each.kind))
    return [Stranded(name, able, tuple(those)) for (name, able), those in sorted(found.items())]


@dataclass(frozen=True, slots=True)
class Pointers:
    """The use case of an admin. It needs only the database, so a command can run beside the bot."""

    db: Database
    clock: Callable[[], float] = time.time

    async def point(self, name: str, to: str, *, by: str) -> list[str]:
        """Let the people named `to` decide reviews that wait for `name`; return the ids of these reviews.

        Raises NotFound if no review waits for it.
        """

        def work(tx: Transaction) -> list[str]:
            now = self.clock()
            waiting = [each for each in pointers.waiting(tx.connection) if name in each.names]
            if not waiting:
                raise NotFound(f"no open review waits for {name!r}; `membrane reviews list` says what waits")
            pointers.point(tx.connection, name, to)
            tx.journal(now, "people.pointed", {"name": name, "to": to, "by": by, "reviews": len(waiting)})
            for each in waiting:
                redraws.touch(tx.connection, each.review_id, now=now)
                redraws.touch_receipts(tx.connection, each.action_id, now=now)
            return [each.review_id for each in waiting]

        return await self.db.write(work)


class StrandedReviews:
    """Tells the admins about stranded reviews, and forgets replacements that are no longer needed."""

    def __init__(self, core: Core, admins: Admins) -> None:
        self._core = core
        self._admins = admins

    async def remind(self) -> None:
        """Repeat the notice at intervals: an action asked about again waits for its first ruling's names."""
        await self.follow_policy(redraw=False)

    async def follow_policy(self, *, redraw: bool = True) -> None:
        """Tell the admins which reviews wait for names that the policy in force does not have."""
        core = self._core
        people = core.policy().people
        found = await core.db.read(lambda connection: stranded(connection, people))
        await core.db.write(lambda tx: self._follow(tx, people, found if redraw else ()))
        for each in found:
            newest, _ = each.reviews[-1]
            await self._admins.tell(
                Notice(
                    Subject.REVIEWS_STRANDED,
                    f"{each.what}.",
                    where=f"{each.name}, which the policy in force does not name",
                    todo=f"{each.todo}.",
                    about=f"{each.name} {newest}",
                )
            )
        core.wakeups.wake()

    def _follow(self, tx: Transaction, people: Collection[str], found: Sequence[Stranded]) -> None:
        for name in pointers.in_place(tx.connection):
            if name in people:  # the name is back; if it goes again, nothing replaces it
                pointers.forget(tx.connection, name)
        for review_id in {review_id for each in found for review_id, _ in each.reviews}:
            redraws.touch(tx.connection, review_id, now=self._core.clock())


def in_place_of(
    connection: Connection, names: Sequence[str], policy: Policy
) -> tuple[tuple[str, str | None], ...]:
    """Return the names that a policy no longer has, each with the name in its place, if there is one."""
    gone = [name for name in names if name not in policy.people]
    to = pointers.in_place(connection) if gone else {}
    return tuple((name, to[name] if to.get(name) in policy.people else None) for name in gone)
