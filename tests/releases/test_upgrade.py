"""Work of an earlier release is verified, voted on, claimed and resumed. Nothing is lost or runs twice."""

from __future__ import annotations

import json

import pytest

from bot.store import journal
from bot.store.database import open_database
from bot.store.journal import read_anchors
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, DIA, GUS
from tests.releases.conftest import Left
from tests.releases.make import NUMBERS
from tests.releases.staging import CARD, Json

pytestmark = pytest.mark.asyncio(loop_scope="session")

PARKED: dict[str, list[tuple[str, Json]]] = {
    "gate": [("data.delete", {"id": 10})],
    "gate with numbers": [("payment.refund", NUMBERS)],
    "gate, redacted": [("card.charge", {"amount": 7.0, "card_number": CARD})],
    "gate, halted": [("config.flag", {"name": "gated"})],
    "batch": [
        ("read", {"table": "a"}),
        ("mail", {"to": "batch", "text": "x"}),
        ("delete", {"id": 11}),
    ],
    "calls": [("delete", {"id": 12})],
    "batch, halted": [("flag", {"name": "batched"})],
    "middleware": [("refund", {"amount": 900.0, "to": "wrapped"})],
    "middleware, halted": [("flag", {"name": "wrapped"})],
    "second gate": [("data.delete", {"second": 30})],
}
"""The effects of each thread once all its reviews are approved."""


async def test_the_journal_verifies_against_old_anchors(left: Left) -> None:
    anchors = read_anchors((left.files / "anchors.jsonl").read_text(), "anchors.jsonl")
    assert len(anchors) == 2
    db = open_database(left.place.data / "membrane.db", readonly=True)
    try:
        found = await db.read(lambda connection: journal.verify(connection, anchors))
    finally:
        await db.close()
    assert not found.breaks
    assert found.read > 100


@pytest.mark.parametrize("name", ["waiting", "numbers waiting", "redacted", "overdue", "halted"])
async def test_old_buttons_vote_and_the_digest_that_the_agent_holds_claims(left: Left, name: str) -> None:
    held = left.action(name)
    await left.press(held["id"])
    await left.agent.wait_for(held, "approved")
    claimed = await left.agent.claim(held)
    shown = {**held["args"], "card_number": "redacted"} if name == "redacted" else held["args"]
    assert claimed["args"] == shown
    await is_claimed_once(left, held, claimed)
    assert (await left.agent.report(held))["receipt"] == "executed"
    assert (await left.agent.claim(held, expect=409))["reason"] == "already_claimed"


async def test_half_a_quorum_keeps_its_vote(left: Left) -> None:
    held = left.action("half")
    await left.press(held["id"])
    assert (await left.agent.standing(held))["state"] == "waiting", "one person is not a quorum of two"
    async with left.place.slack.person(DIA) as dia:
        await left.press(held["id"], person=dia)
    assert (await left.agent.wait_for(held, "approved"))["decided_by"] == [CLEO, DIA]
    await left.agent.claim(held)


async def test_an_open_modal_of_the_release_is_submitted(left: Left) -> None:
    held = left.action("noted")
    async with left.place.slack.person(DIA) as dia:
        view = await dia.wait_for_view("Reject")
        assert (await dia.submit(view, {"note": "not now"})).acked
    found = await left.agent.wait_for(held, "rejected")
    assert found["decided_by"] == [DIA]
    assert "not now" in found["detail"]


@pytest.mark.parametrize("name", ["approved", "numbers approved", "passed", "noticed"])
async def test_approved_and_passed_actions_are_claimed_once(left: Left, name: str) -> None:
    held = left.action(name)
    wrong = {**held, "args_digest": held["args_digest"][::-1]}
    assert (await left.agent.claim(wrong, expect=409))["reason"] == "args_changed"
    claimed = await left.agent.claim(held)
    assert claimed["args"] == held["args"]
    await is_claimed_once(left, held, claimed)


async def is_claimed_once(left: Left, held: Json, claimed: Json) -> None:
    """Fail unless the claiming token gets the same claim again and any other token is refused."""
    again = await left.agent.claim(held)
    assert (claimed["repeated"], again["repeated"]) == (False, True)
    assert (again["key"], again["attempt"]) == (claimed["key"], claimed["attempt"])
    _, secret = await left.bot.membrane.tokens.create("ops-agent", GUS)
    async with Agent(left.bot.api_url, secret) as other:
        assert (await other.claim(held, expect=409))["reason"] == "already_claimed"


async def test_a_running_action_is_reported_and_does_not_run_twice(left: Left) -> None:
    held = left.action("running")
    assert (await left.agent.claim(held, expect=409))["reason"] == "already_claimed"
    assert (await left.agent.report(held))["receipt"] == "executed"


async def test_an_unknown_receipt_is_answered_on_its_old_card(left: Left) -> None:
    held = left.action("unknown")
    shelf = left.place.slack.state.conversations[APPROVALS].messages
    (asked,) = (each for each in shelf.values() if '"action_id": "it_happened"' in json.dumps(each.blocks))
    assert (await left.cleo.click(APPROVALS, asked.ts, "it_happened")).acked
    assert (await left.agent.wait_for(held, "executed"))["receipt"] == "executed"


@pytest.mark.parametrize("name", ["rejected", "numbers rejected"])
async def test_a_rejection_is_remembered(left: Left, name: str) -> None:
    held = left.action(name)
    again = await left.agent.propose(held["kind"], held["args"])
    assert again["state"] == "rejected"
    assert held["id"] in again["detail"]


async def test_an_old_idempotency_key_returns_the_old_action(left: Left) -> None:
    held = left.action("keyed")
    again = await left.agent.propose(held["kind"], held["args"], idempotency_key=held["idempotency_key"])
    assert again["id"] == held["id"]
    other = {"kind": held["kind"], "args": {"to": "other"}, "idempotency_key": held["idempotency_key"]}
    await left.agent.ask("POST", "/v1/actions", json=other, expect=409)


@pytest.mark.parametrize("name", PARKED)
async def test_parked_threads_resume_and_run_once(left: Left, name: str) -> None:
    before = left.place.effects()
    for action in await left.of(name):
        if action["state"] in {"waiting", "halted"}:
            await left.press(action["id"])
    ended = await left.thread(name, "finished", "failed")
    assert (ended["state"], {each["receipt"] for each in ended["actions"]}) == ("finished", {"executed"})
    mine = [effect for effect in left.place.effects()[len(before) :] if effect != ("data.delete", {"id": 20})]
    wanted = [(what, _as_kept(args)) for what, args in PARKED[name]]
    assert sorted(map(repr, mine)) == sorted(map(repr, wanted))


async def test_an_undelivered_answer_is_delivered(left: Left) -> None:
    ended = await left.thread("gate, answered", "finished")
    assert [each["receipt"] for each in ended["actions"]] == ["executed"]
    assert left.place.effects().count(("data.delete", {"id": 20})) == 1


def _as_kept(args: Json) -> Json:
    kept: Json = json.loads(json.dumps(args, sort_keys=True))
    return dict(sorted(kept.items()))
