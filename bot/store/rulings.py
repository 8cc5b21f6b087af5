"""Rulings of actions that pass. Millions of actions share one, so it is serialised and stored once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

import orjson
from sqlalchemy import Connection

from bot.domain.ruling import Ruling
from bot.store.statements import InsertNew, Prepared
from bot.store.tables import rulings

MOST = 4096
"""Briefs in memory at most. A policy has about one for each kind that passes."""

_INSERT = Prepared(InsertNew(rulings))


@dataclass(frozen=True, slots=True)
class Brief:
    """A ruling without its trace and cost, which differ between actions, with its key and JSON."""

    ruling: Ruling
    id: str
    body: str


class Briefs:
    """The briefs of recent rulings. Lives in the writing thread."""

    def __init__(self) -> None:
        self._briefs: dict[tuple[str, str, int, str, str], Brief] = {}

    def of(self, ruling: Ruling) -> Brief:
        """Return a ruling's brief. One policy always rules a kind at one tier by one rule alike."""
        key = (ruling.policy_version, ruling.kind, ruling.tier, ruling.rule, ruling.reason)
        brief = self._briefs.get(key)
        if brief is None:
            if len(self._briefs) >= MOST:
                self._briefs.clear()
            brief = self._briefs[key] = _brief(ruling)
        return brief


def _brief(ruling: Ruling) -> Brief:
    kept = replace(ruling, trace=(), cost_usd=None)
    body = kept.to_json()
    return Brief(kept, hashlib.sha256(body).hexdigest(), body.decode())


def keep(connection: Connection, brief: Brief) -> None:
    """Store a brief unless it exists."""
    _INSERT.changed(connection, {"id": brief.id, "body": brief.body})


@lru_cache(MOST)
def parsed(body: str) -> Ruling:
    """Return the ruling in this JSON. The cache serves rulings that are read several times in a row."""
    return Ruling.from_dict(orjson.loads(body))


def read(own: str | None, shared: str | None, cost_usd: float | None) -> Ruling:
    """Return an action's ruling: its own, or the shared one with the action's cost."""
    if own is not None:
        return parsed(own)
    if shared is None:
        raise LookupError("an action without a ruling")
    ruling = parsed(shared)
    return ruling if cost_usd is None else replace(ruling, cost_usd=cost_usd)
