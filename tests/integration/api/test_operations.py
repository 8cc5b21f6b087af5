"""Health and metrics for the operator of the bot."""

from __future__ import annotations

import asyncio

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.api import Health
from bot.errors import VoteRefused
from tests import fakes
from tests.integration.api.conftest import Bot


async def test_the_bot_is_live_while_its_sweeps_run(bot: Bot, agent: httpx2.AsyncClient) -> None:
    answer = await agent.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "problems": {}})
    bot.clock.forward(31)
    answer = await agent.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"ok": False, "problems": {"expire": "has not succeeded for 31 seconds"}}


async def test_the_bot_is_ready_while_every_part_is_healthy(bot: Bot, agent: httpx2.AsyncClient) -> None:
    assert (await agent.get("/readyz")).status_code == 200
    bot.unwell["slack"] = "no socket is connected"
    answer = await agent.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["problems"] == {"slack": "no socket is connected"}
    assert (await agent.get("/healthz")).status_code == 200


async def test_a_part_that_hangs_or_raises_is_unhealthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.api.health.PATIENCE_S", 0.01)

    async def hangs() -> None:
        await asyncio.sleep(60)

    async def breaks() -> None:
        raise OSError("disk gone")

    found = await Health(dict, {"store": hangs, "slack": breaks}).unready()
    assert found == {"store": "did not answer within less than a second", "slack": "disk gone"}


async def figures(agent: httpx2.AsyncClient) -> dict[str, float]:
    answer = await agent.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        sample.name + "".join(f"/{value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_metrics_agree_with_the_journal(bot: Bot, agent: httpx2.AsyncClient) -> None:
    before = await figures(agent)
    assert before["membrane_actions_total/0"] == 0
    assert before["membrane_votes_refused_total/not_approver"] == 0
    made = [
        (await agent.post("/v1/actions", json={"kind": kind})).json()
        for kind in ("db.read", "db.read", "report.make", "mail.send", "money.wire", "release.sign")
    ]
    read, wire = made[0], made[4]
    await agent.post(f"/v1/actions/{read['id']}/claim", json={"args_digest": read["args_digest"]})
    await agent.post(f"/v1/actions/{read['id']}/report", json={"receipt": "executed"})
    with pytest.raises(VoteRefused):
        await bot.vote(wire, voters=(fakes.ADA,))
    await bot.vote(wire)
    bot.clock.forward(501)
    await bot.membrane.deadlines.page_due()
    await bot.pass_time(500)
    found = await figures(agent)
    assert [found[f"membrane_actions_total/{tier}"] for tier in range(4)] == [2, 1, 1, 2]
    assert found["membrane_reviews_closed_total/approved"] == 1
    assert found["membrane_reviews_closed_total/expired"] == 1
    assert found["membrane_reviews_overdue_total"] == 1
    assert found["membrane_votes_refused_total/not_approver"] == 1
    assert found["membrane_receipts_total/executed"] == 1
    assert found["membrane_pages_total"] > 0
    assert found["membrane_open_reviews"] == 2
    assert found["membrane_courier_lag_seconds"] == 1001
    assert found["membrane_sweep_last_success_timestamp_seconds/expire"] == bot.sweeps["expire"]
    assert found == await figures(agent) | {k: v for k, v in found.items() if k.startswith("process")}


def test_an_infrequent_sweep_counts_as_alive_between_its_runs() -> None:
    now, last = [1000.0], {"audit": 1000.0, "expire": 1000.0}
    health = Health(lambda: last, {}, every_s={"audit": 40.0, "expire": 4.0}, clock=lambda: now[0])
    now[0] += 45.0
    assert list(health.dead()) == ["expire"]
    now[0] += 80.0
    assert sorted(health.dead()) == ["audit", "expire"]
