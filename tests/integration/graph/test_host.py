"""The host refuses ungated graphs, withdraws reviews, deletes saved state and survives failing graphs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import EventDict

from bot.errors import Conflict, GraphRefused, NotFound
from bot.graph.host import Host
from bot.graph.loader import AnyGraph
from bot.graph.run_context import RunContext, entered
from bot.graph.saver import open_saver
from bot.slack.outbound import rendering
from bot.store import messages
from tests.fakes import placed, policy
from tests.integration.graph import agents
from tests.integration.graph.agents import ran
from tests.integration.graph.conftest import HOSTED, House
from tests.integration.graph.scripted import say
from tests.unit.slack.reading import read
from tests.waiting import PATIENCE_S

DELETE = {"kind": "data.delete", "args": {"id": 1}}


async def notices(house: House) -> list[str]:
    leased = await house.membrane.outbox.lease(100)
    return [str(each.body) for each in leased if each.kind == "notice"]


async def outside(house: House, graph: str) -> AnyGraph:
    """Return a graph over the same file, as another process would open it."""
    opening = open_saver(house.folder / "threads.db", house.membrane.vault("threads"))
    saver = await house.host._stack.enter_async_context(opening)
    return house.host._graphs[graph].graph.copy(update={"checkpointer": saver})


async def test_only_the_graph_with_an_ungated_tool_is_refused(house: House) -> None:
    """Unknown tools and tools the policy can rule Tier 2 or 3 are named, with what to change."""
    host = await house.open("ungated", "harmless")
    text = host.refused["ungated"]
    assert "the tool delete would run ungated" in text
    assert "the policy can rule data.delete tier 3" in text
    assert "add MembraneMiddleware() to the middleware of the agent" in text
    assert "the tool mail" in text
    assert "the tool read" not in text
    with pytest.raises(GraphRefused, match="the graph ungated is refused: the tool"):
        await house.run("ungated", say("read"))
    assert (await house.thread(await house.run("harmless", say("read")))).state == "finished"
    await host.tell_refused()
    assert any("The graph ungated is refused" in text for text in await notices(house))


async def test_graphs_that_cannot_be_loaded_do_not_stop_the_others(
    house: House, tmp_path: Path, logged: list[EventDict]
) -> None:
    """The fault may be in the name, the file, its import or the object that it makes."""
    (tmp_path / "wrong.py").write_text("raise SystemExit('no key')\n")
    (tmp_path / "odd.py").write_text("graph = 5\ndef broken():\n    return 1 / 0\n")
    names = [
        "nameless",
        "absent=/nowhere/at/all.py:graph",
        f"wrong={tmp_path}/wrong.py:graph",
        f"odd={tmp_path}/odd.py:graph",
        f"broken={tmp_path}/odd.py:broken",
        f"{tmp_path}/langgraph.json",
        f"twice={HOSTED}:one",
        f"twice={HOSTED}:gated",
        f"one={HOSTED}:one",
    ]
    house.host = host = Host(house.membrane, names, house.folder / "threads.db", clock=house.clock)
    await host.start()
    assert host.graphs == ("one",)
    assert set(host.refused) == {
        "nameless", "absent", "wrong", "odd", "broken", f"{tmp_path}/langgraph.json", "twice"
    }  # fmt: skip
    assert "SystemExit: no key" in host.refused["wrong"]
    told = [entry for entry in logged if entry["log_level"] == "error" and "is refused" in entry["event"]]
    assert {entry["graph"] for entry in told} == set(host.refused)
    with pytest.raises(GraphRefused, match=r"the graph wrong is refused: .*SystemExit: no key"):
        await host.start_thread("wrong", {}, agent="ops-agent")
    assert (await house.thread(await house.run("one", DELETE))).state == "parked"


async def test_threads_of_a_refused_graph_wait_until_it_is_repaired(house: House) -> None:
    """Answered or not started yet, they lose nothing and do not run meanwhile."""
    await house.open("harmless", "one")
    parked = await house.run("one", DELETE)
    wanted = await house.host.start_thread("harmless", say("read"), agent="ops-agent")
    await house.host.stop()
    await house.vote(parked)
    names = [f"one={house.folder}/gone.py:one", f"harmless={house.folder}/gone.py:harmless"]
    house.host = Host(house.membrane, names, house.folder / "threads.db", clock=house.clock)
    await house.host.start()
    await house.settle()
    for thread in (parked, wanted.id):
        stalled = await house.thread(thread)
        assert stalled.state == "stalled"
        assert "is refused" in (stalled.error or "")
    assert ran == []
    await house.host.stop()

    await house.open("harmless", "one")
    house.clock.forward(61)
    await house.settle()
    assert sorted(ran) == [("data.delete", {"id": 1}), ("read", 1)]
    for thread in (parked, wanted.id):
        assert (await house.thread(thread)).state == "finished"


async def test_a_reload_that_leaves_a_graph_ungated_refuses_its_new_threads(house: House) -> None:
    host = await house.open("harmless", "gated")
    thread = await house.run("harmless", say("read"))
    assert (await house.thread(thread)).state == "finished"

    strict = policy(tools={**agents.KINDS, "read": "data.delete"})
    assert host.recheck(strict) == [
        (
            "the graph harmless: the tool read would run ungated, but the policy can rule data.delete tier 3;"
            " add MembraneMiddleware() to the middleware of the agent or 'read' to its "
            "HumanInTheLoopMiddleware's interrupt_on"
        )
    ]
    with pytest.raises(GraphRefused, match="the graph harmless is refused"):
        await house.run("harmless", say("read"))
    await house.run("gated", say("read"))

    assert host.recheck(policy(tools=agents.KINDS)) == []
    assert (await house.thread(await house.run("harmless", say("read")))).state == "finished"


async def test_a_thread_wanted_before_its_graph_was_refused_waits_and_says_why(house: House) -> None:
    host = await house.open("harmless")
    thread = await host.start_thread("harmless", say("read"), agent="ops-agent")
    host.recheck(policy(tools={"read": "data.delete", "make_report": "report.make"}))
    await house.settle()
    waiting = await house.thread(thread.id)
    assert waiting.state == "stalled"
    assert "the tool read would run ungated" in (waiting.error or "")
    assert ran == []


async def test_starting_an_unknown_graph_names_the_known_ones(house: House) -> None:
    host = await house.open("one", "gated")
    with pytest.raises(NotFound, match="there is no graph 'on'; there is: gated, one"):
        await host.start_thread("on", {}, agent="ops-agent")


async def test_starting_twice_under_one_key_starts_once(house: House) -> None:
    host = await house.open("one")
    first = await host.start_thread("one", DELETE, agent="ops-agent", idempotency_key="k")
    assert (await host.start_thread("one", DELETE, agent="ops-agent", idempotency_key="k")).id == first.id
    with pytest.raises(Conflict):
        await host.start_thread("one", {**DELETE, "args": {}}, agent="ops-agent", idempotency_key="k")


async def test_a_graph_that_raises_fails_its_thread_and_nothing_else(house: House) -> None:
    await house.open("raising", "one")
    thread = await house.run("raising", {"answer": ""})
    failed = await house.thread(thread)
    assert (failed.state, failed.error) == ("failed", "ValueError: the graph is wrong")
    assert any("ValueError: the graph is wrong" in text for text in await notices(house))
    assert (await house.thread(await house.run("one", DELETE))).state == "parked"


async def test_a_thread_started_again_withdraws_its_review(house: House) -> None:
    """Somebody gives a parked thread new input: the old question is withdrawn, the new one is asked."""
    await house.open("one")
    thread = await house.run("one", DELETE)
    await house.host.sweep()
    other = await outside(house, "one")
    config: Any = {"configurable": {"thread_id": thread}}
    await house.host.sweep()
    with entered(RunContext(house.membrane, await house.thread(thread), asyncio.get_running_loop())):
        await other.ainvoke({"kind": "data.delete", "args": {"id": 2}}, config, durability="sync")
    await house.settle()
    assert [each.state for each in await house.interrupts(thread)] == ["vanished", "waiting"]
    assert await house.states(thread) == ["withdrawn", "waiting"]
    await house.vote(thread, 1)
    await house.settle()
    assert ran == [("data.delete", {"id": 2})]


async def test_a_thread_deleted_by_another_process_is_gone_and_its_review_withdrawn(house: House) -> None:
    await house.open("one")
    thread = await house.run("one", DELETE)
    await house.host.sweep()
    saver = (await outside(house, "one")).checkpointer
    assert saver is not None
    assert not isinstance(saver, bool)
    await saver.adelete_thread(thread)
    await house.settle()
    assert (await house.thread(thread)).state == "gone"
    assert await house.states(thread) == ["withdrawn"]
    assert await house.membrane.open_reviews() == 0


async def test_ending_a_thread_withdraws_its_reviews(house: House) -> None:
    host = await house.open("gated")
    thread = await house.run("gated", say("two"))
    await host.end_thread(thread, "the ticket was closed")
    ended = await house.thread(thread)
    assert (ended.state, ended.error) == ("gone", "the ticket was closed")
    assert await house.states(thread) == ["withdrawn", "withdrawn"]
    await host.end_thread(thread, "again")
    assert (await house.thread(thread)).error == "the ticket was closed"
    with pytest.raises(NotFound):
        await host.end_thread("thr_none", "because")


async def test_saved_state_is_deleted_a_while_after_the_end(house: House) -> None:
    await house.open("one", retain_s=100.0)
    ended = await house.run("one", {"kind": "db.read", "args": {}})
    parked = await house.run("one", DELETE)
    house.clock.forward(99)
    await house.host.sweep()
    assert await house.values(ended) != {}
    house.clock.forward(62)
    await house.host.sweep()
    assert await house.values(ended) == {}
    assert (await house.thread(ended)).state == "finished"
    assert await house.states(ended) == ["executed"]
    await house.vote(parked)
    await house.settle()
    assert (await house.thread(parked)).state == "finished"


async def test_the_number_of_running_threads_is_limited(house: House) -> None:
    host = await house.open("one", concurrency=2)
    event = agents.HOLD["db.read"] = asyncio.Event()
    started = [
        await host.start_thread("one", {"kind": "db.read", "args": {"n": n}}, agent="ops-agent")
        for n in range(5)
    ]
    for _ in range(5):
        await host.sweep()
    assert host.running == 2
    event.set()
    await house.settle()
    assert [(await house.thread(each.id)).state for each in started] == ["finished"] * 5


async def test_a_stop_releases_the_lease_of_an_interrupted_run(house: House) -> None:
    """A running thread is leased; after the stop the next start may take it up."""
    host = await house.open("one")
    agents.HOLD["db.read"] = asyncio.Event()
    await host.start_thread("one", {"kind": "db.read", "args": {"n": 1}}, agent="ops-agent")
    await host.sweep()
    leased = "SELECT count(*) FROM threads WHERE leased_until IS NOT NULL"

    async def count() -> Any:
        return await house.db.read(lambda connection: connection.exec_driver_sql(leased).scalar())

    assert await count() == 1
    await host.stop(grace_s=0.05)
    assert await count() == 0


async def test_a_vote_wakes_the_loop(house: House) -> None:
    """The effect follows the vote without waiting for the interval."""
    host = await house.open("one", interval_s=30.0)
    loop = asyncio.create_task(host.run())
    thread = await host.start_thread("one", DELETE, agent="ops-agent")
    async with asyncio.timeout(60):
        while await house.states(thread.id) != ["waiting"]:
            await asyncio.sleep(0.01)
        await house.vote(thread.id)
        while await house.states(thread.id) != ["executed"]:
            await asyncio.sleep(0.01)
        await host.stop()
        await loop
    assert host.last_sweep_at == house.clock()


async def test_a_sweep_that_fails_does_not_end_the_loop(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = await house.open("one", interval_s=0.01)
    sweep, calls = host.sweep, 0

    async def failing(**how: bool) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise OSError("disk full")
        return await sweep(**how)

    monkeypatch.setattr(host, "sweep", failing)
    loop = asyncio.create_task(host.run())
    async with asyncio.timeout(60):
        while host.last_sweep_at is None:
            await asyncio.sleep(0.01)
        await host.stop()
        await loop


async def card(house: House, thread: str) -> str:
    """Return the card of a thread's review, drawn as the courier would."""
    (review,) = (await house.standing(thread)).reviews
    rows = await house.db.read(lambda connection: messages.of_review(connection, review.id))
    row = next(each for each in rows if each.kind == "card")
    assert row.due_at is not None, "the card needs a redraw"
    return read(rendering.draw(await house.membrane.outbox.facts(row), {}).blocks)


async def post_cards(house: House) -> None:
    """Post the waiting messages, as the courier does."""
    for message in await house.membrane.outbox.lease(50):
        if await house.membrane.outbox.attempting(message.id):
            where = {"channel_id": "C0APPR", "ts": f"{message.position}.{message.id}"}
            await placed(house.membrane, message.id, version=message.wanted, **where)


async def open_renamed(house: House) -> None:
    """Open the host again with another version of the graph `one`, in which the gate has another name."""
    await house.open("own_graph")
    hosted = house.host._graphs.pop("own_graph")
    renamed = agents.renamed_gate().compile(checkpointer=house.host._saver)
    house.host._graphs["one"] = replace(hosted, name="one", graph=renamed, version="other")


async def die(*_: Any) -> Any:
    raise asyncio.CancelledError


async def test_a_question_unrecorded_before_its_graph_changed_is_reported(house: House) -> None:
    """Without its gate the saved state looks like that of an ended thread; the host still notices."""
    await house.open("one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(house.membrane.interrupts, "park", die)
        thread = await house.host.start_thread("one", DELETE, agent="ops-agent")
        await house.host.sweep()
        await house.host.drain(PATIENCE_S)
    await house.host.stop()
    await open_renamed(house)
    await house.settle()
    stalled = await house.thread(thread.id)
    assert stalled.state == "stalled"
    assert "the graph one changed while" in (stalled.error or "")


async def test_an_answer_to_a_thread_that_another_process_moved_on_runs_nothing(house: House) -> None:
    """Another process started the thread again after the last look: LangGraph refuses the old answer."""
    await house.open("one")
    thread = await house.run("one", DELETE)
    graph = await outside(house, "one")
    with entered(RunContext(house.membrane, await house.thread(thread), asyncio.get_running_loop())):
        await graph.ainvoke(DELETE, {"configurable": {"thread_id": thread}}, durability="sync")
    await house.vote(thread)
    assert await house.host.sweep(look=False) == 1
    assert await house.host.drain(PATIENCE_S)
    assert ran == []
    await house.settle()
    assert await house.states(thread) == ["withdrawn", "waiting"]
    await house.vote(thread, 1)
    await house.settle()
    assert ran == [("data.delete", {"id": 1})]
    assert (await house.thread(thread)).state == "finished"


async def test_an_answer_to_a_changed_graph_is_kept_and_reported(house: House) -> None:
    """The gate was renamed while a thread was parked: nothing is skipped, and a rename back repairs it."""
    await house.open("one")
    thread = await house.run("one", DELETE)
    await post_cards(house)
    await house.host.stop()
    await open_renamed(house)
    await house.settle()
    stalled = await house.thread(thread)
    assert stalled.state == "stalled"
    assert "the graph one changed while" in (stalled.error or "")
    assert "Its thread cannot go on now: the graph one changed" in await card(house, thread)
    await house.vote(thread)
    await house.settle()
    assert ran == []
    assert "Its thread cannot go on now: the graph one changed" in await card(house, thread)
    assert any("Put the node back" in text for text in await notices(house))
    await house.host.stop()

    await house.open("one")
    house.clock.forward(61)
    await house.settle()
    assert "cannot go on now" not in await card(house, thread)
    assert ran == [("data.delete", {"id": 1})]
    assert (await house.thread(thread)).state == "finished"


async def test_the_admins_are_told_of_refused_graphs_once_a_day(house: House) -> None:
    await house.open("raising")
    for _ in range(3):
        await house.run("raising", {"answer": ""})
    assert len(await notices(house)) == 1
    house.clock.forward(86_400)
    await house.run("raising", {"answer": ""})
    assert len(await notices(house)) == 2  # the first notice was not sent, so it is due again
