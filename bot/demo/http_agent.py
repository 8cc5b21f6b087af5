"""An agent of its own process, of whatever framework: it asks over HTTP and runs its own effects.

    propose ─▶ wait ─▶ claim ─▶ act ─▶ report

The bot holds nothing of it but the action's state, so it can wait for minutes, or come back tomorrow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

Json = dict[str, Any]
Act = Callable[[Json], Awaitable[Any]]
"""Carries a claim out: its `key` is the idempotency key, its `args` are exactly what was approved."""

WAIT_S = 20
"""One long poll. Nothing ends because nobody polls."""
TIMEOUT_S = 60.0
UNDECIDED = {"waiting", "halted"}
"""States that a person can still change. A halted action was not answered in time, and can be yet."""


class AgentError(Exception):
    """The membrane refused something, or cannot be reached. The text says what."""


class HttpAgent:
    """Asks the membrane at `url`, on this machine, with an agent's token. An async context manager."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def propose(self, kind: str, args: Mapping[str, Any], description: str | None = None) -> Json:
        """Propose an action, and return what the policy makes of it."""
        body = {"kind": kind, "args": dict(args), "description": description}
        return await self._post("/v1/actions", body)

    async def settle(self, action: Json, act: Act) -> Json:
        """Wait until it is decided, act if it may be done, and return how it ended."""
        while action["state"] in UNDECIDED:
            action = await self._get(f"/v1/actions/{action['id']}?wait={WAIT_S}")
        if not action["may_start"]:
            return action
        path = f"/v1/actions/{action['id']}"
        claim = await self._post(f"{path}/claim", {"args_digest": action["args_digest"]})
        try:
            result = await act(claim)
        except Exception as error:  # noqa: BLE001 - whatever it was, the membrane is told
            return await self._post(f"{path}/report", {"receipt": "failed", "detail": str(error)})
        return await self._post(f"{path}/report", {"receipt": "executed", "result": result})

    async def withdraw(self, action_id: str, why: str) -> Json:
        """Take an action back: it is moot."""
        return await self._post(f"/v1/actions/{action_id}/withdraw", {"why": why})

    async def start_thread(
        self, graph: str, given: Mapping[str, Any], on_behalf_of: str | None = None
    ) -> Json:
        """Start a thread of a graph that the bot hosts."""
        body = {"graph": graph, "input": dict(given), "on_behalf_of": on_behalf_of}
        return await self._post("/v1/threads", body)

    async def thread(self, thread_id: str) -> Json:
        """Return where a hosted thread stands."""
        return await self._get(f"/v1/threads/{thread_id}")

    async def _get(self, path: str) -> Json:
        return await self._ask("GET", path)

    async def _post(self, path: str, body: Json) -> Json:
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **more: Any) -> Json:
        """Return the answer. Raises AgentError with what the problem says in words."""
        try:
            response = await self._http.request(method, path, **more)
            body: Json = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise AgentError(f"{method} {path}: {error!r}") from error
        if response.is_error:
            raise AgentError(f"{method} {path}: {body.get('detail') or body.get('title')}")
        return body
