"""The bot answers every request to Slack's URL, never with 500, and the store stays unchanged.

Every request is signed, as by an attacker who has the signing secret or a hole in Slack.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import httpx2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.security.conftest import MAL, Json, Scene, propose, signed
from tests.waiting import PATIENCE_S

EXAMPLES = 60
DECIDED = (
    "SELECT id, state, args, settled_at, detail FROM actions",
    "SELECT id, state, note, closed_at, acked_by, quiet_until FROM reviews",
    *(f"SELECT * FROM {table}" for table in ("votes", "executions", "threads", "interrupts")),
    "SELECT id, hash, revoked_at FROM tokens",
)
"""Queries for the state that only entitled people and agents can change."""

KEYS = st.sampled_from(
    [
        "type",
        "user",
        "id",
        "team",
        "actions",
        "value",
        "view",
        "state",
        "values",
        "container",
        "r",
        "d",
        "a",
        "x",
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["block_actions", "view_submission", "shortcut", "approve", "reject_with_note", "note", MAL]
    )
)
JSON = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(KEYS, part, max_size=5), max_leaves=20
)


def examples(strategy: st.SearchStrategy[Any], count: int = EXAMPLES) -> list[Any]:
    """Return fixed examples, because hypothesis cannot run an async test itself."""
    found: list[Any] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def decided(scene: Scene) -> list[list[Any]]:
    """Return the state of everything that people decide."""
    with closing(sqlite3.connect(scene.data / "membrane.db")) as store:
        return [store.execute(f"{query} ORDER BY 1, 2").fetchall() for query in DECIDED]


def genuine(scene: Scene, asked: Json) -> list[Json]:
    """A click and a submission that are valid except for their sender, a stranger to the review."""
    value = json.dumps({"r": asked["review"]["id"], "a": asked["id"], "d": asked["args_digest"]})
    who = {
        "team": {"id": scene.slack.team_id},
        "user": {"id": MAL, "team_id": scene.slack.team_id},
        "trigger_id": "1.2.3",
        "response_url": f"{scene.slack.base_url}/nowhere",
    }
    return [
        *(
            {
                **who,
                "type": "block_actions",
                "actions": [{"action_id": name, "block_id": "review", "value": value}],
            }
            for name in ("approve", "reject", "reject_with_note", "acknowledge", "view_all", "view_page_1")
        ),
        {
            **who,
            "type": "view_submission",
            "view": {
                "id": "V1",
                "callback_id": "note",
                "private_metadata": value,
                "state": {"values": {"note": {"note": {"type": "plain_text_input", "value": "no"}}}},
            },
        },
    ]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, part in inner for found in places(part, (*path, key)))]


def changed(payload: Json, path: tuple[Any, ...], part: Any) -> Any:
    """Return a payload with one part of it replaced."""
    if not path:
        return part
    copied = json.loads(json.dumps(payload))
    inner = copied
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = part
    return copied


async def each_is_answered(scene: Scene, count: int, send: Callable[[httpx2.AsyncClient, int], Any]) -> None:
    before = decided(scene)
    async with httpx2.AsyncClient(timeout=PATIENCE_S) as slack:
        for number in range(count):
            response = await send(slack, number)
            assert response.status_code < 500, response.request.content
    assert decided(scene) == before


async def test_no_payload_breaks_the_slack_endpoint(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """It sends generated payloads, and genuine ones with one part replaced."""
    asked = await propose(agent, "data.delete", {"id": 1})
    payloads = examples(JSON)
    for payload in genuine(scene, asked):
        spots = st.tuples(st.sampled_from(places(payload)), JSON)
        payloads += [payload, *(changed(payload, *spot) for spot in examples(spots, EXAMPLES // 6))]

    async def send(slack: httpx2.AsyncClient, number: int) -> httpx2.Response:
        body = str(httpx2.QueryParams({"payload": json.dumps(payloads[number])}))
        headers = signed(scene.slack.signing_secret, body)
        return await slack.post(scene.slack_url, content=body, headers=headers)

    await each_is_answered(scene, len(payloads), send)


async def test_no_body_breaks_the_slack_endpoint(scene: Scene, agent: httpx2.AsyncClient) -> None:
    """It sends bodies that are not a form, JSON or text, with every content type."""
    await propose(agent, "data.delete", {"id": 1})
    types = st.sampled_from(["application/x-www-form-urlencoded", "application/json", "text/plain", "x", ""])
    texts = st.text(max_size=40) | st.sampled_from(
        ["payload=", "payload=%", "payload={", "payload=[]", "payload=null", "payload=1", "{}", "[]", "null",
         '{"type": "event_callback"}', '{"type": "url_verification"}', "command=/x&text=y", "ssl_check=1"]
    )  # fmt: skip
    bodies = examples(st.tuples(texts, types))

    async def send(slack: httpx2.AsyncClient, number: int) -> httpx2.Response:
        body, content_type = bodies[number]
        headers = {**signed(scene.slack.signing_secret, body), "content-type": content_type}
        return await slack.post(scene.slack_url, content=body.encode(), headers=headers)

    await each_is_answered(scene, len(bodies), send)
