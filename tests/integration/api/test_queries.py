"""A misspelt name in a request is refused with a suggestion."""

from __future__ import annotations

import httpx2
import pytest

from tests.integration.api.conftest import Bot

ACTION = "/v1/actions/act_1"


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("GET", "/v1/actions?limt=5", "query.limt: it is not a parameter here; did you mean limit?"),
        ("GET", f"{ACTION}?wiat=30", "query.wiat: it is not a parameter here; did you mean wait?"),
        ("GET", f"{ACTION}?wait=1&wait=30", "query.wait: it is given 2 times, and has one value"),
        ("GET", "/v1/actions?LIMIT=5", "query.LIMIT: it is not a parameter here; did you mean limit?"),
        ("POST", "/v1/actions?wait=30", "query.wait: it is not a parameter here; there are none"),
        ("POST", f"{ACTION}/claim?rerun=true", "query.rerun: it is not a parameter here; there are none"),
        ("POST", f"{ACTION}/report?dry=1", "query.dry: it is not"),
        ("POST", f"{ACTION}/withdraw?x", "query.x: it is not"),
        ("POST", "/v1/threads?graph=refunds", "query.graph: it is not"),
        ("GET", "/v1/threads/thr_1?verbose=1", "query.verbose: it is not"),
        ("POST", "/v1/threads/thr_1/withdraw?x=1", "query.x: it is not"),
        ("GET", "/healthz?full=1", "query.full: it is not a parameter here; there are none"),
        ("GET", "/readyz?x=1", "query.x: it is not"),
        ("GET", "/metrics?name[]=up", "query.name[]: it is not"),
    ],
)
async def test_an_unknown_query_parameter_is_refused(
    agent: httpx2.AsyncClient, method: str, path: str, says: str
) -> None:
    answer = await agent.request(method, path, json={} if method == "POST" else None)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith(says)
    assert answer.json()["errors"][0]["where"] == says.partition(": ")[0]


@pytest.mark.parametrize("path", ["/v1/operator/freezes?agent=x", "/v1/operator/thaws?name=all"])
async def test_an_operators_unknown_query_parameter_is_refused(bot: Bot, path: str) -> None:
    _, secret = await bot.membrane.tokens.create_operator("console", "U0ADA")
    async with bot.client(headers={"Authorization": f"Bearer {secret}"}) as operator:
        answer = await operator.post(path, json={"name": "all", "why": "x"})
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:membrane:problem:invalid")


async def test_many_unknown_parameters_are_counted_and_some_named(agent: httpx2.AsyncClient) -> None:
    query = "&".join(f"a{number}=1" for number in range(3000))
    answer = (await agent.get(f"/v1/actions?{query}")).json()
    assert answer["detail"].endswith("(and 2999 more)")
    assert len(answer["errors"]) == 20


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        (
            "/v1/actions",
            {"kind": "db.read", "argz": {}},
            "body.argz: it is not a field here; did you mean args?",
        ),
        (
            "/v1/actions",
            {"kind": "db.read", "risk": {"reversible": True, "blast_radius": "low", "cost": 3}},
            "body.risk.cost: it is not a field here; did you mean cost_usd?",
        ),
        (
            f"{ACTION}/claim",
            {"args_digest": "x", "zzz": 1},
            "body.zzz: it is not a field here; there are args, args_digest, ",
        ),
        ("/v1/threads", {"graf": "x"}, "body.graf: it is not a field here; did you mean graph?"),
        (
            f"{ACTION}/report",
            {"reciept": "executed"},
            "body.reciept: it is not a field here; did you mean receipt?",
        ),
    ],
)
async def test_an_unknown_field_is_refused(
    agent: httpx2.AsyncClient, path: str, body: dict[str, object], says: str
) -> None:
    answer = await agent.post(path, json=body)
    assert answer.status_code == 422
    told = [f"{fault['where']}: {fault['what']}" for fault in answer.json()["errors"]]
    assert any(each.startswith(says) for each in told), told
