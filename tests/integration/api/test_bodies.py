"""An ambiguous or unreadable body is refused, and the answer names the fault and its place."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from bot.api.request_body import MAX_BODY

JSON = {"Content-Type": "application/json"}


async def refused(agent: httpx2.AsyncClient, body: bytes | str, status: int, slug: str) -> dict[str, Any]:
    answer = await agent.post("/v1/actions", content=body, headers=JSON)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:membrane:problem:{slug}")
    assert problem["status"] == status
    return problem


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "Expecting value at line 1 column 1"),
        (b"{", "at line 1 column 2"),
        (b'{"kind": "db.read",}', "at line 1 column"),
        (b'{"kind": "db.read", "args": {"a": NaN}}', "NaN is not a JSON number"),
        (b'{"kind": "db.read", "args": {"a": -Infinity}}', "-Infinity is not a JSON number"),
        (b'{"kind": "db.read", "args": {"a": 1, "a": 2}}', "the key 'a' stands twice in one object"),
        (b'{"kind": "db.read", "kind": "money.wire"}', "the key 'kind' stands twice"),
        (b'{"kind": "db.read", "args": {"a": "\\ud800"}}', "surrogates"),
        (b'{"kind": "db\xff"}', "it is not UTF-8"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ('{"kind": "db.read"}'.encode("utf-16"), "it is not UTF-8"),
        (b"[" * 60 + b"]" * 60, "nested deeper than 48 levels"),
        (b"[" * 3_000 + b"]" * 3_000, "nested deeper than 48 levels"),
    ],
)
async def test_a_body_that_is_not_strict_json_is_refused(
    agent: httpx2.AsyncClient, body: bytes, says: str
) -> None:
    assert says in (await refused(agent, body, 400, "bad-json"))["detail"]


ROUNDED = [
    "9007199254740993.0",
    "1e-400",
    "99999999999999999.99",
    "100.00000000000000001",
    "-0.1000000000000000001",
    "1e999",
    "36893488147419103232",
    "-9223372036854775809",
    "9" * 5000,
]


@pytest.mark.parametrize("number", ROUNDED)
async def test_a_number_that_would_be_rounded_is_refused_with_its_path(
    agent: httpx2.AsyncClient, number: str
) -> None:
    for args in ('{"deep": [{"n": %s}]}', '{"deep": [{"n": {"x": 1}}, %s]}'):
        body = b'{"kind": "db.read", "args": ' + (args % number).encode() + b"}"
        problem = await refused(agent, body, 422, "invalid")
        where = problem["errors"][0]["where"]
        assert where in ("body.args.deep[0].n", "body.args.deep[1]")
        assert problem["detail"].startswith(f"{where} is {number[:60]}")
        assert "send it as text" in problem["detail"]


@pytest.mark.parametrize(
    "number", ["900", "900.0", "9e2", "0.1", "-0.0", "5e-324", "18446744073709551615", "1e22"]
)
async def test_a_stored_number_comes_back_as_the_same_value(agent: httpx2.AsyncClient, number: str) -> None:
    body = b'{"kind": "db.read", "args": {"n": ' + number.encode() + b"}}"
    made = await agent.post("/v1/actions", content=body, headers=JSON)
    assert made.status_code == 201
    asked = {"args_digest": made.json()["args_digest"]}
    claimed = await agent.post(f"/v1/actions/{made.json()['id']}/claim", json=asked)
    assert json.loads(claimed.text, parse_float=Decimal, parse_int=Decimal)["args"]["n"] == Decimal(number)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], "body"),
        ("text", "body"),
        (None, "body"),
        ({}, "body.kind"),
        ({"kind": 1}, "body.kind"),
        ({"kind": "two words"}, "body.kind"),
        ({"kind": "db.read\n"}, "body.kind"),
        ({"kind": "x" * 65}, "body.kind"),
        ({"kind": "db.read", "args": []}, "body.args"),
        ({"kind": "db.read", "arguments": {}}, "body.arguments"),
        ({"kind": "db.read", "on_behalf_of": "ada@acme.example"}, "body.on_behalf_of"),
        ({"kind": "db.read", "on_behalf_of": "C0CHANNEL"}, "body.on_behalf_of"),
        ({"kind": "db.read", "description": "x" * 3001}, "body.description"),
        ({"kind": "db.read", "risk": {"reversible": "yes", "blast_radius": "low"}}, "body.risk.reversible"),
        ({"kind": "db.read", "risk": {"reversible": True, "blast_radius": "tiny"}}, "body.risk.blast_radius"),
        (
            {"kind": "db.read", "risk": {"reversible": True, "blast_radius": "low", "cost_usd": -1}},
            "body.risk.cost_usd",
        ),
        ({"kind": "db.read", "idempotency_key": 7}, "body.idempotency_key"),
    ],
)
async def test_a_field_that_does_not_fit_is_named(agent: httpx2.AsyncClient, body: Any, where: str) -> None:
    problem = await refused(agent, json.dumps(body), 422, "invalid")
    assert [fault["where"] for fault in problem["errors"]] == [where]
    assert problem["detail"].startswith(f"{where}: ")


async def test_every_fault_is_named_at_once(agent: httpx2.AsyncClient) -> None:
    problem = await refused(agent, '{"kind": 1, "args": 2, "on_behalf_of": 3}', 422, "invalid")
    assert len(problem["errors"]) == 3
    assert problem["detail"].endswith("(and 2 more)")


async def test_arguments_that_cannot_be_reviewed_are_refused(agent: httpx2.AsyncClient) -> None:
    deep: Any = 1
    for _ in range(33):
        deep = [deep]
    body = json.dumps({"kind": "db.read", "args": {"a": deep}})
    assert "nested deeper than 32" in (await refused(agent, body, 422, "bad-action"))["detail"]
    body = json.dumps({"kind": "db.read", "args": {"a": "x" * 70_000}})
    assert "at most 65536 can be reviewed" in (await refused(agent, body, 422, "bad-action"))["detail"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(agent: httpx2.AsyncClient) -> None:
    await refused(agent, b" " * (MAX_BODY + 1), 413, "too-large")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""])
async def test_another_content_type_is_refused(agent: httpx2.AsyncClient, kind: str) -> None:
    answer = await agent.post("/v1/actions", content=b'{"kind": "db.read"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert "Content-Type: application/json" in answer.json()["detail"]


async def test_a_charset_in_the_content_type_is_fine(agent: httpx2.AsyncClient) -> None:
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    answer = await agent.post("/v1/actions", content='{"kind": "db.read", "args": {"a": "ü"}}', headers=kind)
    assert answer.status_code == 201


async def test_a_result_too_large_to_keep_is_refused(agent: httpx2.AsyncClient) -> None:
    made = (await agent.post("/v1/actions", json={"kind": "db.read"})).json()
    url, asked = f"/v1/actions/{made['id']}", {"receipt": "executed", "result": "x" * 70_000}
    await agent.post(f"{url}/claim", json={"args_digest": made["args_digest"]})
    answer = await agent.post(f"{url}/report", json=asked)
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "body.result: it is larger than 65536 bytes of JSON",
    )


def many(count: int, each: str) -> str:
    return '{"kind": "db.read", "args": {"a": [' + ",".join([each] * count) + "]}}"


def keyed(count: int) -> str:
    return '{"kind": "db.read", "args": {' + ",".join(f'"k{n}":1' for n in range(count)) + "}}"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (many(80_000, "[]"), "more than 4000 values"),
        (many(60_000, "{}"), "more than 4000 values"),
        (many(120_000, "1"), "more than 4000 values"),
        (many(60_000, '""'), "more than 6000 strings"),
        (many(20_000, '",[{:"'), "more than 6000 strings"),
        (many(5_000, r'"\\\""'), "more than 4000 values"),
        (keyed(20_000), "more than 6000 strings"),
        (keyed(5_000), "more than 4000 values"),
        (keyed(2_500), "more than 2000 keys"),
        ('{"kind": 1' + ',"kind": 1' * 20_000 + "}", "more than"),
    ],
)
async def test_a_body_with_too_many_values_is_refused_before_it_is_parsed(
    agent: httpx2.AsyncClient, body: str, says: str
) -> None:
    assert says in (await refused(agent, body, 413, "too-large"))["detail"]


@pytest.mark.parametrize("text", ["1,2,3;" * 10_000, '":[{,' * 5_000, "\\,:" * 8_000, '"' * 10_000])
async def test_brackets_and_commas_within_a_string_are_not_counted(
    agent: httpx2.AsyncClient, text: str
) -> None:
    answer = await agent.post("/v1/actions", json={"kind": "db.read", "args": {"a": text}})
    assert answer.status_code == 201, answer.text


async def test_a_duplicate_of_the_last_of_many_keys_is_named(agent: httpx2.AsyncClient) -> None:
    body = keyed(1_900).removesuffix("}}") + ',"k1899":1}}'
    assert "the key 'k1899' stands twice" in (await refused(agent, body, 400, "bad-json"))["detail"]


async def test_an_answer_names_the_first_twenty_of_many_faults(agent: httpx2.AsyncClient) -> None:
    body = "{" + ",".join(f'"k{n}":1' for n in range(1_900)) + "}"
    problem = await refused(agent, body, 422, "invalid")
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("(and 1900 more)")
