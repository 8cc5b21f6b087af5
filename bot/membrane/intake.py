"""How a ruled action enters the store, over HTTP, from a graph or in an interrupt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.domain.action import Action
from bot.domain.digest import alternatives
from bot.domain.fingerprints import written
from bot.domain.record import ActionRecord, Standing
from bot.domain.redaction import withheld
from bot.domain.ruling import Ruling
from bot.domain.states import ActionState
from bot.membrane import remembered_outcomes
from bot.membrane.caps import check_cap, open_or_queue
from bot.membrane.core import Core, freeze_of, standing_of
from bot.membrane.merges import merge
from bot.membrane.remembered_outcomes import Remembered
from bot.store import actions
from bot.store.database import Transaction
from bot.store.freezes import Borne
from bot.store.rulings import Brief


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a proposal comes from: its agent's own references, and its place in a hosted thread.

    `reference` is what its agent calls it; the calls of one turn share `turn_id`. `place` counts from 0
    in the interrupt's order.
    """

    idempotency_key: str | None = None
    reference: str | None = None
    turn_id: str | None = None
    thread_id: str | None = None
    interrupt_id: str | None = None
    place: int | None = None
    call_id: str | None = None


def record(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    origin: Origin,
    *,
    queues: bool = False,
    merges: bool = False,
) -> Standing:
    """Record a ruled action: passed, answered with a remembered outcome, or waiting for a new review.

    If the agent is at its cap of open reviews, an action that `queues` waits for a place; any other raises
    TooMany. An action that `merges` is answered with an equal open one.
    """
    if not ruling.tier.waits:
        return record_passed(core, tx, action, ruling, origin)
    same = alternatives(core.keyring, action.kind, action.args)
    digest, action = same[0], _withheld(core, action, ruling)
    earlier = (tx.connection, action.agent, same, core.policy().limits, core.clock())
    if remembered := remembered_outcomes.rejection(*earlier):
        return _record_remembered(core, tx, action, ruling, origin, digest=digest, remembered=remembered)
    if merges and (twin := merge(core, tx, action, ruling, same, reference=origin.reference)):
        return twin
    if remembered := remembered_outcomes.expiry(*earlier):
        return _record_remembered(core, tx, action, ruling, origin, digest=digest, remembered=remembered)
    now = core.clock()
    if not queues:
        check_cap(core, tx, action.agent, now)
    proposed = _new(core, action, ruling, origin, digest=digest, now=now, state=ActionState.WAITING)
    _insert(tx, proposed, action, origin, "action.proposed")
    tx.flush()
    open_or_queue(core, tx, proposed, ruling, now, interrupt_id=proposed.interrupt_id, queues=queues)
    return standing_of(tx.connection, proposed.id)


def _withheld(core: Core, action: Action, ruling: Ruling) -> Action:
    """Return an action as the store may keep it: fingerprints replace the values that the policy redacts."""
    return withheld(action, ruling.redact, lambda value: written(core.keyring, value))


def _record_remembered(
    core: Core,
    tx: Transaction,
    action: Action,
    ruling: Ruling,
    origin: Origin,
    *,
    digest: str,
    remembered: Remembered,
) -> Standing:
    now = core.clock()
    answered = replace(
        _new(
            core,
            action,
            ruling,
            origin,
            digest=digest,
            now=now,
            state=remembered.state,
        ),
        settled_at=now,
        detail=remembered.why,
        remembers=remembered.action_id,
    )
    _insert(tx, answered, action, origin, "action.remembered")
    tx.flush()
    return standing_of(tx.connection, answered.id)


def record_passed(core: Core, tx: Transaction, action: Action, ruling: Ruling, origin: Origin) -> Standing:
    """Record an action that passes. A frozen one waits for the thaw.

    It only appends rows, so it may share a group commit with other writes.
    """
    brief = core.briefs.of(ruling)
    kept = brief.ruling if ruling.cost_usd is None else replace(brief.ruling, cost_usd=ruling.cost_usd)
    digest, action = core.digest_of(action), _withheld(core, action, ruling)
    now = core.clock()
    passed = _new(core, action, kept, origin, digest=digest, now=now, state=ActionState.PASSED)
    freeze = freeze_of(tx.connection, tx.freezes(), Borne.of(passed), now)
    if freeze is not None:
        passed = replace(passed, state=ActionState.FROZEN)
    _insert(tx, passed, action, origin, "action.frozen" if freeze else "action.passed", brief=brief)
    if origin.idempotency_key:
        tx.flush()
    return Standing(passed, frozen=freeze)


def _new(
    core: Core,
    action: Action,
    ruling: Ruling,
    origin: Origin,
    *,
    digest: str,
    now: float,
    state: ActionState,
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
        thread_id=origin.thread_id,
        interrupt_id=origin.interrupt_id,
        place=origin.place,
        call_id=origin.call_id,
        hint=action.hint,
        reference=origin.reference,
        turn_id=origin.turn_id,
    )


def _insert(
    tx: Transaction,
    record: ActionRecord,
    action: Action,
    origin: Origin,
    event: str,
    *,
    brief: Brief | None = None,
) -> None:
    if brief is not None:
        tx.keep_ruling(brief)
    tx.append(actions.ROWS, actions.row_of(record, action, brief, idempotency_key=origin.idempotency_key))
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
