"""The whole Slack side, wired as in the composition root. The workspace itself resolves people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from bot.domain.action import Action
from bot.domain.notices import Notice, Subject
from bot.errors import SettingsError
from bot.localslack import LocalSlack, Person
from bot.membrane import Membrane
from bot.settings import Settings
from bot.slack import Slack
from bot.store.database import open_database
from tests.fakes import CLEO, SECRET, policy
from tests.unit.slack.reading import read
from tests.waiting import eventually


def settings(slack: LocalSlack, **changes: Any) -> Settings:
    given = {
        "slack_bot_token": SecretStr(slack.bot_token),
        "slack_app_token": SecretStr(slack.app_token),
        "slack_api_url": slack.api_url,
        **changes,
    }
    return Settings(**given)


@asynccontextmanager
async def running(given: Settings, folder: Path) -> AsyncIterator[tuple[Slack, Membrane, asyncio.Task[None]]]:
    db = open_database(folder / "membrane.db", exclusive=True)
    in_force = policy()
    side = Slack(given, lambda: in_force)
    membrane = Membrane(db, lambda: in_force, side.people, secret=SECRET)
    task = asyncio.create_task(side.run(membrane))
    try:
        yield side, membrane, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await side.close()
        await db.close()


async def test_a_proposal_is_posted_clicked_and_decided(
    slack: LocalSlack, cleo: Person, tmp_path: Path
) -> None:
    async with running(settings(slack), tmp_path) as (side, membrane, _):

        async def well() -> bool:
            return await side.trouble() is None

        await eventually(well)
        await membrane.proposals.propose(Action.of("data.delete", {"id": 7}, agent="ops-agent"))
        card = await cleo.wait_for_message("agent-approvals", "Approval wanted")
        assert (await cleo.click("agent-approvals", card, "approve")).acked
        shown = await cleo.wait_for_message("agent-approvals", "✅ *Approved* by")
        assert f"✅ Approved by @{CLEO}" in read(shown["blocks"])
        await membrane.admins.tell(
            Notice(Subject.POLICY_RELOADED, "The policy was reloaded.", "policy.yaml", "Nothing.")
        )
        await cleo.wait_for_message("membrane-admin", "The policy was reloaded.")


async def test_a_guest_cannot_vote(slack: LocalSlack, tmp_path: Path) -> None:
    slack.state.change_user(CLEO, is_restricted=True)
    async with running(settings(slack), tmp_path) as (_, membrane, _), Person(slack.base_url, CLEO) as guest:
        await membrane.proposals.propose(Action.of("data.delete", {"id": 7}, agent="ops-agent"))
        card = await guest.wait_for_message("agent-approvals", "Approval wanted")

        async def clicked() -> bool:
            return (await guest.click("agent-approvals", card, "approve")).reason != "not_connected"

        await eventually(clicked)
        await guest.wait_for_message("agent-approvals", "Only full members of this workspace can vote")


async def test_slack_may_be_away_at_the_start(slack: LocalSlack, cleo: Person, tmp_path: Path) -> None:
    slack.faults.arm(method="auth.test", kind="http", status=503)
    async with running(settings(slack), tmp_path) as (side, membrane, _):
        assert await side.trouble() == "Slack has not been reached yet"
        assert await side.behind_s() == 0
        await membrane.proposals.propose(Action.of("data.delete", {"id": 7}, agent="ops-agent"))
        await cleo.wait_for_message("agent-approvals", "Approval wanted")


@pytest.mark.parametrize(
    ("name", "wrong"), [("slack_bot_token", "xoxb-wrong000"), ("slack_app_token", "xapp-wrong000")]
)
async def test_a_refused_token_stops_the_bot_and_is_named(
    slack: LocalSlack, tmp_path: Path, name: str, wrong: str
) -> None:
    given = settings(slack, **{name: SecretStr(wrong)})
    async with running(given, tmp_path) as (_, _, task):
        with pytest.raises(SettingsError, match=f"{name.upper()} does not work"):
            await task


def test_without_a_bot_token_there_is_no_slack(slack: LocalSlack) -> None:
    with pytest.raises(SettingsError, match="SLACK_BOT_TOKEN is not set"):
        Slack(settings(slack, slack_bot_token=None), policy)


async def test_delivery_by_http_adds_a_route_to_the_api(slack: LocalSlack) -> None:
    given = settings(slack, delivery="http", slack_signing_secret=SecretStr("s" * 32))
    for one, count in ((given, 1), (settings(slack), 0)):
        api = FastAPI(openapi_url=None)
        Slack(one, policy).mount(api)
        assert [getattr(route, "path", "") for route in api.routes] == ["/slack/events"] * count
