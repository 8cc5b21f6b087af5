"""A running bot archives old passed actions by itself."""

from __future__ import annotations

import pytest

import bot.app
from bot.store import archive
from tests.acceptance.agent import Agent
from tests.acceptance.staging import Stage
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_running_bot_archives_old_passed_actions(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.app, "RETENTION_EVERY_S", 0.2)
    stage.settings["MEMBRANE_RETAIN_TIER_0_DAYS"] = "0"
    folder = stage.database.parent / "archive"
    async with stage.bot() as running, Agent(running.api_url, await stage.token()) as agent:
        passed = await agent.propose("db.read")
        await agent.claim(passed)
        await agent.report(passed)

        async def archived() -> bool:
            return passed["id"] in [
                found for path in folder.glob("actions-*.gz") for found in archive.ids_in(path)
            ]

        async def deleted() -> bool:
            return not stage.rows("actions")

        await eventually(archived, what="the action in the archive")
        await eventually(deleted, what="it gone from the database")
        await agent.ask("GET", f"/v1/actions/{passed['id']}", expect=404)
