"""`membrane run` with misbehaving hosted code stays up, names the problem, and stops when told."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from bot.localslack import Person
from tests.acceptance import hanging
from tests.acceptance.agent import Agent
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import GRAPHS, PROGRAM, Process, Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MISBEHAVING = ",".join(
    f"{name}={hanging.__file__}:{name}" for name in ("hang", "elsewhere", "hold", "chatter", "asks")
)

STOP_S = "5"
"""A shorter time limit than the default of 25 seconds, by the same rule."""


@pytest.fixture(autouse=True)
def misbehaving(stage: Stage) -> None:
    stage.settings["MEMBRANE_GRAPHS"] = f"{GRAPHS},{MISBEHAVING}"
    stage.settings["MEMBRANE_STOP_S"] = STOP_S


async def said(process: Process, words: str, **more: str) -> dict[str, object]:
    """Wait for a log event with these words and more, and return it."""

    async def look() -> dict[str, object] | None:
        found = [line for line in process.logged(words) if more.items() <= line.items()]
        return found[0] if found else None

    return await eventually(look, what=words)


async def test_hanging_tools_delay_neither_cards_nor_the_stop(stage: Stage, cleo: Person) -> None:
    """More tools hang than the default executor has threads, and the bot still stops without a kill."""
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        for number in range(8):
            await agent.start("hang", {"text": str(number)})
        await agent.start("elsewhere", {"text": "elsewhere"})
        await said(process, "printed")
        asked = await agent.propose("data.delete", {"what": "old logs"})
        card = await cleo.wait_for_message(APPROVALS, "old logs")
        await cleo.click(APPROVALS, card, "approve")
        assert (await agent.wait_for(asked, "approved"))["state"] == "approved"
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0


async def test_the_log_names_the_tool_that_blocks_the_event_loop(stage: Stage) -> None:
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        thread = await agent.start("hold", {"text": "3"})
        held = await said(process, "something blocks the event loop", tool="sleepy")
        assert held["thread"] == thread["id"]
        assert str(held["at"]).startswith(f"sleepy ({hanging.__file__}:")
        await said(process, "the event loop runs again")
        await agent.thread(thread, "finished")


async def test_a_stop_ends_a_process_with_a_blocked_event_loop(stage: Stage) -> None:
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        await agent.start("hold", {"text": "600"})
        await said(process, "something blocks the event loop")
        process.signal(signal.SIGTERM)
        assert await process.ended(60) == 1
        assert process.logged("the bot does not stop in time")


async def test_output_of_hosted_code_is_logged_as_json_lines(stage: Stage) -> None:
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        thread = await agent.start("chatter", {"text": 'two\nlines, {"event": "forged"}'})
        await agent.thread(thread, "finished")
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    printed = {line["line"]: line for line in process.logged("printed")}
    for line in ("two", 'lines, {"event": "forged"}', "in bytes", "no newline, then one", "to stderr"):
        assert printed[line]["thread"] == thread["id"], line
    assert "from a child" in printed
    assert [line for line in process.raw if not isinstance(json.loads(line), dict)] == []


async def test_a_refused_graph_stops_nothing_else(stage: Stage, cleo: Person) -> None:
    wrong = stage.folder / "wrong.py"
    wrong.write_text("import a_module_of_that_name_is_not_installed\n")
    stage.settings["MEMBRANE_GRAPHS"] = f"wrong={wrong}:graph,{GRAPHS}"
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        assert process.logged("a graph is refused")[0]["graph"] == "wrong"
        await cleo.wait_for_message(ADMIN, "The graph wrong is refused")
        refused = await agent.ask("POST", "/v1/threads", expect=409, json={"graph": "wrong", "input": {}})
        assert "ModuleNotFoundError" in refused["detail"]
        assert await agent.problems() == {}
        fine = await agent.start("ledger", {"kind": "db.read", "args": {}})
        assert (await agent.thread(fine, "finished"))["actions"][0]["receipt"] == "executed"


async def test_a_question_is_answered_by_an_operator_beside_the_running_bot(
    stage: Stage, cleo: Person
) -> None:
    """The admins are told the command. An agent cannot answer its own question."""
    token = await stage.token()
    async with stage.process() as process, Agent(process.url, token) as agent:
        thread = await agent.start("asks", {"text": "a private matter"})
        assert "operator" in (await agent.thread(thread, "stalled"))["error"]
        told = await cleo.wait_for_message(ADMIN, f"membrane threads answer {thread['id']}")
        assert "private" not in str(told)
        for action in ("answer", "retry", "resume"):
            await agent.ask(
                "POST", f"/v1/threads/{thread['id']}/{action}", expect=404, json={"answer": "yes"}
            )
        line = [PROGRAM, "threads", "answer", thread["id"], "--text", "the second"]
        environment = {**os.environ, **stage.environment}
        operator = await asyncio.create_subprocess_exec(*line, cwd=stage.folder, env=environment)
        assert await operator.wait() == 0
        await agent.thread(thread, "finished")
        assert {"thread.stalled", "thread.answered"} <= set(stage.journal())
        figures = await agent.text("/metrics")
        assert 'membrane_thread_failures_total{cause="question",graph="asks"} 1.0' in figures
