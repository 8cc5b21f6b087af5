"""Both databases are restored from a backup, and an effect that ran after it does not run again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from bot.localslack import Person
from bot.membrane import Tokens
from bot.store.database import open_database
from bot.store.sqlite import SQLITE
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADMIN, APPROVALS
from tests.acceptance.staging import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("threads.db", "membrane.db")


def copied(stage: Stage) -> Path:
    """Copy both databases like a tool that does not know the bot."""
    aside = stage.folder / "aside"
    aside.mkdir()
    for name in NAMES:
        SQLITE.copy(stage.database.parent / name, aside / name)
    return aside


def put_back(stage: Stage, aside: Path, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        for file in stage.database.parent.glob(f"{name}*"):
            file.unlink()
        shutil.copy(aside / name, stage.database.parent / name)


async def button(person: Person, action_id: str, *, words: str = "") -> Json:
    """The newest message that has this button, and these words."""

    def fits(message: Json) -> bool:
        drawn = json.dumps(message["blocks"], ensure_ascii=False)
        return f'"action_id": "{action_id}"' in drawn and words in drawn

    found: Json = await person.wait_for_message(APPROVALS, fits)
    return found


@pytest.mark.parametrize("answer", ["it_happened", "it_did_not"])
async def test_a_hosted_effect_that_ran_after_the_backup(stage: Stage, cleo: Person, answer: str) -> None:
    token = await stage.token()
    async with stage.bot() as first, Agent(first.api_url, token) as agent:
        started = await agent.start("ledger", {"kind": "data.delete", "args": {"what": "old logs"}})
        await button(cleo, "approve")
    aside = copied(stage)
    async with stage.bot() as second, Agent(second.api_url, token) as agent:
        await cleo.click(APPROVALS, await button(cleo, "approve"), "approve")
        await agent.thread(started, "finished")
    (ran,) = stage.effects()
    put_back(stage, aside)
    async with stage.bot() as third, Agent(third.api_url, token) as agent:
        problem = await agent.ask("GET", f"/v1/threads/{started['id']}", expect=401)
        assert "membrane token confirm" in problem["detail"]
        assert "1 actions and 1 threads" in (await agent.ask("GET", "/readyz"))["notes"]["restore"]
        await cleo.wait_for_message(ADMIN, "The database was restored")
        await cleo.click(APPROVALS, await button(cleo, "approve", words="restored from a backup"), "approve")
        asked = await button(cleo, "it_happened", words="may have run since")
        assert stage.effects() == [ran], "no effect runs before a person has decided"
        await cleo.click(APPROVALS, asked, answer)
        db = open_database(stage.database, writer="cli")
        await Tokens(db).confirm(None)
        await db.close()
        await agent.thread(started, "finished")
        if answer == "it_happened":
            assert stage.effects() == [ran]
        else:
            assert [line["key"] for line in stage.effects()] == [ran["key"], ran["key"]]

        async def certain() -> bool:
            return "restore" not in (await agent.ask("GET", "/readyz")).get("notes", {})

        await eventually(certain, what="the end of the quarantine")
    assert {"store.restored", "token.confirmed", "store.confirmed"} <= {
        row["event"] for row in stage.rows("journal")
    }


async def test_an_effect_is_asked_about_although_the_saved_threads_went_on(
    stage: Stage, cleo: Person
) -> None:
    """Only the store is restored, so the saved thread is further on than the store says.

    The first bot stops cleanly, because it records the journal's end every second and at a stop.
    """
    token = await stage.token()
    async with stage.bot() as first, Agent(first.api_url, token) as agent:
        started = await agent.start("ledger", {"kind": "data.delete", "args": {"what": "old logs"}})
        asked = await button(cleo, "approve")
        await agent.thread(started, "parked")
        await stage.shown()
        aside = copied(stage)
        await cleo.click(APPROVALS, asked, "approve")
        await agent.thread(started, "finished")
    (ran,) = stage.effects()
    put_back(stage, aside, ("membrane.db",))
    async with stage.bot() as again, Agent(again.api_url, token) as agent:
        asked = await button(cleo, "it_happened", words="may have run since")
        await cleo.click(APPROVALS, asked, "it_happened")
        db = open_database(stage.database, writer="cli")
        await Tokens(db).confirm(None)
        await db.close()
        done = await agent.thread(started, "finished")
        assert [each["receipt"] for each in done["actions"]] == ["executed"]
        assert stage.effects() == [ran]
