"""An agent that proposes over HTTP and waits for states."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import httpx2

from tests.waiting import PATIENCE_S, eventually

Json = dict[str, Any]


class Agent:
    """An agent with a token, or a client without one. An unexpected answer of 400 or above is a failure."""

    def __init__(self, url: str, token: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._web = httpx2.AsyncClient(base_url=url, headers=headers, timeout=PATIENCE_S, verify=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._web.aclose()

    async def send(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Make a request, and return any answer."""
        return await self._web.request(method, path, **more)

    async def ask(self, method: str, path: str, *, expect: int | None = None, **more: Any) -> Json:
        """Make a request, and fail unless the answer has the status `expect`."""
        response = await self.send(method, path, **more)
        right = response.status_code == expect if expect else response.status_code < 400
        assert right, f"{method} {path}: {response.status_code} {response.text}"
        answer: Json = response.json()
        return answer

    async def propose(self, kind: str, args: Json | None = None, **more: Any) -> Json:
        """Propose an action."""
        return await self.ask("POST", "/v1/actions", json={"kind": kind, "args": args or {}, **more})

    async def standing(self, action: Json) -> Json:
        """Fetch an action's state."""
        return await self.ask("GET", f"/v1/actions/{action['id']}")

    async def wait_for(self, action: Json, *states: str) -> Json:
        """Wait until an action is in one of these states."""

        async def look() -> Json | None:
            found = await self.standing(action)
            return found if found["state"] in states else None

        return await eventually(look, what=f"{action['kind']} {' or '.join(states)}")

    async def claim(self, action: Json, *, expect: int = 200) -> Json:
        """Start an action."""
        body = {"args_digest": action["args_digest"]}
        return await self.ask("POST", f"/v1/actions/{action['id']}/claim", expect=expect, json=body)

    async def report(self, action: Json, receipt: str = "executed", **more: Any) -> Json:
        """Report the outcome of an action."""
        return await self.ask("POST", f"/v1/actions/{action['id']}/report", json={"receipt": receipt, **more})

    async def start(self, graph: str, given: Json) -> Json:
        """Start a thread of a hosted graph."""
        return await self.ask("POST", "/v1/threads", json={"graph": graph, "input": given})

    async def standing_of_thread(self, started: Json) -> Json:
        """Fetch a thread's state."""
        return await self.ask("GET", f"/v1/threads/{started['id']}")

    async def thread(self, started: Json, *states: str) -> Json:
        """Wait until a thread is in one of these states."""

        async def look() -> Json | None:
            found = await self.ask("GET", f"/v1/threads/{started['id']}")
            return found if found["state"] in states else None

        return await eventually(look, what=f"thread {' or '.join(states)}")

    async def text(self, path: str) -> str:
        """Return a page that is not JSON."""
        return (await self._web.get(path)).text

    async def problems(self, path: str = "/readyz") -> Json:
        """Fetch the bot's problems, by part."""
        answer = (await self._web.get(path)).json()
        problems: Json = answer["problems"]
        return problems
