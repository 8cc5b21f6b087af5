"""A policy is tightened after it let a hosted thread's calls pass and before they start."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.risk import Tier
from tests.fakes import CLEO, DIA
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say

MAIL = {"kind": "mail.send", "args": {"to": "ada"}}


def tighten(house: House, *kinds: str) -> None:
    """Put a policy in force that rules these kinds Tier 3, with two approvals."""
    now = house.in_force[-1]
    stricter = {kind: replace(now.actions[kind], tier=Tier.SYNC_APPROVAL) for kind in kinds}
    house.in_force.append(replace(now, actions={**now.actions, **stricter}))


async def approve(house: House, thread: str, index: int = 0) -> None:
    """Approve by as many people as the open review needs."""
    review = (await house.standing(thread, index)).review
    assert review is not None
    assert review.ruling.quorum == 2
    for voter in (CLEO, DIA):
        await house.membrane.votes.cast(review.id, voter, approve=True, args_digest=review.args_digest)


@pytest.mark.parametrize(("graph", "given"), [("one", MAIL), ("gated", say("mail"))])
async def test_invariant_14_an_approved_call_is_asked_again(
    house: House, graph: str, given: dict[str, Any]
) -> None:
    await house.open(graph)
    thread = await house.run(graph, given)
    await house.vote(thread)
    tighten(house, "mail.send")
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["waiting"]
    assert (await house.thread(thread)).state == "parked"

    await approve(house, thread)
    await house.settle()
    assert len(ran) == 1
    assert (await house.thread(thread)).state == "finished"
    assert await house.states(thread) == ["executed"]


@pytest.mark.parametrize("graph", ["batched", "per_call"])
async def test_invariant_14_approved_calls_of_a_stock_agent_are_asked_again(house: House, graph: str) -> None:
    """All calls that wait for each other are ruled again before the first is claimed."""
    await house.open(graph)
    thread = await house.run(graph, say("mail"))
    await house.vote(thread)
    tighten(house, "mail.send")
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["waiting"]
    await approve(house, thread)
    await house.settle()
    assert ran == [("mail", "ada")]
    assert (await house.thread(thread)).state == "finished"


async def test_invariant_14_passed_calls_of_a_batch_are_asked(house: House) -> None:
    await house.open("batched")
    thread = await house.run("batched", say("mixed"))
    await house.vote(thread, 1)
    tighten(house, "db.read", "mail.send")
    await house.vote(thread, 2)
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["waiting", "waiting", "approved"]
    assert [each.state for each in await house.interrupts(thread)] == ["waiting"]

    await approve(house, thread, 0)
    await approve(house, thread, 1)
    await house.settle()
    assert sorted(ran) == [("delete", 3), ("mail", "ada"), ("read", 1)]
    assert (await house.thread(thread)).state == "finished"


async def test_a_redacted_argument_is_ruled_again_by_the_threads_own_value(house: House) -> None:
    """The store lacks the value, but the thread has it, so the ruling is certain."""
    now = house.in_force[-1]
    kind = replace(now.actions["mail.send"], redact=("to",))
    house.in_force.append(replace(now, actions={**now.actions, "mail.send": kind}))
    await house.open("batched", "one", "gated")
    threads = [await house.run("batched", say("mail")), await house.run("one", MAIL)]
    for thread in threads:
        await house.vote(thread)
    now = house.in_force[-1]
    changed = replace(now.actions["mail.send"], report_within_s=77.0)
    house.in_force.append(replace(now, actions={**now.actions, "mail.send": changed}))
    await house.settle()
    assert [await house.states(thread) for thread in threads] == [["executed"], ["executed"]]


async def test_invariant_14_a_call_claimed_before_a_stop_does_not_run(house: House) -> None:
    """The bot claimed the call and stopped before its thread went on, so it cannot have started."""
    await house.open("batched")
    thread = await house.run("batched", say("mail"))
    await house.vote(thread)
    (action,) = await house.actions(thread)
    await house.membrane.claims.start(action.id, action.args_digest)
    await house.host.stop(grace_s=0.0)
    tighten(house, "mail.send")
    await house.open("batched")
    await house.settle()
    assert ran == []
    assert await house.states(thread) == ["failed"]
    assert "the policy was tightened since" in (await house.said(thread))[0][1]
    assert (await house.thread(thread)).state == "finished"
