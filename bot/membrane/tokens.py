"""Tokens: which agent a request comes from and who owns that agent. Only hashes are stored."""

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
"""Seconds for which a token is cached: a revoked one is refused within this time."""
MOST_CACHED = 10_000


def hash_of(token: str) -> str:
    """Return the stored hash of a token. It has 256 random bits, so a plain SHA-256 needs no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """The use cases of tokens. The store is searched by hash, so no comparison leaks a token."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock
        self._cache: dict[str, tuple[float, TokenRecord]] = {}

    async def create(
        self, agent: str, owner: str, *, acts_for: Sequence[str] = ()
    ) -> tuple[TokenRecord, str]:
        """Make a token for an agent that a Slack user owns. The token is returned only this time.

        `acts_for` are Slack users who are told what the agent does in their name. Raises BadAction if a name
        has the wrong form.
        """
        return await self._create(agent, owner, operator=False, acts_for=acts_for)

    async def _create(
        self, agent: str, owner: str, *, operator: bool, acts_for: Sequence[str] = ()
    ) -> tuple[TokenRecord, str]:
        if not AGENT.fullmatch(agent):
            raise BadAction(
                f"agent {agent[:80]!r} is not a name of at most 64 letters, digits, dots and dashes"
            )
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
        """Make a token for an operator who freezes and thaws over HTTP. It is returned only this time.

        Raises BadAction if a name has the wrong form.
        """
        return await self._create(name, owner, operator=True)

    async def authenticate(self, token: str) -> TokenRecord | None:
        """Return the record of a token, or None. A revoked token is refused after at most CACHE_S seconds.

        The caller must refuse a record with `unconfirmed_since`: it came back with a restored database.
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
            return record  # not cached, so that it works as soon as it is confirmed
        if len(self._cache) >= MOST_CACHED:
            self._cache.clear()
        self._cache[digest] = (now, record)
        await self._db.write(lambda tx: tokens.used(tx.connection, record.id, now))
        return record

    async def revoke(self, token_id: str) -> None:
        """Revoke a token. Raises NotFound if there is no such live token."""
        now = self._clock()

        def work(tx: Transaction) -> None:
            if not tokens.revoke(tx.connection, token_id, now):
                raise NotFound(f"there is no live token {token_id}")
            tx.journal(now, "token.revoked", {"token": token_id})

        await self._db.write(work)
        self._cache.clear()

    async def confirm(self, token_id: str | None) -> list[str]:
        """Confirm one token that a restore brought back, or all of them for None. Return their ids.

        Raises NotFound if no such token waits to be confirmed.
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
        """Return all tokens, including revoked ones."""
        return await self._db.read(tokens.listed)
