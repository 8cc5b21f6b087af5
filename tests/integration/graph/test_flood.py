"""One agent makes many calls: some open reviews at once, and the others queue."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from bot.domain.policy_model import DeclaredRisk, Kind, Limits
from bot.domain.risk import BlastRadius
from bot.errors import TooMany
from bot.graph.saver import GroupedSaver
from bot.membrane.caps import TAKEN_BACK_S
from bot.store.database import Transaction
from bot.store.sqlite.prepared import DriverStatement
from tests.fakes import CLEO, DIA, policy
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import House
from tests.integration.graph.scripted import say
from tests.waiting import patience

CAP = 20


def delete(number: int) -> dict[str, Any]:
    """Return the input of a thread of the graph `one`."""
    return {"kind": "data.delete", "args": {"id": number}}


async def pending(house: House, thread: str) -> list[Any]:
    """Return the reviews that a thread waits for."""
    standings = [await house.membrane.proposals.standing(each.id) for each in await house.actions(thread)]
    return [each.review for each in standings if each.review is not None and each.review.pending]


async def decide(house: House, *threads: str, approve: bool = True, most: int | None = None) -> int:
    """Give the deciding vote on the reviews that threads wait for; return their number."""
    found = [review for thread in threads for review in await pending(house, thread)][:most]
    for review in found:
        for voter in (DIA, CLEO)[2 - review.ruling.quorum :]:
            await house.membrane.votes.cast(review.id, voter, approve=approve, args_digest=review.args_digest)
    return len(found)


async def counted(house: House, *threads: str) -> Counter[str]:
    return Counter([state for thread in threads for state in await house.states(thread)])


async def test_a_message_with_500_calls_opens_no_more_reviews_than_the_cap(house: House) -> None:
    """A batch is answered once, with one answer for each call, including those beyond the cap."""
    await house.open("batched")
    thread = await house.run("batched", say("flood"))
    assert await house.membrane.open_reviews() == CAP
    assert await house.states(thread) == ["waiting"] * CAP
    assert await decide(house, thread, most=CAP - 1) == CAP - 1
    await house.settle()
    assert (await house.thread(thread)).state == "parked"
    assert await decide(house, thread) == 1
    await house.settle()
    assert (await house.thread(thread)).state == "finished"
    assert [each.state for each in await house.interrupts(thread)] == ["delivered"]
    assert sorted(ran) == [("delete", number) for number in range(CAP)]
    said = await house.said(thread)
    assert len(said) == 500
    over = [text for _, text in said if "no person was asked about this" in text]
    assert len(over) == 500 - CAP
    assert "500 calls of this message need approval, while the policy allows ops-agent 20 at once" in over[0]


async def test_calls_that_wait_separately_take_turns_and_none_is_lost(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=7))
    await house.open("gated")
    thread = await house.run("gated", say("thirty"))
    assert await counted(house, thread) == {"waiting": 7, "queued": 23}
    while await decide(house, thread, most=3):
        assert await house.membrane.open_reviews() <= 7
        await house.settle()
        assert await house.membrane.open_reviews() <= 7
    assert sorted(ran) == [("delete", number) for number in range(30)]
    assert len(await house.said(thread)) == 30
    assert (await house.thread(thread)).state == "finished"


async def test_threads_keep_their_turn_after_a_restart(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one", "batched")
    first, second = await house.run("one", delete(1)), await house.run("one", delete(2))
    third = await house.run("batched", say("delete"))
    assert [await house.states(each) for each in (first, second, third)] == [
        ["waiting"],
        ["queued"],
        ["queued"],
    ]
    (waiting,) = await house.actions(second)
    assert "ops-agent has 1 open review, as many as the policy allows at once" in (waiting.detail or "")
    await house.host.stop()
    await house.open("one", "batched")
    await house.settle()
    assert await house.states(second) == ["queued"]
    await decide(house, first)
    await house.settle()
    assert await house.states(second) == ["waiting"], "the oldest call is asked first"
    assert await house.states(third) == ["queued"]
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=4))
    await house.settle()
    assert await house.states(third) == ["waiting"]
    await decide(house, second, third)
    await house.settle()
    assert {(await house.thread(each)).state for each in (first, second, third)} == {"finished"}
    assert len(ran) == 3


async def test_an_agent_at_its_cap_delays_no_other_agent(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=2))
    await house.open("one")
    flood = [await house.run("one", delete(number)) for number in range(6)]
    quiet = await house.host.start_thread("one", delete(100), agent="quiet-agent")
    await house.settle()
    assert await house.states(quiet.id) == ["waiting"]
    assert await counted(house, *flood) == {"waiting": 2, "queued": 4}


async def test_a_queued_call_is_withdrawn_with_its_thread_and_never_asked(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=3))
    host = await house.open("gated")
    thread = await house.run("gated", say("thirty"))
    await host.end_thread(thread, "the ticket was closed")
    await house.settle()
    assert await counted(house, thread) == {"withdrawn": 30}
    standings = [await house.membrane.proposals.standing(each.id) for each in await house.actions(thread)]
    assert sum(bool(each.reviews) for each in standings) == 3


async def test_ending_threads_and_starting_them_again_does_not_reset_the_cap(house: House) -> None:
    """Reviewers have seen the actions that were just withdrawn."""
    host = await house.open("batched")
    opened = 0
    for _ in range(4):
        thread = await house.run("batched", say("thirty"))
        opened += len(await pending(house, thread))
        await host.end_thread(thread, "tried again")
    assert opened == CAP
    last = await house.run("batched", say("thirty"))
    assert await counted(house, last) == {"queued": CAP}
    (first, *_) = await house.actions(last)
    assert "20 were withdrawn within the last 10 minutes" in (first.detail or "")
    house.clock.forward(TAKEN_BACK_S + 1)
    await house.settle()
    assert await counted(house, last) == {"waiting": CAP}


async def test_a_queued_call_equal_to_a_rejected_one_is_not_asked(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one")
    threads = [await house.run("one", delete(1)) for _ in range(8)]
    await decide(house, *threads, approve=False)
    await house.settle()
    assert await counted(house, *threads) == {"rejected": 8}
    assert {(await house.thread(each)).state for each in threads} == {"finished"}
    remembered = [each.remembers for thread in threads for each in await house.actions(thread)]
    assert remembered.count(None) == 1
    assert ran == []


async def test_a_batch_respects_the_cap_after_the_policy_tightened(house: House) -> None:
    """Thirty calls passed and waited for one; then the policy asks about all of them."""
    looser = policy(tools=agents.KINDS, open_per_agent=4)
    house.in_force.append(looser)
    await house.open("batched")
    thread = await house.run("batched", say("mostly passing"))
    assert await counted(house, thread) == {"passed": 30, "waiting": 1}
    read = Kind("db.read", DeclaredRisk(reversible=False, blast_radius=BlastRadius.HIGH), more_args=True)
    house.in_force.append(replace(looser, actions={**looser.actions, "db.read": read}))
    rounds = 0
    while await decide(house, thread):
        await house.settle()
        assert await house.membrane.open_reviews() <= 4
        rounds += 1
    assert rounds > 7
    assert (await house.thread(thread)).state == "finished"
    assert len(ran) == 31


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count the queries to the store and to the saved state."""
    counts: Counter[str] = Counter()
    run, saved = DriverStatement.run, GroupedSaver.aget_tuple

    def statement(prepared: DriverStatement, connection: Any, values: Any) -> Any:
        counts["statements"] += 1
        return run(prepared, connection, values)

    async def state(saver: GroupedSaver, config: Any) -> Any:
        counts["looks"] += 1
        return await saved(saver, config)

    with patch.object(DriverStatement, "run", statement), patch.object(GroupedSaver, "aget_tuple", state):
        yield counts


async def idle(house: House) -> Counter[str]:
    """Return the cost of 24 seconds of sweeps in which nothing happens."""
    with counting() as counts:
        for _ in range(120):
            house.clock.forward(0.2)
            assert await house.host.sweep() == 0
            assert house.host.running == 0
    return counts


async def test_idle_threads_that_wait_for_a_place_add_no_cost(house: House) -> None:
    """The host reads no saved state, and runs as many statements for a hundred of them as for one."""
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1, window_s=1e6))
    await house.open("one")
    for number in range(2):
        await house.run("one", delete(number))
    one = await idle(house)
    more = [await house.host.start_thread("one", delete(number), agent="ops-agent") for number in range(99)]
    await house.settle()
    assert await counted(house, *(each.id for each in more)) == {"queued": 99}
    assert await idle(house) == one
    assert one["looks"] == 0


async def test_a_free_place_opens_one_review_and_wakes_one_thread(house: House) -> None:
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one")
    threads = [await house.run("one", delete(number)) for number in range(9)]
    house.membrane.wakeups.threads.clear()
    await decide(house, threads[0])
    assert house.membrane.wakeups.threads.is_set(), "the vote wakes the host at once"
    with counting() as counts:
        await house.settle()
    assert await counted(house, *threads) == {"executed": 1, "waiting": 1, "queued": 7}
    assert counts["looks"] <= 4, "the host reads only the resumed thread"


async def test_an_agent_that_starts_many_threads_leaves_places_to_others(house: House) -> None:
    """Agents take turns at the running places, and one place in eight is reserved for another agent."""
    await house.open("gated", concurrency=8)
    agents.HOLD["read"] = asyncio.Event()
    flood = [await house.host.start_thread("gated", say("read"), agent="flood") for _ in range(20)]
    await house.host.sweep()
    assert house.host.running == 7
    quiet = await house.host.start_thread("gated", say("read"), agent="quiet")
    await house.host.sweep()
    assert house.host.running == 8
    async with patience():
        while (await house.thread(quiet.id)).state != "running":
            await asyncio.sleep(0.01)
    agents.HOLD["read"].set()
    await house.settle()
    assert {(await house.thread(each.id)).state for each in (*flood, quiet)} == {"finished"}


async def test_the_threads_of_an_agent_are_capped_until_some_end(house: House) -> None:
    capped = policy(tools=agents.KINDS)
    house.in_force.append(replace(capped, limits=Limits(threads_per_agent=2)))
    host = await house.open("one", "gated")
    first = await house.run("one", delete(1), idempotency_key="first")
    await house.run("one", delete(2))
    with pytest.raises(TooMany, match="ops-agent has 2 threads that have not ended, as many as the policy"):
        await host.start_thread("one", delete(3), agent="ops-agent")
    same = await host.start_thread("one", delete(1), agent="ops-agent", idempotency_key="first")
    assert same.id == first, "a repeated start is answered despite the cap"
    await host.start_thread("one", delete(3), agent="another")
    await decide(house, first)
    await house.settle()
    await house.run("one", delete(3))


async def test_threads_left_at_the_cap_by_an_earlier_release_are_queued(house: House) -> None:
    """That release stored no question for them, and noted that they wait their turn."""
    house.in_force.append(policy(tools=agents.KINDS, open_per_agent=1))
    await house.open("one")
    first, second = await house.run("one", delete(1)), await house.run("one", delete(2))
    (queued,), (asked,) = await house.actions(second), await house.interrupts(second)
    await house.host.stop()

    def as_before(tx: Transaction) -> None:
        for statement in (
            f"DELETE FROM actions WHERE id = '{queued.id}'",
            f"DELETE FROM interrupts WHERE id = '{asked.id}'",
            f"UPDATE threads SET error = 'waits its turn: …' WHERE id = '{second}'",
        ):
            tx.connection.exec_driver_sql(statement)

    await house.db.write(as_before)
    await house.open("one")
    await house.settle()
    assert await house.states(second) == ["queued"]
    assert (await house.thread(second)).error is None
    await decide(house, first)
    await house.settle()
    assert await house.states(second) == ["waiting"]
