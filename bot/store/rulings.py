"""Rulings of actions that pass: alike for millions of them, so serialised once and kept once."""

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
"""Briefs that are remembered: a policy has about one for each kind that passes."""

_INSERT = Prepared(InsertNew(rulings))


@dataclass(frozen=True, slots=True)
class Brief:
    """A ruling without its trace and its cost, which differ from action to action, and its key and JSON."""

    ruling: Ruling
    id: str
    body: str


class Briefs:
    """The briefs of the rulings seen lately. Lives in the thread that writes."""

    def __init__(self) -> None:
        self._briefs: dict[tuple[str, str, int, str, str], Brief] = {}

    def of(self, ruling: Ruling) -> Brief:
        """Return a ruling's brief. What a policy says of a kind at a tier, by a rule, is always the same."""
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
    """Write a brief; it may be there already."""
    _INSERT.changed(connection, {"id": brief.id, "body": brief.body})


@lru_cache(MOST)
def parsed(body: str) -> Ruling:
    """Return the ruling whose JSON this is. It is read several times for each thing that happens to it."""
    return Ruling.from_dict(orjson.loads(body))


def read(own: str | None, shared: str | None, cost_usd: float | None) -> Ruling:
    """Read an action's ruling back: its own, or the one it shares with its own cost."""
    if own is not None:
        return parsed(own)
    if shared is None:
        raise LookupError("an action without a ruling")
    ruling = parsed(shared)
    return ruling if cost_usd is None else replace(ruling, cost_usd=cost_usd)
