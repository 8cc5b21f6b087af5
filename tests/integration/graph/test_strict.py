"""Under a strict policy a hosted call that does not fit is answered to the model, and nobody is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.domain.operators import Arg, ArgType
from bot.domain.policy import Policy
from bot.domain.states import Receipt
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

WRONG = "mail was not run: it does not fit the policy, so nobody was asked: to is not an email"


def _strict(policy: Policy) -> Policy:
    mail = replace(policy.actions["mail.send"], args={"to": Arg(ArgType.EMAIL)}, more_args=False)
    return replace(policy, strict=True, actions={**policy.actions, "mail.send": mail})


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_an_agent_is_told_which_argument_does_not_fit(house: House, graph: str) -> None:
    """`ada` is no address. The other calls of the message go on."""
    house.in_force.append(_strict(house.in_force[-1]))
    await house.open(graph)
    thread = await house.run(graph, say("mixed"))
    assert "mail.send" not in [each.kind for each in await house.actions(thread)]
    assert await house.membrane.open_reviews() == 1
    await house.vote(thread, -1)
    await house.settle()
    assert sorted(ran) == [("delete", 3), ("read", 1)]
    assert WRONG.removeprefix("mail was not run: ") in "".join(text for _, text in await house.said(thread))
    assert (await house.thread(thread)).state == "finished"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "mail.send", "args": {"to": "ada"}}, "to is not an email"),
        ({"kind": "mail.sent", "args": {}}, "mail.sent is not in the policy, did you mean mail.send?"),
    ],
)
async def test_a_gate_graph_is_told_which_argument_does_not_fit(
    house: House, given: dict[str, object], said: str
) -> None:
    house.in_force.append(_strict(house.in_force[-1]))
    await house.open("one")
    thread = await house.run("one", given)
    assert (await house.thread(thread)).state == "finished"
    settled = (await house.values(thread))["settled"]
    assert (settled["receipt"], settled["action_id"]) == (Receipt.DENIED, None)
    assert said in settled["text"]
    assert await house.membrane.open_reviews() == 0


@pytest.mark.parametrize("graph", ["gated", "batched", "per_call"])
async def test_a_call_that_already_waits_goes_on_when_the_policy_becomes_strict(
    house: House, graph: str
) -> None:
    await house.open(graph)
    thread = await house.run(graph, say("mail"))
    house.in_force.append(_strict(house.in_force[-1]))
    await house.vote(thread)
    await house.settle()
    assert await house.states(thread) == ["waiting"]  # the call is now Tier 3, so it is asked again

    action = (await house.standing(thread)).action
    review = (await house.standing(thread)).reviews[-1]
    for voter in ("U0CLEO", "U0DIA"):
        await house.membrane.votes.cast(review.id, voter, approve=True, args_digest=action.args_digest)
    await house.settle()
    assert ran == [("mail", "ada")]
