"""A redacted value appears nowhere: not in Slack, the data folder, an answer or the log."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from pathlib import Path

import httpx2
import pytest

from bot.localslack import all_text
from tests.security.conftest import (
    APPROVALS,
    BUYER,
    CARD,
    CLEO,
    DIA,
    DIGEST,
    SSN,
    Json,
    Scene,
    propose,
    standing,
)
from tests.security.effects import done
from tests.security.graphs import ARGS
from tests.waiting import eventually

SECRETS = re.compile(f"{CARD}|{SSN}")


def nowhere(scene: Scene) -> None:
    """Fail if a redacted value appears anywhere."""
    for name, content in scene.stored().items():
        assert not SECRETS.search(content.decode("latin-1")), name
    assert not SECRETS.search(scene.said())
    assert not SECRETS.search("\n".join(scene.answers))
    assert not SECRETS.search(scene.log.getvalue())


async def threads_action(agent: httpx2.AsyncClient, thread: Json, state: str) -> Json:
    """Wait until the only action of a thread is in a state, and return it."""

    async def look() -> Json | None:
        found = (await agent.get(f"/v1/threads/{thread['id']}")).json()
        return next((action for action in found["actions"] if action["state"] == state), None)

    return await standing(agent, await eventually(look, f"a thread's action {state}"))


async def test_redacted_values_of_an_agent_over_http_are_nowhere(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    """It covers the card, the page, both modals, the digest and the answers of the API."""
    told = f"Charge {CARD}; the customer's number is {SSN!r}"
    for kind in ("card.look", "card.note"):
        await propose(agent, kind, {"card_number": CARD, "customer": BUYER, "why": "test"}, description=told)
    asked = await propose(agent, "card.charge", ARGS, description=told)
    async with scene.person(CLEO) as cleo, scene.person(DIA) as dia:
        card = await cleo.wait_for_message(APPROVALS, "card.charge")
        assert "card_number: (redacted by the policy)" in all_text(card)
        assert "ssn: (redacted by the policy)" in all_text(card)
        assert 'name: "Bo"' in all_text(card)
        assert "Charge redacted; the customer's number is" in all_text(card)
        await dia.wait_for_message("dm", "card.charge")
        await dia.wait_for_message(DIGEST, "card.note")
        await cleo.click(APPROVALS, card, "view_all")
        everything = await cleo.wait_for_view("Everything about it")
        assert "card_number: (redacted by the policy)" in all_text(everything)
        await cleo.close_view(everything)
        await cleo.click(APPROVALS, card, "approve")
    answer = await standing(agent, asked, wait=20)
    assert answer["state"] == "approved"
    listed = await agent.get("/v1/actions")
    assert listed.status_code == 200
    claim = (
        await agent.post(f"/v1/actions/{asked['id']}/claim", json={"args_digest": asked["args_digest"]})
    ).json()
    assert claim["args"] == {
        "amount": 9,
        "card_number": "redacted",
        "customer": {"name": "Bo", "ssn": "redacted"},
    }
    await agent.post(f"/v1/actions/{asked['id']}/report", json={"receipt": "executed"})
    nowhere(scene)
    await on_the_command_line(scene, asked)


async def on_the_command_line(scene: Scene, asked: Json) -> None:
    """Run an operator's commands beside the bot."""
    program = Path(sys.executable).with_name("membrane")
    environment = {"MEMBRANE_DATA": str(scene.data), "PATH": os.environ["PATH"]}
    for command in (
        ["reviews", "show", asked["review"]["id"]],
        ["reviews", "list", "--state", "all", "--json"],
    ):
        process = await asyncio.create_subprocess_exec(
            program, *command, env=environment, cwd=scene.folder, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        assert b"card.charge" in out
        assert not SECRETS.search(out.decode())


async def test_redacted_values_in_an_object_sent_as_text_are_nowhere(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    """Language models send such text. It may hold the redacted value, so the bot shows none of it."""
    told = f"Charge Bo, whose number is {SSN}"
    await propose(agent, "card.charge", {**ARGS, "customer": json.dumps(BUYER)}, description=told)
    async with scene.person(CLEO) as cleo:
        card = await cleo.wait_for_message(APPROVALS, "card.charge")
        assert "customer: (redacted by the policy)" in all_text(card)
        assert "Charge Bo, whose number is redacted" in all_text(card)
    nowhere(scene)


@pytest.mark.parametrize(("graph", "given"), [
    ("till", {"kind": "card.charge", "args": ARGS, "description": f"charge {CARD}"}),
    ("clerk", {"messages": [{"role": "user", "content": f"charge {CARD}"}]}),
])  # fmt: skip
async def test_redacted_values_of_a_hosted_thread_are_nowhere(
    scene: Scene, agent: httpx2.AsyncClient, graph: str, given: Json
) -> None:
    """This holds while it waits, after a restart, and after its effect, which gets the values."""
    thread = (await agent.post("/v1/threads", json={"graph": graph, "input": given})).json()
    asked = await threads_action(agent, thread, "waiting")
    async with scene.person(CLEO) as cleo:
        card = await cleo.wait_for_message(APPROVALS, "card.charge")
        assert "card_number: (redacted by the policy)" in all_text(card)
        nowhere(scene)
        assert done == []
        await scene.click(asked, CLEO, "approve")
    settled = await threads_action(agent, thread, "executed")
    assert done == [ARGS]
    if graph == "till":
        assert settled["result"] == {"charged": "redacted", "to": "the customer redacted"}
    nowhere(scene)


async def test_a_failing_effect_reveals_no_redacted_value(scene: Scene, agent: httpx2.AsyncClient) -> None:
    given = {"kind": "card.charge", "args": {**ARGS, "amount": 13}}
    thread = (await agent.post("/v1/threads", json={"graph": "till", "input": given})).json()
    await scene.click(await threads_action(agent, thread, "waiting"), CLEO, "approve")
    failed = await threads_action(agent, thread, "failed")
    assert failed["detail"] == "RuntimeError: the bank declined redacted"
    assert '"an effect raised"' in scene.log.getvalue()
    nowhere(scene)


async def test_a_stock_tool_that_repeats_a_redacted_value_reveals_nothing(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    given = {"messages": [{"role": "user", "content": f"charge {CARD}"}]}
    thread = (await agent.post("/v1/threads", json={"graph": "clerk", "input": given})).json()
    await scene.click(await threads_action(agent, thread, "waiting"), CLEO, "approve")
    settled = await threads_action(agent, thread, "executed")
    assert settled["result"] == "charged redacted of {'name': 'Bo', 'ssn': 'redacted'}"
    nowhere(scene)


async def test_a_failing_stock_tool_reveals_no_redacted_value(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    """Nor does its failed thread, of which the admins are told."""
    given = {"messages": [{"role": "user", "content": "fail"}]}
    thread = (await agent.post("/v1/threads", json={"graph": "clerk", "input": given})).json()
    await scene.click(await threads_action(agent, thread, "waiting"), CLEO, "approve")
    failed = await threads_action(agent, thread, "failed")
    assert failed["detail"] == "RuntimeError: the bank declined redacted of redacted"

    async def told() -> Json | None:
        found: Json = (await agent.get(f"/v1/threads/{thread['id']}")).json()
        return found if found["error"] else None

    stands = await eventually(told, "why the thread failed")
    assert "the bank declined redacted" in stands["error"]
    nowhere(scene)


async def test_an_unknown_question_reveals_no_redacted_value(scene: Scene, agent: httpx2.AsyncClient) -> None:
    given = {"messages": [{"role": "user", "content": f"charge {CARD}"}]}
    thread = (await agent.post("/v1/threads", json={"graph": "curious", "input": given})).json()
    await scene.click(await threads_action(agent, thread, "waiting"), CLEO, "approve")

    async def ended() -> Json | None:
        found: Json = (await agent.get(f"/v1/threads/{thread['id']}")).json()
        return found if found["error"] else None

    await eventually(ended, "that the question cannot be answered")
    nowhere(scene)


async def test_later_reports_of_an_agent_over_http_reveal_no_redacted_value(
    scene: Scene, agent: httpx2.AsyncClient
) -> None:
    """This holds for reports of any shape, and for the reason of a withdrawal."""
    said = {"text": f"card={CARD}.", CARD: [CARD, int(CARD), {"ssn": f"<{SSN}>"}]}
    for receipt, more in (("executed", {"result": said}), ("failed", {"detail": f"declined: {CARD}/{SSN}"})):
        asked = await propose(agent, "card.charge", {**ARGS, "amount": len(receipt)})
        await scene.click(asked, CLEO, "approve")
        await standing(agent, asked, wait=20)
        url = f"/v1/actions/{asked['id']}"
        await agent.post(f"{url}/claim", json={"args_digest": asked["args_digest"]})
        answer = (await agent.post(f"{url}/report", json={"receipt": receipt, **more})).json()
        if receipt == "executed":
            told = {"text": "card=redacted.", "redacted": ["redacted", "redacted", {"ssn": "<redacted>"}]}
            assert answer["result"] == told
        else:
            assert answer["detail"] == "declined: redacted/redacted"
    taken = await propose(agent, "card.charge", ARGS)
    await agent.post(f"/v1/actions/{taken['id']}/withdraw", json={"why": f"{CARD} is stolen"})
    nowhere(scene)


async def test_an_approval_binds_redacted_values(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """An approval of one card number does not approve another, though both look the same."""
    asked = await propose(agent, "card.charge", ARGS)
    other = await propose(agent, "card.charge", {**ARGS, "card_number": "5555555555554444"})
    assert asked["args_digest"] != other["args_digest"]
    await scene.click(asked, CLEO, "approve")
    assert (await standing(agent, asked, wait=20))["state"] == "approved"
    claim = await agent.post(f"/v1/actions/{asked['id']}/claim", json={"args_digest": other["args_digest"]})
    assert (claim.status_code, claim.json()["reason"]) == (409, "args_changed")
