"""The API accepts live tokens, for their own actions only, and not too often."""

from __future__ import annotations

import pytest

from tests import fakes
from tests.integration.api.conftest import Bot, MakeBot

PROPOSAL = {"kind": "db.read", "args": {"id": 1}}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic bWJyXzpwdw=="},
        {"Authorization": "Bearer mbr_unknown"},
        {"Authorization": "Bearer " + "x" * 10_000},
        {"Authorization": "mbr_no-scheme"},
    ],
)
async def test_every_path_below_v1_needs_a_live_token(bot: Bot, headers: dict[str, str]) -> None:
    async with bot.client(headers=headers) as stranger:
        for path in ("/v1/actions", "/v1/actions/act_1", "/v1/threads/thr_1", "/v1/nothing-here"):
            answer = await stranger.get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["type"] == "urn:membrane:problem:unauthorized"


async def test_the_scheme_is_not_case_sensitive(bot: Bot) -> None:
    async with bot.client(headers={"Authorization": f"bearer {bot.token}"}) as agent:
        assert (await agent.post("/v1/actions", json=PROPOSAL)).status_code == 201


async def test_a_revoked_token_is_refused(bot: Bot) -> None:
    async with bot.client() as agent:
        assert (await agent.get("/v1/actions")).status_code == 200
        await bot.membrane.tokens.revoke(bot.token_id)
        assert (await agent.get("/v1/actions")).status_code == 401


async def test_another_agents_action_is_not_found(bot: Bot) -> None:
    _, secret = await bot.membrane.tokens.create("other", "U0ADA")
    async with bot.client() as agent, bot.client(headers={"Authorization": f"Bearer {secret}"}) as other:
        made = (await agent.post("/v1/actions", json=PROPOSAL)).json()
        url, digest = f"/v1/actions/{made['id']}", {"args_digest": made["args_digest"]}
        answers = [
            await other.get(url),
            await other.get(url, params={"wait": 1}),
            await other.post(f"{url}/claim", json=digest),
            await other.post(f"{url}/report", json={"receipt": "executed"}),
            await other.post(f"{url}/withdraw", json={"why": "mine"}),
        ]
        assert [answer.status_code for answer in answers] == [404] * 5
        assert (await agent.post(f"{url}/claim", json=digest)).status_code == 200


async def test_two_tokens_of_one_agent_see_the_same_actions(bot: Bot) -> None:
    _, secret = await bot.membrane.tokens.create("mailer", fakes.ADA)
    async with bot.client() as agent, bot.client(headers={"Authorization": f"Bearer {secret}"}) as twin:
        made = (await agent.post("/v1/actions", json=PROPOSAL)).json()
        assert (await twin.get(f"/v1/actions/{made['id']}")).status_code == 200


async def test_a_token_that_asks_too_often_is_told_when_to_try_again(make_bot: MakeBot) -> None:
    bot: Bot = await make_bot(rate=0.5)
    async with bot.client() as agent:
        assert (await agent.get("/v1/actions")).status_code == 200
        refused = await agent.get("/v1/actions")
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) == 2
        assert 1.5 < refused.json()["retry_after"] <= 2
        _, secret = await bot.membrane.tokens.create("other", "U0ADA")
        others = await agent.get("/v1/actions", headers={"Authorization": f"Bearer {secret}"})
        assert others.status_code == 200
        assert (await agent.get("/healthz")).status_code == 200


async def test_only_the_hash_of_a_token_is_stored(bot: Bot) -> None:
    async with bot.client() as agent:
        await agent.post("/v1/actions", json=PROPOSAL)
    secret = bot.token.encode()
    kept = [path.read_bytes() for path in bot.db.path.parent.iterdir() if path.is_file()]
    assert kept
    assert not any(secret in data for data in kept)
