"""The routes of hosted graphs: start a thread, look where it stands, take it back."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bot.api import answers, body, models
from bot.api.answers import CardLink
from bot.api.listing import Cursor, Limit, ThreadStates, Wait, next_cursor, wanted
from bot.api.problems import documented
from bot.api.replies import Direct, Polls, body_schema, caller, key_of, reply
from bot.domain.action import canonical_json
from bot.domain.people import USER_ID
from bot.domain.policy import Policy
from bot.domain.record import OPEN_THREAD_STATES, ThreadRecord
from bot.errors import BadAction, NotFound, StartRefused
from bot.membrane import Membrane

PATH = "/v1/threads"


class Host(Protocol):
    """What hosts the graphs; `bot.graph.host` does."""

    async def start_thread(
        self,
        graph: str,
        given: dict[str, Any],
        *,
        agent: str,
        owner: str | None = None,
        on_behalf_of: str | None = None,
        idempotency_key: str | None = None,
    ) -> ThreadRecord:
        """Want a thread started. Raises NotFound, GraphRefused, Conflict or TooMany."""
        ...

    async def end_thread(self, thread_id: str, why: str) -> None:
        """End a thread, withdraw what it waits for and delete its saved state. Raises NotFound."""
        ...


class Threads:
    """What an agent can ask about hosted threads. Each docstring is the operation's text on the page."""

    def __init__(
        self, membrane: Membrane, host: Host, polls: Polls, card_link: CardLink = answers.no_link
    ) -> None:
        self._membrane = membrane
        self._host = host
        self._polls = polls
        self._card_link = card_link

    async def start(self, request: Request) -> Response:
        """Start a thread of a hosted graph. What it does is gated by the policy, like any action.

        The policy names the agents that may (`graphs: {name: {agents: […]}}`); others are answered 403.
        The same idempotency key, graph and input again returns the thread that is there. An agent with as
        many threads that have not ended as the policy allows (`limits: {threads_per_agent: …}`) gets 429.
        """
        asked = await body.read(request, models.ThreadRequest)
        key, token = key_of(request, asked.idempotency_key), caller(request)
        _admit(self._membrane.policy, token.agent, asked.graph)
        _check(asked.input)
        started = await self._host.start_thread(
            asked.graph,
            asked.input,
            agent=token.agent,
            owner=token.owner,
            on_behalf_of=asked.on_behalf_of,
            idempotency_key=key,
        )
        return await self._answer(started, 201)

    async def threads(
        self,
        request: Request,
        *,
        state: ThreadStates = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """List the agent's own threads, the newest first. `?state=open` are those that have not ended."""
        asked = wanted("thr", states=state, open_states=OPEN_THREAD_STATES, cursor=cursor)
        found = await self._membrane.threads.listed(caller(request).agent, most=limit + 1, wanted=asked)
        page = found[:limit]
        more = next_cursor(page[-1].id, asked) if len(found) > limit else None
        return reply({"threads": [answers.thread_line(each) for each in page], "next_cursor": more})

    async def thread(self, request: Request, thread_id: str, wait: Wait = 0.0) -> Response:
        """Return where a thread stands, with its actions, and with its result once it has finished.

        With `wait`, one that has not ended is answered when its state changes, or after so many seconds as it
        stands then. Ask again until it is `done`.
        """
        found = await self._own(request, thread_id)
        if wait and not found.done:
            found = await self._polls.poll(request, self._membrane.threads.wait(thread_id, wait)) or found
        return await self._answer(found)

    async def withdraw_thread(self, request: Request, thread_id: str) -> Response:
        """End a thread wherever it stands. What it waits for is withdrawn; what already ran stays done.

        One that is stopped in the middle of an effect leaves that effect's receipt unknown.
        """
        asked = await body.read(request, models.Withdrawal)
        await self._own(request, thread_id)
        await self._host.end_thread(thread_id, asked.why)
        return await self._answer(await self._membrane.threads.get(thread_id))

    async def _own(self, request: Request, thread_id: str) -> ThreadRecord:
        found = await self._membrane.threads.get(thread_id)
        if found.agent != caller(request).agent:
            raise NotFound(f"there is no thread {thread_id}")
        return found

    async def _answer(self, found: ThreadRecord, status: int = 200) -> Response:
        actions = await self._membrane.proposals.lines_of(found.id)
        return reply(answers.thread(found, actions, self._card_link), status)

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes."""
        routes.add_api_route(
            PATH,
            self.start,
            methods=["POST"],
            status_code=201,
            response_model=models.ThreadAnswer,
            responses=documented(400, 403, 404, 408, 409, 413, 415, 422),
            openapi_extra=body_schema("ThreadRequest", keyed=True),
            route_class_override=Direct,
            tags=["threads"],
        )
        routes.add_api_route(
            PATH,
            self.threads,
            methods=["GET"],
            response_model=models.ThreadList,
            responses=documented(422),
            tags=["threads"],
        )
        routes.add_api_route(
            PATH + "/{thread_id}",
            self.thread,
            methods=["GET"],
            response_model=models.ThreadAnswer,
            responses=documented(404, 422),
            tags=["threads"],
        )
        routes.add_api_route(
            PATH + "/{thread_id}/withdraw",
            self.withdraw_thread,
            methods=["POST"],
            response_model=models.ThreadAnswer,
            responses=documented(400, 404, 408, 409, 413, 415, 422),
            openapi_extra=body_schema("Withdrawal"),
            route_class_override=Direct,
            tags=["threads"],
        )


def _admit(policy: Policy, agent: str, graph: str) -> None:
    """Raise StartRefused unless the policy in force lets an agent start a graph."""
    if not policy.may_start(agent, graph):
        mine = ", ".join(sorted(name for name in policy.graphs if policy.may_start(agent, name))) or "none"
        raise StartRefused(
            f"the policy does not let the agent {agent} start the graph {graph!r}; it may start: {mine}. An "
            f"admin can add it: graphs: {{{graph}: {{agents: [{agent}]}}}}"
        )


def _check(given: dict[str, Any]) -> None:
    """A graph's input is kept like arguments are, so the same limits hold.

    In whose name it is done has to be a Slack user here too, where the graph's own proposal says so.
    """
    named = given.get("on_behalf_of")
    if named is not None and not (isinstance(named, str) and USER_ID.fullmatch(named)):
        raise BadAction("input.on_behalf_of is not a Slack user id such as U012ABCDEF")
    try:
        canonical_json(given)
    except BadAction as error:
        raise BadAction(str(error).replace("args", "input", 1)) from error
