"""The parts that every use case shares: the database, the policy in force, the people, the clock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from bot.domain.action import Action
from bot.domain.digest import Keyring, args_digest, matches
from bot.domain.expiry import expired_review
from bot.domain.freezing import Freeze, covering
from bot.domain.policy import Policy
from bot.domain.record import ActionRecord, Standing
from bot.domain.review import Review
from bot.domain.states import UNSTARTED, ActionState
from bot.errors import Conflict, NotFound
from bot.membrane.quotas import Quotas
from bot.membrane.vault import Vault
from bot.membrane.wakeups import Wakeups
from bot.store import actions, freezes, reviews, threads, unknowns
from bot.store.database import Database
from bot.store.freezes import Borne
from bot.store.rulings import Briefs


def new_id(prefix: str) -> str:
    """Return a new id that sorts by time: the prefix, milliseconds and 64 random bits."""
    return _id(prefix, time.time_ns() // 1_000_000, _random())


class Ids:
    """Makes ids that sort in the order in which they were made, even within one millisecond.

    Ids look like those of `new_id`. The random bits count up within a millisecond, and while the machine's
    clock is behind the last id.
    """

    def __init__(self, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._last = (0, 0)

    def new(self, prefix: str) -> str:
        """Return an id greater than every id that this object has made."""
        with self._lock:
            self._last = max((self._now_ms(), _random()), (self._last[0], self._last[1] + 1))
            return _id(prefix, *self._last)


def _random() -> int:
    """Return 64 random bits. The highest is 0, so that counting up does not overflow."""
    return int.from_bytes(os.urandom(8)) >> 1


def _id(prefix: str, ms: int, random: int) -> str:
    return f"{prefix}_{ms:011x}{random:016x}"


def id_at(prefix: str, at: float) -> str:
    """Return a bound: greater than every id made before an instant, smaller than every later one."""
    return f"{prefix}_{int(at * 1000):011x}"


def made_at(given: str) -> float:
    """Return when an id was made, by the clock of the machine that made it; 0 if it is not an id."""
    _, _, digits = given.partition("_")
    try:
        return int(digits[:11], 16) / 1000
    except ValueError:
        return 0.0


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who some names of the policy are now: Slack user ids, and the names that cannot be resolved."""

    users: frozenset[str]
    unresolved: tuple[str, ...] = ()
    why: tuple[str, ...] = field(default=(), compare=False)
    """Why names cannot be resolved, in sentences for people, if waiting does not help."""


class Directory(Protocol):
    """Resolves names of the policy to people. Slack's implementation is in `bot.slack.people`."""

    async def resolve(self, names: Sequence[str], *, fresh: bool = False) -> Resolved:
        """Resolve names of the policy in force. With `fresh`, use nothing from a cache."""
        ...

    async def full_member(self, user: str, team: str | None = None, *, fresh: bool = False) -> bool:
        """Whether somebody is a full, active, human member of this workspace; `fresh` as in `resolve`.

        Raises MembraneError if that is not known now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Core:
    """The shared parts. `keyring` keys the args digests and the `vault`, which seals rows of hosted threads.

    `worker` names this process in leases. `clock` returns seconds since the epoch, UTC.
    """

    db: Database
    policy: Callable[[], Policy]
    people: Directory
    keyring: Keyring
    wakeups: Wakeups
    clock: Callable[[], float] = time.time
    new_id: Callable[[str], str] = field(default_factory=lambda: Ids().new)
    worker: str = field(default_factory=lambda: new_id("bot"))
    briefs: Briefs = field(default_factory=Briefs)
    quotas: Quotas = field(default_factory=Quotas)
    vault: Vault = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vault", Vault(self.keyring, "rows"))

    def digest_of(self, action: Action) -> str:
        """Return the keyed args digest of an action."""
        return args_digest(self.keyring, action.kind, action.args)

    def digest_fits(self, digest: str, action: Action) -> bool:
        """Whether an args digest is of this action, also under an older secret or digest version."""
        return matches(self.keyring, digest, action.kind, action.args)


def the_action(connection: Connection, action_id: str, agent: str | None = None) -> ActionRecord:
    """Return the action. Raises NotFound, also if it is another agent's."""
    action = actions.get(connection, action_id)
    if action is None or (agent is not None and action.agent != agent):
        raise NotFound(f"there is no action {action_id}")
    return action


def action_run_by(connection: Connection, action_id: str, agent: str | None) -> ActionRecord:
    """Return an action that this agent may start and report on over HTTP; with None, the host, any action.

    Raises NotFound if it is another agent's, Conflict if a hosted thread runs it.
    """
    action = the_action(connection, action_id, agent)
    if agent is not None and action.thread_id is not None:
        raise Conflict(
            f"the hosted thread {action.thread_id} starts this action and reports on it; over HTTP it can "
            "only be read"
        )
    return action


def the_review(connection: Connection, review_id: str) -> Review:
    """Return the review. Raises NotFound."""
    review = reviews.get(connection, review_id)
    if review is None:
        raise NotFound(f"there is no review {review_id}")
    return review


def standing_of(connection: Connection, action_id: str, agent: str | None = None) -> Standing:
    """Return the action with its reviews. Raises NotFound."""
    action = the_action(connection, action_id, agent)
    found = reviews.of_action(connection, action_id)
    return Standing(
        action,
        found,
        _frozen(connection, action),
        _asked_about(connection, action),
        remembered=_remembered(connection, action),
    )


def _remembered(connection: Connection, action: ActionRecord) -> Review | None:
    if action.remembers is None or action.state is not ActionState.ABORTED:
        return None
    return expired_review(reviews.of_action(connection, action.remembers))


def _asked_about(connection: Connection, action: ActionRecord) -> bool:
    if action.state is not ActionState.UNKNOWN:
        return False
    unknown = unknowns.latest(connection, action.id)
    return unknown is not None and unknown.is_open


def _frozen(connection: Connection, action: ActionRecord) -> Freeze | None:
    """Return the freeze that keeps an action from starting, for people to see.

    An expired freeze counts until the sweep ends it, a moment later.
    """
    if action.state not in UNSTARTED or not (live := freezes.unthawed(connection)):
        return None
    return freeze_of(connection, live, Borne.of(action))


def freeze_of(
    connection: Connection, live: Iterable[Freeze], borne: Borne, now: float = 0.0
) -> Freeze | None:
    """Return the freeze among `live` that holds an action: by its agent, its kind or its thread's graph."""
    if not (live := tuple(live)):
        return None
    thread = threads.get(connection, borne.thread_id) if borne.thread_id is not None else None
    return covering(live, (borne.agent, borne.kind, thread.graph if thread else None), now)
