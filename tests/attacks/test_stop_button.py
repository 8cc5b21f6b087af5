"""The stop button: once the command returns, nothing frozen passes, is claimed or starts in a host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
import pytest_asyncio

from bot.localslack import Person, all_text
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADMIN
from tests.attacks.running import ATTACKER, CARDS, Target, mark, say
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

Freeze = Callable[..., Coroutine[Any, Any, None]]
DELETE = "attack.wipe"


@pytest_asyncio.fixture(loop_scope="session")
async def freeze(target: Target) -> AsyncIterator[Freeze]:
    """Freezes at the terminal, and thaws at the end whatever is still frozen."""
    names: list[str] = []

    async def stop(name: str, *more: str) -> None:
        names.append(name)
        await target.command("freeze", name, "--why", "an attack goes on", *more)

    yield stop
    for frozen in json.loads((await target.command("freeze", "--list", "--json")).out):
        await target.command("thaw", frozen["name"])


async def approved(target: Target, agent: Agent, cleo: Person) -> Json:
    """Return an approved action."""
    word = mark()
    action = await agent.propose(DELETE, {"what": word, "note": word})
    await target.approve(word, cleo)
    return await agent.wait_for(action, "approved")


@pytest.mark.parametrize("name", [DELETE, ATTACKER, "all"])
async def test_a_frozen_action_does_not_start_even_if_approved(
    target: Target, attacker: Agent, cleo: Person, freeze: Freeze, name: str
) -> None:
    """An agent that tries repeatedly starts neither an approved action nor one that would pass."""
    action = await approved(target, attacker, cleo)
    await freeze(name)
    for _ in range(3):
        refused = await attacker.claim(action, expect=409)
        assert "an attack goes on" in json.dumps(refused)
    for more in ({"rerun": True}, {"args": {"what": "x"}}):
        body = {"args_digest": action["args_digest"], **more}
        assert (
            await attacker.send("POST", f"/v1/actions/{action['id']}/claim", json=body)
        ).status_code >= 400
    if name != DELETE:
        assert (await attacker.propose("kb.search", {"q": mark()}))["state"] == "frozen"
    assert (await attacker.standing(action))["receipt"] is None
    await target.command("thaw", name)
    await attacker.claim(action)


async def test_an_approved_hosted_call_stays_parked_while_frozen(
    target: Target, attacker: Agent, finn: Person, freeze: Freeze
) -> None:
    word = mark()
    started = await attacker.start("gated", say([["pay", {"amount": 5, "note": word}]], "done"))
    await target.card(finn, word)
    await freeze("gated")
    await target.approve(word, finn)

    async def voted() -> bool:
        return bool(target.told("review.approved", started["id"]) or [
            each for each in target.stage.rows("actions")
            if each["thread_id"] == started["id"] and each["state"] == "approved"
        ])  # fmt: skip

    await eventually(voted, what="the approval")
    second = await attacker.start("gated", say([["look", {"note": word}]], "done"))
    assert (await attacker.standing_of_thread(second))["state"] == "wanted"
    assert target.effects(word) == []
    await target.command("thaw", "gated")
    await attacker.thread(started, "finished")
    await attacker.thread(second, "finished")
    assert sorted(line["ran"] for line in target.effects(word)) == ["look", "pay"]


async def test_a_frozen_call_in_a_hosted_thread_waits(
    target: Target, attacker: Agent, freeze: Freeze
) -> None:
    word = mark()
    await freeze("attack.look")
    started = await attacker.start("gated", say([["look", {"note": word}]], "done"))
    await attacker.thread(started, "parked")
    assert target.effects(word) == []
    await target.command("thaw", "attack.look")
    await attacker.thread(started, "finished")
    assert len(target.effects(word)) == 1


async def test_no_claim_succeeds_after_the_freeze_returns(
    target: Target, attacker: Agent, freeze: Freeze
) -> None:
    """Claims before the freeze may succeed. Every claim after it fails."""
    actions = [await attacker.propose("kb.search", {"q": mark()}) for _ in range(60)]
    stop = asyncio.create_task(freeze("kb.search"))
    for action in actions[:40]:
        body = {"args_digest": action["args_digest"]}
        await attacker.send("POST", f"/v1/actions/{action['id']}/claim", json=body)
    await stop
    codes = []
    for action in actions[40:]:
        body = {"args_digest": action["args_digest"]}
        codes.append(
            (await attacker.send("POST", f"/v1/actions/{action['id']}/claim", json=body)).status_code
        )
    assert set(codes) == {409}


async def test_an_agent_neither_freezes_nor_thaws(target: Target, attacker: Agent, freeze: Freeze) -> None:
    await freeze("kb.search")
    body = {"name": "kb.search", "why": "x"}
    for path in ("freezes", "thaws"):
        answer = await attacker.send("POST", f"/v1/operator/{path}", json=body)
        assert answer.status_code in {401, 403, 404}, path
        answer = await attacker.send("POST", f"/v1/{path}", json=body)
        assert answer.status_code in {401, 403, 404}, path
    assert (await attacker.propose("kb.search", {"q": mark()}))["state"] == "frozen"


async def test_the_admins_and_the_card_are_told_of_a_freeze(
    target: Target, attacker: Agent, cleo: Person, freeze: Freeze
) -> None:
    word = mark()
    await attacker.propose(DELETE, {"what": word, "note": word})
    await target.card(cleo, word)
    await freeze(DELETE, "--until", "2h")
    await cleo.wait_for_message(ADMIN, "an attack goes on")
    await cleo.wait_for_message(CARDS, lambda card: word in all_text(card) and "an attack" in all_text(card))
    assert target.told("freeze.began", DELETE)


async def test_a_freeze_ends_at_its_deadline(target: Target, attacker: Agent, freeze: Freeze) -> None:
    await freeze("kb.search", "--until", "1s")

    async def passes() -> bool:
        return bool((await attacker.propose("kb.search", {"q": mark()}))["state"] == "passed")

    await eventually(passes, what="the end of the freeze")


@pytest.mark.parametrize("name", ["../all", "al", "kb.*", ""])
async def test_freezing_an_unknown_name_stops_nothing_else(
    target: Target, attacker: Agent, name: str
) -> None:
    """The command warns of the slip or refuses it, and does not freeze the whole bot."""
    await target.command("freeze", name, "--why", "a slip", code=0 if name else None)
    assert (await attacker.propose("kb.search", {"q": mark()}))["state"] == "passed"
    if name:
        await target.command("thaw", f" {name} ")
