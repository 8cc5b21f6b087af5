"""An agent in its own process, of any framework: it proposes over HTTP and runs its own effects.

    propose ─▶ wait ─▶ claim ─▶ act ─▶ report

The bot keeps only the state of the action, so the agent can wait for minutes or return tomorrow.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

Json = dict[str, Any]
Act = Callable[[Json], Awaitable[Any]]
"""Carries out a claim: its `key` is the idempotency key, its `args` are the approved arguments."""

WAIT_S = 20
"""Seconds of one long poll. Actions do not depend on being polled."""
TIMEOUT_S = 60.0
UNDECIDED = {"waiting", "halted"}
"""States that a person can still change. A halted action was not answered in time, but still can be."""


class AgentError(Exception):
    """The membrane refused something, or cannot be reached. The text says what."""


class HttpAgent:
    """Calls the membrane at `url`, on this machine, with an agent's token. An async context manager."""

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
        """Propose an action. Return its state under the policy."""
        body = {"kind": kind, "args": dict(args), "description": description}
        return await self._post("/v1/actions", body)

    async def settle(self, action: Json, act: Act) -> Json:
        """Wait for the decision, act if the action may start, and return its final state."""
        while action["state"] in UNDECIDED:
            action = await self._get(f"/v1/actions/{action['id']}?wait={WAIT_S}")
        if not action["may_start"]:
            return action
        path = f"/v1/actions/{action['id']}"
        claim = await self._post(f"{path}/claim", {"args_digest": action["args_digest"]})
        try:
            result = await act(claim)
        except Exception as error:  # noqa: BLE001 - report every failure
            return await self._post(f"{path}/report", {"receipt": "failed", "detail": str(error)})
        return await self._post(f"{path}/report", {"receipt": "executed", "result": result})

    async def withdraw(self, action_id: str, why: str) -> Json:
        """Withdraw an action."""
        return await self._post(f"/v1/actions/{action_id}/withdraw", {"why": why})

    async def start_thread(
        self, graph: str, given: Mapping[str, Any], on_behalf_of: str | None = None
    ) -> Json:
        """Start a thread of a graph that the bot hosts."""
        body = {"graph": graph, "input": dict(given), "on_behalf_of": on_behalf_of}
        return await self._post("/v1/threads", body)

    async def thread(self, thread_id: str) -> Json:
        """Return the state of a hosted thread."""
        return await self._get(f"/v1/threads/{thread_id}")

    async def _get(self, path: str) -> Json:
        return await self._ask("GET", path)

    async def _post(self, path: str, body: Json) -> Json:
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **more: Any) -> Json:
        """Return the answer. Raises AgentError with the text of the problem."""
        try:
            response = await self._http.request(method, path, **more)
            body: Json = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise AgentError(f"{method} {path}: {error!r}") from error
        if response.is_error:
            raise AgentError(f"{method} {path}: {body.get('detail') or body.get('title')}")
        return body
