"""Every error is a problem document (RFC 9457) with a stable type."""

from __future__ import annotations

import httpx2
import pytest

from bot.api.problems import MEDIA_TYPE, Problem
from bot.errors import GraphRefused, MembraneError, StoreError
from tests.integration.api.conftest import Bot


def check(answer: httpx2.Response, status: int, slug: str) -> Problem:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    problem = Problem.model_validate_json(answer.content, extra="forbid")
    assert (problem.status, problem.type) == (status, f"urn:membrane:problem:{slug}")
    assert problem.title
    return problem


@pytest.mark.parametrize("path", ["/nothing", "/v1/nothing", "/v1/actions/", "/v1/actions/a/b/c"])
async def test_an_unknown_path_is_a_problem(agent: httpx2.AsyncClient, path: str) -> None:
    assert path in check(await agent.get(path), 404, "not-found").detail


@pytest.mark.parametrize(
    "path", ["/v1/actions/act_0", "/v1/threads/thr_0", "/v1/actions/%00", "/v1/actions/%ff"]
)
async def test_an_unknown_id_is_a_problem(agent: httpx2.AsyncClient, path: str) -> None:
    assert "there is no" in check(await agent.get(path), 404, "not-found").detail


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/actions", "GET, POST"),
        ("PUT", "/v1/actions/act_1", "GET"),
        ("GET", "/v1/actions/act_1/claim", "POST"),
        ("POST", "/healthz", "GET"),
        ("POST", "/metrics", "GET"),
    ],
)
async def test_an_unsupported_method_is_a_problem(
    agent: httpx2.AsyncClient, method: str, path: str, allowed: str
) -> None:
    answer = await agent.request(method, path)
    check(answer, 405, "method-not-allowed")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "before=" + "x" * 65])
async def test_an_invalid_query_is_a_problem(agent: httpx2.AsyncClient, query: str) -> None:
    problem = check(await agent.get(f"/v1/actions?{query}"), 422, "invalid")
    assert problem.errors
    assert problem.errors[0].where == "query." + query.partition("=")[0]


@pytest.mark.parametrize(
    ("error", "status", "slug"),
    [
        (StoreError("the disk is full"), 503, "store-unavailable"),
        (GraphRefused("the graph has an ungated tool"), 409, "graph-refused"),
        (MembraneError("something without a meaning of its own"), 500, "internal"),
    ],
)
async def test_errors_of_the_membrane_are_problems(
    bot: Bot,
    agent: httpx2.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    error: MembraneError,
    status: int,
    slug: str,
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(bot.membrane.proposals, "lines", fail)
    assert check(await agent.get("/v1/actions"), status, slug).detail == str(error)
    monkeypatch.setattr(bot.membrane.tokens, "authenticate", fail)
    check(await agent.get("/v1/actions"), status, slug)


async def test_an_unexpected_error_reveals_no_internals(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret insides")

    monkeypatch.setattr(bot.membrane.proposals, "lines", fail)
    async with bot.client(raises=False) as agent:
        answer = await agent.get("/v1/actions")
    assert check(answer, 500, "internal").detail == "the bot failed; its log has the error"
    assert "insides" not in answer.text
