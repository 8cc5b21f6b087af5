"""A bot runs while the machine's clock is a year ahead, and another starts after the correction."""

from __future__ import annotations

import time

import pytest

import bot.app
from bot.clock import SteadyClock
from tests.acceptance.agent import Agent
from tests.acceptance.staging import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

YEAR_S = 365 * 86_400.0


async def test_after_a_leap_reviews_are_due_in_their_window_and_health_says_so(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot.app, "SteadyClock", lambda: SteadyClock(lambda: time.time() + YEAR_S))
    async with stage.bot() as ahead, Agent(ahead.api_url, await stage.token()) as agent:
        await agent.propose("data.delete", {"what": "old logs"})
    (review,) = stage.rows("reviews")
    assert review["expires_at"] > time.time() + YEAR_S - 60
    window = review["expires_at"] - review["opened_at"]
    async with stage.process() as process, Agent(process.url) as anybody:
        answer = await anybody.ask("GET", "/healthz")
        assert answer["ok"]
        assert "the machine's clock was ahead" in answer["notes"]["clock"]
        assert (await anybody.ask("GET", "/readyz"))["notes"] == answer["notes"]
        (review,) = stage.rows("reviews")
        assert review["expires_at"] <= time.time() + window
        assert review["expiry_due_at"] == review["expires_at"]
        assert review["next_page_at"] is None or review["next_page_at"] <= time.time() + window
    assert "review.pulled_back" in stage.journal()
