"""The bot after a wrong clock, a restored backup and a rotated secret."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tarfile
import time
from contextlib import closing
from pathlib import Path

import pytest

from bot.localslack import Person, all_text
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import ADMIN, CLEO
from tests.acceptance.staging import Stage
from tests.attacks.running import CARDS, Target, command, mark, token
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

YEAR_S = 365 * 86_400.0
AHEAD = {
    "reviews": ("opened_at", "expires_at", "expiry_due_at", "next_page_at", "overdue_at", "quiet_until"),
    "actions": ("proposed_at",),
}
"""Columns that a bot wrote while the clock was a year ahead."""


def put_off(stage: Stage) -> None:
    """Change the store as if the clock had been a year ahead."""
    with closing(sqlite3.connect(stage.database)) as connection:
        for table, columns in AHEAD.items():
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for column in there.intersection(columns):
                connection.execute(f"UPDATE {table} SET {column} = {column} + {YEAR_S}")
        connection.commit()


async def test_a_clock_that_was_ahead_postpones_no_deadline(stage: Stage) -> None:
    """Reviews, mandated ones too, expire and page in their own windows, and health says so."""
    bearer = await token(stage)
    async with stage.process() as process, Agent(process.url, bearer) as agent:
        for kind, args in (
            ("attack.wipe", {"note": mark()}),
            ("attack.pay", {"note": mark()}),
            ("deploy.production", {"service": "api", "version": "1"}),
        ):
            assert (await agent.propose(kind, args))["state"] == "waiting"
    windows = {row["id"]: row["expires_at"] - row["opened_at"] for row in stage.rows("reviews")}
    put_off(stage)
    assert min(row["expires_at"] for row in stage.rows("reviews")) > time.time() + YEAR_S / 2
    async with stage.process() as process, Agent(process.url, bearer) as agent:
        answer = await agent.ask("GET", "/healthz")
        assert "clock" in answer["notes"]
        for row in stage.rows("reviews"):
            latest = time.time() + windows[row["id"]] + 60
            for column in ("expires_at", "expiry_due_at", "next_page_at", "quiet_until"):
                assert (row.get(column) or 0) <= latest, (column, row)
        assert (await agent.propose("kb.search", {}))["state"] == "passed"
    assert "review.pulled_back" in stage.journal()


def restore(stage: Stage, backup: Path, *, note: bool) -> None:
    """Restore a backup as `membrane backup --help` says; without `note`, as people do it in practice."""
    folder = stage.database.parent
    old = folder.with_name("old")
    folder.rename(old)
    folder.mkdir(mode=0o700)
    with tarfile.open(backup) as tar:
        tar.extractall(folder, filter="data")
    for name in ("secret", *(["journal.head"] if note else [])):
        if (old / name).exists():
            shutil.copy(old / name, folder / name)


async def claimed(agent: Agent, person: Person, word: str, target: Target) -> Json:
    """Return an approved action that is not claimed yet."""
    action = await agent.propose("attack.wipe", {"note": word}, idempotency_key=word)
    await target.approve(word, person)
    return await agent.wait_for(action, "approved")


@pytest.mark.parametrize("note", [True, False])
async def test_a_backup_revives_no_token_and_runs_nothing_twice(stage: Stage, note: bool) -> None:
    word, backup = mark(), stage.folder / "backup.tar.gz"
    good, stolen = await token(stage), await token(stage)
    async with stage.process() as process, stage.person(CLEO) as cleo:
        target = Target(stage, process)
        async with Agent(process.url, good) as agent:
            action = await claimed(agent, cleo, word, target)
            listed = json.loads((await target.command("token", "list", "--json")).out)
            await target.command("backup", str(backup))
            await agent.claim(action)
            await agent.report(action)
            await target.command("token", "revoke", listed[-1]["id"])
            async with Agent(process.url, stolen) as thief:

                async def refused() -> bool:
                    return (await thief.send("GET", "/v1/actions")).status_code == 401

                await eventually(refused, what="the revocation")
    restore(stage, backup, note=note)
    async with stage.process() as process, stage.person(CLEO) as cleo:
        target = Target(stage, process)
        async with Agent(process.url, good) as agent, Agent(process.url, stolen) as thief:
            for one in (agent, thief):
                problem = await one.ask("GET", "/v1/actions", expect=401)
                assert "membrane token confirm" in problem["detail"]
            await cleo.wait_for_message(ADMIN, "restored")
            await target.command("token", "confirm", listed[0]["id"])

            async def confirmed() -> bool:
                codes = [(await one.send("GET", "/v1/actions")).status_code for one in (agent, thief)]
                return 200 in codes

            await eventually(confirmed, what="the confirmation")
            owner = agent if (await agent.send("GET", "/v1/actions")).status_code == 200 else thief
            other = thief if owner is agent else agent
            assert (await other.send("GET", "/v1/actions")).status_code == 401
            body = {"args_digest": action["args_digest"]}
            answer = await owner.send("POST", f"/v1/actions/{action['id']}/claim", json=body)
            assert answer.status_code == 409, "the action ran after the backup"
            again = await owner.propose("attack.wipe", {"note": word}, idempotency_key=word)
            assert again["id"] == action["id"], "the bot honours the agent's own key"
            card = await cleo.wait_for_message(
                CARDS,
                lambda each: "may have run since" in all_text(each) and "it_happened" in json.dumps(each),
            )
            await cleo.click(CARDS, card, "it_happened")
            done = await owner.wait_for(action, "executed", "settled", "closed")
            assert done["receipt"] == "executed"
            assert (
                await owner.send("POST", f"/v1/actions/{action['id']}/claim", json=body)
            ).status_code == 409


async def test_actions_asked_before_a_rotation_are_approved_and_claimed_after_it(stage: Stage) -> None:
    """Actions proposed under the old key are approved and claimed under the new one."""
    word = mark()
    bearer = await token(stage)
    async with stage.process() as process, Agent(process.url, bearer) as agent:
        action = await agent.propose("attack.wipe", {"note": word})
        await stage.shown()
        before = sorted(file.read_bytes() for file in stage.database.parent.glob("secret*"))
        rotated = await command(stage, "secret", "rotate")
        assert before != sorted(file.read_bytes() for file in stage.database.parent.glob("secret*"))
        assert rotated.out + rotated.err
    async with stage.process() as process, Agent(process.url, bearer) as agent, stage.person(CLEO) as cleo:
        target = Target(stage, process)
        await target.approve(word, cleo)
        await agent.wait_for(action, "approved")
        await agent.claim(action)
        assert (await agent.report(action))["receipt"] == "executed"
        assert (await target.command("journal", "verify")).code == 0
        fresh = await agent.propose("attack.wipe", {"note": mark()})
        assert fresh["args_digest"].split(".")[1] != action["args_digest"].split(".")[1]
