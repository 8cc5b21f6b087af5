"""For any request of an agent, the bot gives an answer that its OpenAPI page names."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import httpx2
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from bot.domain.numbers import LEAST, MOST
from tests.security.conftest import Scene, propose

EXAMPLES = 8
"""The number of examples per operation, for valid and for invalid requests each."""


def probe(url: str, token: str) -> set[str]:
    """Try every operation of the page, and return their names."""
    headers = {"Authorization": token}
    page = schemathesis.openapi.from_url(f"{url}/openapi.json")
    tried: set[str] = set()
    for found in page.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            _try(operation.as_strategy(mode), headers)
        tried.add(operation.label)
    return tried


def _try(cases: Any, headers: dict[str, str]) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def one(case: Case[Any]) -> None:
        assume(_fits_64_bits(case.body))  # a JSON schema cannot limit numbers at any depth
        assume("cursor" not in (case.query or {}))  # nor require a cursor from an earlier answer
        case.call_and_validate(headers=headers, timeout=60)

    with suppress(Unsatisfiable):  # a request without parts has no invalid form
        one()


def _fits_64_bits(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_fits_64_bits, value.values()))
    if isinstance(value, list):
        return all(map(_fits_64_bits, value))
    return not isinstance(value, int) or LEAST <= value <= MOST


async def test_every_answer_is_one_that_the_page_names(scene: Scene, agent: httpx2.AsyncClient) -> None:
    await propose(agent, "data.delete", {"id": 1})
    tried = await asyncio.to_thread(probe, scene.bot.api_url, agent.headers["Authorization"])
    assert {"POST /v1/actions", "POST /v1/threads", "GET /healthz"} <= tried
