"""Agents' tokens: who an agent is and who answers for it. Only hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from bot.domain.people import AGENT, USER_ID
from bot.domain.record import TokenRecord
from bot.errors import BadAction, NotFound
from bot.membrane.core import new_id
from bot.store import restores, tokens
from bot.store.database import Database, Transaction

PREFIX = "mbr_"
CACHE_S = 5.0
"""How long a token is believed without asking the store: a revoked one is refused within this time."""
MOST_CACHED = 10_000


def hash_of(token: str) -> str:
    """Return what is kept of a token. It has 256 random bits, so a plain SHA-256 needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The use cases of agents' tokens. The store is looked up by hash, so no comparison leaks a token."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock
        self._cache: dict[str, tuple[float, TokenRecord]] = {}

    async def create(
        self, agent: str, owner: str, *, acts_for: Sequence[str] = ()
    ) -> tuple[TokenRecord, str]:
        """Make a token for an agent, answered for by a Slack user. Returns it this once.

        `acts_for` are Slack users who are told of what it does in their name. Raises BadAction where a name
        has the wrong shape.
        """
        return await self._create(agent, owner, operator=False, acts_for=acts_for)

    async def _create(
        self, agent: str, owner: str, *, operator: bool, acts_for: Sequence[str] = ()
    ) -> tuple[TokenRecord, str]:
        if not AGENT.fullmatch(agent):
            raise BadAction(f"agent {agent[:80]!r} is not letters, digits, dots, dashes (at most 64)")
        if not USER_ID.fullmatch(owner):
            raise BadAction(f"owner {owner[:80]!r} is not a Slack user id such as U012ABCDEF")
        if strangers := [user for user in acts_for if not USER_ID.fullmatch(user)]:
            raise BadAction(f"on-behalf-of {strangers[0][:80]!r} is not a Slack user id such as U012ABCDEF")
        now = self._clock()
        named = tuple(sorted(set(acts_for)))
        record = TokenRecord(new_id("tok"), agent, owner, now, operator=operator, acts_for=named)
        token = PREFIX + secrets.token_urlsafe(32)
        body: dict[str, Any] = {"token": record.id, "agent": agent, "owner": owner}
        if named:
            body["acts_for"] = named
        if operator:
            body["role"] = tokens.OPERATOR

        def work(tx: Transaction) -> None:
            tokens.insert(tx.connection, record, hash_of(token))
            tx.journal(now, "token.created", body)

        await self._db.write(work)
        return record, token

    async def create_operator(self, name: str, owner: str) -> tuple[TokenRecord, str]:
        """Make a token with which an operator stops and starts things over HTTP. Returns it this once.

        Raises BadAction where a name has the wrong shape.
        """
        return await self._create(name, owner, operator=True)

    async def authenticate(self, token: str) -> TokenRecord | None:
        """Return whose token this is, or None. A revoked one is refused after CACHE_S seconds at most.

        One whose `unconfirmed_since` is set came back with a restored database, and lets nobody in.
        """
        digest, now = hash_of(token), self._clock()
        known = self._cache.get(digest)
        if known is not None and 0 <= now - known[0] < CACHE_S:
            return known[1]
        record = await self._db.read(lambda connection: tokens.by_hash(connection, digest))
        if record is None:
            self._cache.pop(digest, None)
            return None
        if record.unconfirmed_since is not None:
            return record  # not kept in mind: once it is confirmed, it is good at once
        if len(self._cache) >= MOST_CACHED:
            self._cache.clear()
        self._cache[digest] = (now, record)
        await self._db.write(lambda tx: tokens.used(tx.connection, record.id, now))
        return record

    async def revoke(self, token_id: str) -> None:
        """Refuse a token from now on. Raises NotFound where there is no such live token."""
        now = self._clock()

        def work(tx: Transaction) -> None:
            if not tokens.revoke(tx.connection, token_id, now):
                raise NotFound(f"there is no live token {token_id}")
            tx.journal(now, "token.revoked", {"token": token_id})

        await self._db.write(work)
        self._cache.clear()

    async def confirm(self, token_id: str | None) -> list[str]:
        """Let tokens in again that a restore brought back: one, or all of them for None. Return their ids.

        Raises NotFound where there is no such token that waits to be confirmed.
        """
        now = self._clock()

        def work(tx: Transaction) -> list[str]:
            ids = restores.confirm_tokens(tx.connection, token_id)
            if token_id is not None and not ids:
                raise NotFound(f"there is no live token {token_id} that waits to be confirmed")
            for each in ids:
                tx.journal(now, "token.confirmed", {"token": each})
            return ids

        return await self._db.write(work)

    async def listed(self) -> list[TokenRecord]:
        """Return all tokens, revoked ones too."""
        return await self._db.read(tokens.listed)
