"""The questions of hosted threads, and what happens to them when a thread no longer waits."""

from __future__ import annotations

import pytest

from bot.domain.action import Action
from bot.domain.record import Standing
from bot.domain.review import Review
from bot.domain.states import ActionState, InterruptShape, ThreadState
from bot.membrane import UNFIT, Call, Parked
from tests.fakes import CLEO, policy
from tests.integration.membrane.conftest import Room

WINDOW = 1000


async def parked(
    room: Room, *kinds: str, interrupt: str = "int_1", agent: str = "crew"
) -> tuple[str, tuple[Standing, ...]]:
    thread = await room.membrane.threads.start("crew", {}, graph_version="1", agent=agent)
    calls = tuple(Call(Action.of(kind, {"n": place}, agent=agent), place) for place, kind in enumerate(kinds))
    shape = InterruptShape.GATE if len(kinds) == 1 else InterruptShape.HITL_BATCH
    return thread.id, await room.membrane.interrupts.park(thread.id, Parked(interrupt, shape, {}, calls))


async def approve(room: Room, review: Review | None) -> None:
    assert review is not None
    await room.membrane.votes.cast(review.id, CLEO, approve=True, args_digest=review.args_digest)


async def states(room: Room, *standings: Standing) -> list[ActionState]:
    return [(await room.membrane.proposals.standing(each.action.id)).action.state for each in standings]


async def test_a_batch_waits_for_its_last_answer(room: Room) -> None:
    _, (read, mail, delete) = await parked(room, "db.read", "mail.send", "data.delete")
    assert await states(room, read, mail, delete) == ["passed", "waiting", "waiting"]
    await approve(room, mail.review)
    assert (await room.membrane.threads.due(10))[0] == []
    await approve(room, delete.review)
    assert [each.id for each in (await room.membrane.threads.due(10))[0]] == ["int_1"]


async def test_a_batch_opens_no_more_reviews_than_the_policy_allows_at_once(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=2))
    thread, standings = await parked(room, *["mail.send"] * 5)
    assert await states(room, *standings) == ["waiting"] * 2
    (interrupt,) = await room.membrane.interrupts.of_thread(thread)
    assert sorted(interrupt.payload[UNFIT]) == ["2", "3", "4"]
    assert (
        "5 calls of this message need approval, while the policy allows crew 2 at once"
        in (interrupt.payload[UNFIT]["2"])
    )


async def test_a_call_over_the_cap_is_queued_until_another_review_has_closed(room: Room) -> None:
    room.in_force.append(policy(open_per_agent=2))
    _, first = await parked(room, "mail.send", "data.delete")
    _, second = await parked(room, "mail.send", interrupt="int_2")
    _, other = await parked(room, "mail.send", interrupt="int_3", agent="another")
    assert await states(room, *first, *second, *other) == ["waiting", "waiting", "queued", "waiting"]
    assert await room.membrane.queue.open_next() == 0
    await approve(room, first[0].review)
    assert [each.id for each in (await room.membrane.threads.due(10))[0]] == []
    assert await room.membrane.queue.open_next() == 1
    assert await states(room, *second) == ["waiting"]
    assert (await room.events()).count("action.queued") == 1
    await approve(room, (await room.membrane.proposals.standing(second[0].action.id)).review)
    assert [each.id for each in (await room.membrane.threads.due(10))[0]] == ["int_2"]


async def test_a_vanished_interrupt_withdraws_all_its_actions_that_have_not_started(room: Room) -> None:
    thread, (read, mail, delete) = await parked(room, "db.read", "mail.send", "data.delete")
    await approve(room, mail.review)
    assert await room.membrane.interrupts.withdraw_vanished(thread, ("int_1",), "started again") == 1
    assert await states(room, read, mail, delete) == ["withdrawn"] * 3


async def test_a_vanished_interrupt_withdraws_a_successor_that_was_not_parked_yet(room: Room) -> None:
    thread, (mail,) = await parked(room, "mail.send")
    room.clock.forward(WINDOW)
    await room.membrane.deadlines.expire_due()
    assert await room.membrane.interrupts.withdraw_vanished(thread, ("int_1",), "deleted") == 1
    after = await room.membrane.proposals.standing(mail.action.id)
    assert [review.state for review in after.reviews] == ["expired", "withdrawn"]
    assert after.action.state is ActionState.WITHDRAWN


async def test_a_started_action_is_not_withdrawn(room: Room) -> None:
    thread, (mail,) = await parked(room, "mail.send")
    await approve(room, mail.review)
    await room.membrane.claims.start(mail.action.id, mail.action.args_digest)
    assert await room.membrane.interrupts.withdraw_vanished(thread, ("int_1",), "deleted") == 0
    assert await states(room, mail) == ["running"]


async def test_taking_up_a_thread_returns_its_actions_and_answers(room: Room) -> None:
    thread, (read, mail) = await parked(room, "db.read", "mail.send")
    await approve(room, mail.review)
    answered = (await room.membrane.threads.due(10))[0]
    taken = await room.membrane.threads.take_up(thread, answered, {"crew"})
    assert taken.thread.state == "parked"
    assert (await room.membrane.threads.get(thread)).state == "running"
    assert [str(each.action.state) for each in taken.answered[0].standings] == ["passed", "approved"]
    assert [each.id for each in taken.actions] == [read.action.id, mail.action.id]
    assert taken.shapes == {"int_1": "hitl_batch"}
    assert (await room.membrane.threads.due(10))[0] == [], "it still belongs to its worker"


@pytest.mark.parametrize("loaded", [True, False])
async def test_a_thread_that_ended_or_has_no_graph_is_not_marked_running(room: Room, loaded: bool) -> None:
    thread, (mail,) = await parked(room, "mail.send")
    await approve(room, mail.review)
    answered = (await room.membrane.threads.due(10))[0]
    if loaded:
        await room.membrane.threads.set_state(thread, ThreadState.GONE, "withdrawn")
    await room.membrane.threads.take_up(thread, answered, {"crew"} if loaded else {})
    found = await room.membrane.threads.get(thread)
    assert found.state == ("gone" if loaded else "parked")
    assert (found.settled_at is not None) == loaded


async def test_a_thread_finishes_only_once_all_its_interrupts_are_answered(room: Room) -> None:
    thread, (mail,) = await parked(room, "mail.send")
    await room.membrane.interrupts.park(thread, Parked("int_2", InterruptShape.HITL_CALL, {}, ()))
    await approve(room, mail.review)
    assert not await room.membrane.threads.finish(thread, ["int_1"])
    assert [each.state for each in await room.membrane.interrupts.of_thread(thread)] == [
        "answered",
        "answered",
    ]
    assert (await room.membrane.threads.get(thread)).state == "parked"
    assert await room.membrane.threads.finish(thread, ["int_1", "int_2"])
    assert [each.state for each in await room.membrane.interrupts.of_thread(thread)] == [
        "delivered",
        "delivered",
    ]
    assert (await room.membrane.threads.get(thread)).state == "finished"
    assert (await room.membrane.threads.due(10))[0] == []


async def test_threads_with_an_answer_go_before_new_threads(room: Room) -> None:
    wanted = await room.membrane.threads.start("crew", {}, graph_version="1", agent="crew")
    thread, (mail,) = await parked(room, "mail.send")
    await approve(room, mail.review)
    answered, started = await room.membrane.threads.due(1)
    assert [each.thread_id for each in answered] == [thread]
    assert started == []
    assert [each.id for each in (await room.membrane.threads.due(1))[1]] == [wanted.id]
