"""Nobody acts with another's tokens, votes, pages, policies or names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from bot.localslack import Person, all_text
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import CLEO, DIA, FAY, FINN, GUEST, GUS, STRANGER
from tests.acceptance.staging import Stage
from tests.attacks.running import CARDS, Target, mark, say
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def act(agent: Agent, action: Json, verb: str, **body: Any) -> int:
    """Try an operation on an action, and return the status."""
    sent: Json = {"claim": {"args_digest": action["args_digest"]}, "report": {"receipt": "executed"}}.get(
        verb, {}
    )
    answer = await agent.send("POST", f"/v1/actions/{action['id']}/{verb}", json={**sent, **body})
    return answer.status_code


async def test_a_token_neither_starts_nor_reports_what_a_hosted_thread_does(
    target: Target, attacker: Agent, finn: Person
) -> None:
    """It can do so neither before nor after the approval. The host runs it and writes the receipt."""
    word = mark()
    started = await attacker.start("gated", say([["pay", {"amount": 5, "note": word}]], "done"))
    (action,) = (await attacker.thread(started, "parked"))["actions"]
    (row,) = [each for each in target.stage.rows("actions") if each["id"] == action["id"]]
    hosted = {"id": action["id"], "args_digest": row["args_digest"]}

    async def tried() -> set[int]:
        return {
            await act(attacker, hosted, "claim"),
            await act(attacker, hosted, "claim", rerun=True),
            await act(attacker, hosted, "report"),
            await act(attacker, hosted, "report", receipt="failed", detail="forged"),
            await act(attacker, hosted, "withdraw", why="x"),
        }

    assert await tried() == {409}
    await target.approve(word, finn)
    racing = asyncio.create_task(tried())
    thread = await attacker.thread(started, "finished")
    assert await racing <= {409}
    assert await tried() == {409}
    assert [each["receipt"] for each in thread["actions"]] == ["executed"]
    assert len(target.effects(word)) == 1


async def test_a_key_of_a_hosted_thread_is_nobody_elses(target: Target, attacker: Agent) -> None:
    word = mark()
    started = await attacker.start("gated", say([["pay", {"amount": 5, "note": word}]], "done"))
    (action,) = (await attacker.thread(started, "parked"))["actions"]
    (row,) = [each for each in target.stage.rows("actions") if each["id"] == action["id"]]
    for key in (row["idempotency_key"], f"{started['id']}:x:call_0_0"):
        if key is not None:
            body: Json = {"kind": "kb.search", "args": {}, "idempotency_key": key}
            assert (await attacker.send("POST", "/v1/actions", json=body)).status_code == 422
    await attacker.ask("POST", f"/v1/threads/{started['id']}/withdraw", json={"why": "x"})


async def test_an_agent_starts_no_graph_that_is_not_its_own(target: Target) -> None:
    async with target.agent("stranger") as stranger:
        for graph in ("gated", "around", "deep", "nothing", "../gated", "gated\x00", "GATED", ""):
            body: Json = {"graph": graph, "input": {}}
            assert (await stranger.send("POST", "/v1/threads", json=body)).status_code in {403, 404, 422}, (
                graph
            )
    async with target.agent("Attacker") as nearly:
        other: Json = {"graph": "gated", "input": {}}
        assert (await nearly.send("POST", "/v1/threads", json=other)).status_code == 403


async def test_another_agents_threads_and_actions_are_out_of_reach(target: Target, attacker: Agent) -> None:
    word = mark()
    action = await attacker.propose("attack.wipe", {"note": word})
    started = await attacker.start("gated", say([["look", {"note": word}]], "done"))
    async with target.agent("stranger") as stranger:
        for verb in ("claim", "report", "withdraw"):
            assert await act(stranger, action, verb, **({"why": "x"} if verb == "withdraw" else {})) == 404
        assert (await stranger.send("GET", f"/v1/actions/{action['id']}")).status_code == 404
        assert (await stranger.send("GET", f"/v1/threads/{started['id']}")).status_code == 404
        url = f"/v1/threads/{started['id']}/withdraw"
        assert (await stranger.send("POST", url, json={"why": "x"})).status_code == 404
        assert word not in (await stranger.send("GET", "/v1/actions", params={"limit": 200})).text


async def clicks(target: Target, user: str, word: str, button: str) -> None:
    """Let a person click a button on the card with this word."""
    async with target.stage.person(user) as person:
        assert (await person.click(CARDS, await target.card(person, word), button)).acked


async def test_every_owner_of_the_agent_is_a_requester(target: Target, cleo: Person) -> None:
    """One agent has two tokens. Neither owner's vote counts for an action of the other's token."""
    for owner, other in ((GUS, FINN), (FINN, GUS)):
        word, agent = mark(), f"shared-{mark()[5:]}"
        await target.token(agent, other)
        async with target.agent(agent, owner) as first:
            action = await first.propose("attack.pay", {"note": word})
            for user in (FINN, GUS):
                await clicks(target, user, word, "approve")
            assert (await first.standing(action))["state"] == "waiting"
            await target.approve(word, cleo)
            assert (await first.wait_for(action, "approved"))["decided_by"] != [FINN]


@pytest.mark.parametrize("user", [GUS, GUEST, STRANGER, FAY])
@pytest.mark.parametrize("button", ["approve", "reject", "acknowledge"])
async def test_a_person_who_may_not_decide_changes_nothing(
    target: Target, attacker: Agent, cleo: Person, user: str, button: str
) -> None:
    """The owner, a guest, a stranger and a colleague click: no vote counts, and no chain falls silent."""
    word = mark()
    action = await attacker.propose("attack.both", {"note": word})
    card = await target.card(cleo, word)
    for _ in range(3):
        assert (await target.clicked(user, card, button)).status_code < 500
    assert (await attacker.standing(action))["state"] == "waiting"
    review = review_of(target, action)
    assert review["quiet_until"] is None
    assert [row for row in target.stage.rows("votes") if row["review_id"] == review["id"]] == []


def review_of(target: Target, action: Json) -> Json:
    """Return the review of an action, as the store has it."""
    (review,) = [row for row in target.stage.rows("reviews") if row["action_id"] == action["id"]]
    return review


async def test_one_persons_acknowledgement_quiets_once(target: Target, attacker: Agent, cleo: Person) -> None:
    word = mark()
    action = await attacker.propose("attack.both", {"note": word})
    card = await target.card(cleo, word)
    quiet = []
    for _ in range(3):
        assert (await target.clicked(CLEO, card, "acknowledge")).status_code == 200
        quiet.append(review_of(target, action)["quiet_until"])
    assert quiet[0] is not None
    assert quiet[1:] == quiet[:1] * 2


async def test_a_forged_click_of_another_team_or_digest_changes_nothing(
    target: Target, attacker: Agent, cleo: Person
) -> None:
    """Slack signed the click, but it names another workspace, nobody, other arguments or another review."""
    word = mark()
    action = await attacker.propose("attack.wipe", {"note": word})
    card = await target.card(cleo, word)
    (value,) = [
        each["value"]
        for block in card["blocks"]
        for each in block.get("elements", ())
        if each.get("action_id") == "approve"
    ]
    forgeries: list[Json] = [
        {"user": {"id": CLEO, "team_id": "T0OTHER"}, "team": {"id": "T0OTHER"}},
        {"user": {"id": "U0NOBODY", "team_id": target.stage.slack.team_id}},
        {"user": {"id": "B0BOT", "team_id": target.stage.slack.team_id}},
        {"user": {"team_id": target.stage.slack.team_id}},
        {"value": value.replace(action["args_digest"][-8:], "00000000")},
        {"value": value.replace("rev_", "rev_0")},
        {"value": "x" * 2000},
        {"value": "{}"},
    ]
    for forgery in forgeries:
        assert forgery.get("value") != value
        assert (await target.clicked(CLEO, card, "approve", **forgery)).status_code < 500
        assert (await attacker.standing(action))["state"] == "waiting", forgery
    assert (await target.clicked(CLEO, card, "approve")).status_code == 200
    await attacker.wait_for(action, "approved")


async def test_a_guest_sees_no_arguments(target: Target, attacker: Agent) -> None:
    word = mark()
    await attacker.propose("attack.wipe", {"note": word, "rows": ["x" * 200] * 50})
    async with target.stage.person(GUEST) as guest:
        card = await target.card(guest, word, "view_all")
        assert (await guest.click(CARDS, card, "view_all")).acked
        assert (await guest.state())["views"] == []


async def test_an_agent_cannot_write_to_people_of_its_choice(target: Target, attacker: Agent) -> None:
    """It names a person and withdraws an action that was shown. Its reason must not reach that person."""
    for user, told in ((GUEST, False), (GUS, True)):
        word = mark()
        action = await attacker.propose("attack.wipe", {"note": word}, on_behalf_of=user)
        why = f"BUY NOW at evil.example {word}"
        async with target.stage.person(user) as person:
            await target.card(person, word)  # an action that was never shown notifies nobody when it ends
            await attacker.ask("POST", f"/v1/actions/{action['id']}/withdraw", json={"why": why})
            if told:
                message = await person.wait_for_message("dm", "Withdrawn")
                assert "evil.example" not in all_text(message)
    await target.stage.shown()
    assert [name for name in _dms(target, GUEST) if name] == []


def _dms(target: Target, user: str) -> list[str]:
    """Return the text of a person's conversations with the bot."""
    return [
        message.text
        for conversation in target.stage.slack.state.conversations.values()
        if conversation.id.startswith("D") and user in conversation.members
        for message in conversation.messages.values()
    ]


@pytest.mark.parametrize(
    "named", ["<@U0CLEO>", "U0CLEO ", "cleo", "", ["U0CLEO"], 5, "U0CLEO\nU0DIA", "@here"]
)
async def test_an_invalid_requester_is_refused(attacker: Agent, named: Any) -> None:
    given = {"kind": "kb.search", "args": {}, "on_behalf_of": named}
    assert (await attacker.send("POST", "/v1/actions", json=given)).status_code == 422
    for body in ({"on_behalf_of": named, "input": {}}, {"input": {"on_behalf_of": named}}):
        answer = await attacker.send("POST", "/v1/threads", json={"graph": "gated", **body})
        assert answer.status_code == 422, answer.text


@pytest_asyncio.fixture(loop_scope="session")
async def edited(stage: Stage) -> AsyncIterator[Target]:
    """A bot of its own, whose policy the test edits."""
    async with stage.process() as process:
        yield Target(stage, process)


def versions(target: Target) -> int:
    return len(target.stage.rows("policies"))


async def changed(target: Target, old: str, new: str) -> None:
    """Edit the policy file in place, and wait until it is in force."""
    before, text = versions(target), target.stage.policy.read_text(encoding="utf-8")
    assert old in text
    target.stage.policy.write_text(text.replace(old, new), encoding="utf-8")

    async def loaded() -> bool:
        return versions(target) > before

    await eventually(loaded, what="the new policy in force")


async def test_a_half_written_policy_file_is_never_in_force(edited: Target) -> None:
    """Every prefix is valid YAML, and one prefix lacks the rule that stops a refund of 900."""
    whole = edited.stage.policy.read_text(encoding="utf-8")
    refund = {"order": "A-7", "amount": 900, "recipient": "sam@acme.example"}
    cut = whole.index("      - {id: large-refund")
    rest = whole[whole.index("    valid_for: 2h") :]
    async with edited.agent() as agent:
        before = versions(edited)
        for part in (
            whole[:cut],
            whole[:cut] + rest.split("\n# Which agents")[0],
            whole[: cut + 90],
            whole[:cut],
        ):
            edited.stage.policy.write_text(part, encoding="utf-8")
            for _ in range(4):
                assert (await agent.propose("payment.refund", refund))["tier"] == 3
                await asyncio.sleep(0.1)
        edited.stage.policy.write_text(whole, encoding="utf-8")
        await changed(edited, "amount: {gt: 500}", "amount: {gt: 400}")
        assert (await agent.propose("payment.refund", refund))["tier"] == 3
        kept = [json.dumps(row, default=str) for row in edited.stage.rows("policies")]
        assert len(kept) > before
        assert [each for each in kept if "large-refund" not in each] == []


async def test_a_stricter_policy_reaches_actions_that_were_let_through(edited: Target) -> None:
    """It reaches passed actions, approved actions, and the vote of a person who was removed."""
    stage = edited.stage
    async with edited.agent() as agent, stage.person(CLEO) as cleo, stage.person(DIA) as dia:
        read = await agent.propose("attack.read", {"path": "/srv/x"})
        note = await agent.propose("crm.note", {"customer": "Bo", "text": "hello"})
        word, both = mark(), mark()
        wiped = await agent.propose("attack.wipe", {"note": word})
        await edited.approve(word, cleo)
        await agent.wait_for(wiped, "approved")
        asked = await agent.propose("attack.both", {"note": both})
        await edited.approve(both, cleo)
        text = stage.policy.read_text(encoding="utf-8")
        stricter = (
            text.replace("{path: {under: /prod}}", "{path: {under: [/prod, /srv]}}")
            .replace("    quorum: 1\n    channel", "    quorum: 2\n    channel")
            .replace(
                "release-leads:   {users: [U0CLEO, U0DIA, U0EVE]}",
                "release-leads:   {users: [U0FAY, U0DIA, U0EVE]}",
            )
        )
        before = versions(edited)
        stage.policy.write_text(stricter, encoding="utf-8")

        async def loaded() -> bool:
            return versions(edited) > before

        await eventually(loaded, what="the stricter policy")
        for action in (read, wiped):
            assert (await agent.claim(action, expect=409))["status"] == 409
            await agent.wait_for(action, "waiting")
        await agent.claim(note)
        await edited.approve(both, dia)
        (review,) = [row for row in stage.rows("reviews") if row["action_id"] == asked["id"]]
        assert (await agent.standing(asked))["state"] == "waiting"
        await cleo.wait_for_message(CARDS, "An approval does not count any more")
        async with stage.person("U0EVE") as eve:
            await edited.approve(both, eve)
        assert (await agent.wait_for(asked, "approved"))["state"] == "approved"
        assert review
