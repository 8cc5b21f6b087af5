"""The OpenAPI page tells the truth: every reference leads somewhere, every example fits its schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx2
import jsonschema
import pytest

from tests.integration.api.conftest import Bot

OPERATIONS = {
    ("post", "/v1/actions"),
    ("get", "/v1/actions"),
    ("get", "/v1/actions/{action_id}"),
    ("post", "/v1/actions/{action_id}/claim"),
    ("post", "/v1/actions/batch"),
    ("post", "/v1/actions/{action_id}/report"),
    ("post", "/v1/actions/{action_id}/withdraw"),
    ("post", "/v1/threads"),
    ("get", "/v1/threads"),
    ("get", "/v1/threads/{thread_id}"),
    ("post", "/v1/threads/{thread_id}/withdraw"),
    ("post", "/v1/operator/freezes"),
    ("get", "/v1/operator/freezes"),
    ("post", "/v1/operator/thaws"),
    ("get", "/healthz"),
    ("get", "/readyz"),
    ("get", "/metrics"),
}


@pytest.fixture
async def page(agent: httpx2.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await agent.get("/openapi.json", headers={"Authorization": ""})).json()
    return found


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from walk(item)


def operations(page: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in page["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def validator(page: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": page["components"]})


def test_the_page_lists_every_operation(page: dict[str, Any]) -> None:
    assert {(method, path) for method, path, _ in operations(page)} == OPERATIONS
    assert page["info"]["version"] == "1.2.3"


def test_every_reference_leads_somewhere_and_nothing_is_left_over(page: dict[str, Any]) -> None:
    wanted = {part["$ref"].rpartition("/")[2] for part in walk(page) if isinstance(part.get("$ref"), str)}
    assert wanted == set(page["components"]["schemas"])


def test_every_example_fits_its_schema(page: dict[str, Any]) -> None:
    checked = 0
    for schema in page["components"]["schemas"].values():
        validator(page, schema).check_schema(schema)
        for example in schema.get("examples", []):
            validator(page, schema).validate(example)
            checked += 1
    assert checked >= 7


def test_every_guarded_operation_declares_its_errors_and_its_token(page: dict[str, Any]) -> None:
    for method, path, operation in operations(page):
        assert operation["summary"]
        assert operation["description"]
        if not path.startswith("/v1/"):
            assert "security" not in operation
            continue
        assert operation["security"] == [{"token": []}]
        assert {"401", "429", "500", "503"} <= set(operation["responses"])
        if method == "post":
            conflicts = {"409"} if not path.startswith("/v1/operator/") else set()
            assert {"400", "408", "413", "415", "422", *conflicts} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            kind = "application/json" if status < "400" else "application/problem+json"
            assert list(response["content"]) == [kind]
        if "{" in path:
            names = [each["name"] for each in operation["parameters"] if each["in"] == "path"]
            assert names == [path.partition("{")[2].partition("}")[0]]


async def test_real_answers_fit_the_schemas_of_the_page(
    bot: Bot, agent: httpx2.AsyncClient, page: dict[str, Any]
) -> None:
    def fits(answer: httpx2.Response, method: str, path: str) -> Any:
        said = page["paths"][path][method]["responses"][str(answer.status_code)]
        kind = answer.headers["Content-Type"]
        validator(page, said["content"][kind]["schema"]).validate(answer.json())
        return answer.json()

    for kind in ("db.read", "mail.send", "money.wire", "release.sign", "rocket.launch"):
        answer = await agent.post("/v1/actions", json={"kind": kind, "args": {"id": 1}})
        made = fits(answer, "post", "/v1/actions")
        one, claim = "/v1/actions/{action_id}", "/v1/actions/{action_id}/claim"
        await bot.vote(made, approve=kind != "money.wire", note="seen")
        fits(await agent.get(f"/v1/actions/{made['id']}"), "get", one)
        asked = {"args_digest": made["args_digest"]}
        fits(await agent.post(f"/v1/actions/{made['id']}/claim", json=asked), "post", claim)
        fits(await agent.get(f"/v1/actions/{made['id']}"), "get", one)
    fits(await agent.get("/v1/actions"), "get", "/v1/actions")
    fits(await agent.get("/v1/actions?limit=0"), "get", "/v1/actions")
    fits(await agent.get("/v1/actions/act_0"), "get", "/v1/actions/{action_id}")
    fits(await agent.post("/v1/actions", json={}), "post", "/v1/actions")
    fits(await agent.post("/v1/threads", json={"graph": "refunds"}), "post", "/v1/threads")
    fits(await agent.get("/healthz"), "get", "/healthz")


async def test_the_bot_serves_the_page(agent: httpx2.AsyncClient) -> None:
    answer = await agent.get("/docs")
    assert answer.status_code == 200
    assert "Checkpoint Membrane" in answer.text


async def test_the_page_needs_no_other_host(agent: httpx2.AsyncClient) -> None:
    """People paste tokens into it, and a bot may run where no other host can be reached."""
    page = (await agent.get("/docs")).text
    used = re.findall(r"(?:src|href)=[\"']([^\"']+)", page)
    assert len(used) == 3
    assert "://" not in "".join(used)
    for path in used:
        assert (await agent.get(path)).status_code == 200
