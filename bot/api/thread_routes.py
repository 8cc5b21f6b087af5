"""The routes for hosted threads: start, list, look up and withdraw them."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bot.api import request_body, request_models, response_bodies, response_models
from bot.api.idempotency import key_of
from bot.api.list_parameters import Cursor, Limit, ThreadStates, Wait, next_cursor, wanted
from bot.api.long_polls import Polls
from bot.api.problems import documented
from bot.api.response_bodies import CardLink
from bot.api.routes import Direct, body_schema, caller, reply
from bot.domain.action import canonical_json
from bot.domain.hosting import ThreadRecord
from bot.domain.people import USER_ID
from bot.domain.policy import Policy
from bot.domain.states import OPEN_THREADS
from bot.errors import BadAction, NotFound, StartRefused
from bot.membrane import Membrane

PATH = "/v1/threads"


class Host(Protocol):
    """The host of the graphs; `bot.graph.host` implements it."""

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
        """Record that a thread is wanted. Raises NotFound, GraphRefused, Conflict or TooMany."""
        ...

    async def end_thread(self, thread_id: str, why: str) -> None:
        """End a thread, withdraw its reviews and delete its saved state. Raises NotFound."""
        ...


class Threads:
    """The operations on hosted threads. Each docstring is the operation's text on the OpenAPI page."""

    def __init__(
        self, membrane: Membrane, host: Host, polls: Polls, card_link: CardLink = response_bodies.no_link
    ) -> None:
        self._membrane = membrane
        self._host = host
        self._polls = polls
        self._card_link = card_link

    async def start(self, request: Request) -> Response:
        """Start a thread of a hosted graph. The policy gates its actions like all others.

        The policy names the agents that may start a graph (`graphs: {name: {agents: […]}}`); others get 403.
        A repeat with the same idempotency key, graph and input returns the thread that exists. An agent that
        has as many open threads as the policy allows (`limits: {threads_per_agent: …}`) gets 429.
        """
        asked = await request_body.read(request, request_models.ThreadRequest)
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
        """List the agent's own threads, newest first. `?state=open` lists those that have not ended."""
        asked = wanted("thr", states=state, open_states=OPEN_THREADS, cursor=cursor)
        found = await self._membrane.threads.listed(caller(request).agent, most=limit + 1, wanted=asked)
        page = found[:limit]
        more = next_cursor(page[-1].id, asked) if len(found) > limit else None
        return reply({"threads": [response_bodies.thread_line(each) for each in page], "next_cursor": more})

    async def thread(self, request: Request, thread_id: str, wait: Wait = 0.0) -> Response:
        """Return where a thread stands, with its actions, and with its result once it has finished.

        With `wait`, the answer for a thread that has not ended comes when its state changes, or after that
        many seconds. Repeat the request until it is `done`.
        """
        found = await self._own(request, thread_id)
        if wait and not found.done:
            found = await self._polls.poll(request, self._membrane.threads.wait(thread_id, wait)) or found
        return await self._answer(found)

    async def withdraw_thread(self, request: Request, thread_id: str) -> Response:
        """End a thread in any state. Its open actions are withdrawn; effects that ran stay done.

        If the thread is stopped in the middle of an effect, that effect's receipt is unknown.
        """
        asked = await request_body.read(request, request_models.Withdrawal)
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
        return reply(response_bodies.thread(found, actions, self._card_link), status)

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes."""
        routes.add_api_route(
            PATH,
            self.start,
            methods=["POST"],
            status_code=201,
            response_model=response_models.ThreadAnswer,
            responses=documented(400, 403, 404, 408, 409, 413, 415, 422),
            openapi_extra=body_schema("ThreadRequest", keyed=True),
            route_class_override=Direct,
            tags=["threads"],
        )
        routes.add_api_route(
            PATH,
            self.threads,
            methods=["GET"],
            response_model=response_models.ThreadList,
            responses=documented(422),
            tags=["threads"],
        )
        routes.add_api_route(
            PATH + "/{thread_id}",
            self.thread,
            methods=["GET"],
            response_model=response_models.ThreadAnswer,
            responses=documented(404, 422),
            tags=["threads"],
        )
        routes.add_api_route(
            PATH + "/{thread_id}/withdraw",
            self.withdraw_thread,
            methods=["POST"],
            response_model=response_models.ThreadAnswer,
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
    """Raise BadAction unless a graph's input is within the limits of arguments, as it is kept like them.

    Its `on_behalf_of` has to be a Slack user, because the graph may propose actions with it.
    """
    named = given.get("on_behalf_of")
    if named is not None and not (isinstance(named, str) and USER_ID.fullmatch(named)):
        raise BadAction("input.on_behalf_of is not a Slack user id such as U012ABCDEF")
    try:
        canonical_json(given)
    except BadAction as error:
        raise BadAction(str(error).replace("args", "input", 1)) from error
