"""How a ruled action enters the store, whichever way it came: over HTTP, from a graph, in an interrupt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bot.domain.action import Action
from bot.domain.digest import alternatives
from bot.domain.fingerprints import written
from bot.domain.record import ActionRecord, Standing
from bot.domain.redaction import withheld
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState
from bot.membrane import memory
from bot.membrane.caps import ask, check_cap
from bot.membrane.core import Core, freeze_of, standing_of
from bot.membrane.memory import Remembered
from bot.membrane.merges import merged
from bot.store import actions
from bot.store.database import Transaction
from bot.store.freezes import Borne
from bot.store.rulings import Brief


def record(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    *,
    queues: bool = False,
    merges: bool = False,
    **place: Any,
) -> Standing:
    """Record a ruled action: passed, answered with what is remembered, or waiting for a new review.

    `place` are further columns: idempotency_key, thread_id, interrupt_id, place, call_id, reference and
    turn_id. Where the agent has as many reviews open as the policy lets wait at once, an action that `queues`
    waits for a place among them; for another this raises TooMany. One that `merges` is answered with an equal
    one that is open.
    """
    if not ruling.tier.waits:
        return record_passed(core, tx, action, ruling, **place)
    same = alternatives(core.keyring, action.kind, action.args)
    digest, action = same[0], _withheld(core, action, ruling)
    earlier = (tx.connection, action.agent, same, core.policy().limits, core.clock())
    if remembered := memory.rejection(*earlier):
        return _record_remembered(core, tx, action, ruling, digest=digest, remembered=remembered, **place)
    if merges and (twin := merged(core, tx, action, ruling, same, reference=place.get("reference"))):
        return twin
    if remembered := memory.expiry(*earlier):
        return _record_remembered(core, tx, action, ruling, digest=digest, remembered=remembered, **place)
    now = core.clock()
    if not queues:
        check_cap(core, tx, action.agent, now)
    proposed = _new(core, action, ruling=ruling, digest=digest, now=now, state=ActionState.WAITING, **place)
    _insert(tx, proposed, action, "action.proposed", **place)
    tx.flush()
    ask(core, tx, proposed, ruling, now, interrupt_id=proposed.interrupt_id, queues=queues)
    return standing_of(tx.connection, proposed.id)


def _withheld(core: Core, action: Action, ruling: Ruling) -> Action:
    """Return an action as it may be kept: of what the policy redacts, only fingerprints."""
    return withheld(action, ruling.redact, lambda value: written(core.keyring, value))


def _record_remembered(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    *,
    digest: str,
    remembered: Remembered,
    **place: Any,
) -> Standing:
    now = core.clock()
    answered = replace(
        _new(
            core,
            action,
            ruling=ruling,
            digest=digest,
            now=now,
            state=remembered.state,
            **place,
        ),
        settled_at=now,
        detail=remembered.why,
        remembers=remembered.action_id,
    )
    _insert(tx, answered, action, "action.remembered", **place)
    tx.flush()
    return standing_of(tx.connection, answered.id)


def record_passed(core: Core, tx: Transaction, action: Action, ruling: Ruling, **place: Any) -> Standing:
    """Record an action that passes; one that is frozen waits for the thaw.

    Only appends, so it may share a group with others.
    """
    brief = core.briefs.of(ruling)
    kept = brief.ruling if ruling.cost_usd is None else replace(brief.ruling, cost_usd=ruling.cost_usd)
    digest, action = core.digest_of(action), _withheld(core, action, ruling)
    now = core.clock()
    passed = _new(core, action, ruling=kept, digest=digest, now=now, state=ActionState.PASSED, **place)
    freeze = freeze_of(tx.connection, tx.freezes(), Borne.of(passed), now)
    if freeze is not None:
        passed = replace(passed, state=ActionState.FROZEN)
    _insert(tx, passed, action, "action.frozen" if freeze else "action.passed", brief=brief, **place)
    if place.get("idempotency_key"):
        tx.flush()
    return Standing(passed, frozen=freeze)


def _new(
    core: Core, action: Action, *, ruling: Ruling, digest: str, now: float, state: ActionState, **place: Any
) -> ActionRecord:
    return ActionRecord(
        id=core.new_id("act"),
        kind=action.kind,
        args=dict(action.args),
        args_digest=digest,
        agent=action.agent,
        owner=action.owner,
        on_behalf_of=action.on_behalf_of,
        description=action.description,
        tier=ruling.tier,
        ruling=ruling,
        state=state,
        proposed_at=now,
        thread_id=place.get("thread_id"),
        interrupt_id=place.get("interrupt_id"),
        place=place.get("place"),
        call_id=place.get("call_id"),
        hint=action.hint,
        reference=place.get("reference"),
        turn_id=place.get("turn_id"),
    )


def _insert(
    tx: Transaction,
    record: ActionRecord,
    action: Action,
    event: str,
    *,
    idempotency_key: str | None = None,
    brief: Brief | None = None,
    **_: Any,
) -> None:
    if brief is not None:
        tx.keep_ruling(brief)
    tx.append(actions.ROWS, actions.row_of(record, action, brief, idempotency_key=idempotency_key))
    ruling = record.ruling
    body = {
        "kind": record.kind,
        "args_digest": record.args_digest,
        "agent": record.agent,
        "tier": int(record.tier),
        "rule": ruling.rule,
        "policy": ruling.policy_version,
    }
    if brief is not None:
        body["ruling"] = brief.id
    if record.owner is not None:
        body["owner"] = record.owner
    if record.on_behalf_of is not None:
        body["on_behalf_of"] = record.on_behalf_of
    if record.thread_id is not None:
        body["thread"] = record.thread_id
    if record.reference is not None:
        body["reference"] = record.reference
    if record.turn_id is not None:
        body["turn"] = record.turn_id
    if record.remembers is not None:
        body["remembers"] = record.remembers
    tx.journal(record.proposed_at, event, body, action_id=record.id, tier=record.tier)
