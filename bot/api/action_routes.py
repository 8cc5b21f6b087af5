"""The routes of an agent that runs its own effects: propose, wait, claim, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bot.api import request_body, request_models, response_bodies, response_models
from bot.api.idempotency import KEY_NAME, key_of
from bot.api.list_parameters import ActionStates, Before, Cursor, Limit, Reference, Wait, next_cursor, wanted
from bot.api.long_polls import Polls
from bot.api.problems import ApiError, documented
from bot.api.response_bodies import CardLink
from bot.api.routes import Direct, body_schema, caller, reply
from bot.domain.action import MAX_BYTES, Action
from bot.domain.record import TokenRecord
from bot.errors import BadAction, BatchRefused, MembraneError
from bot.membrane import BatchedAction, Membrane

PATH = "/v1/actions"

LINKS = {
    "standing": {"operationId": "standing", "parameters": {"action_id": "$response.body#/id"}},
    "claim": {
        "operationId": "claim",
        "parameters": {"action_id": "$response.body#/id"},
        "requestBody": {"args_digest": "$response.body#/args_digest"},
    },
    "report": {"operationId": "report", "parameters": {"action_id": "$response.body#/id"}},
    "withdraw": {"operationId": "withdraw", "parameters": {"action_id": "$response.body#/id"}},
}
"""OpenAPI links from the answer to a proposal to the operations that follow."""


class Actions:
    """The operations on actions. Each docstring is the operation's text on the OpenAPI page."""

    def __init__(
        self,
        membrane: Membrane,
        polls: Polls,
        clock: Callable[[], float] = time.time,
        card_link: CardLink = response_bodies.no_link,
    ) -> None:
        self._membrane = membrane
        self._polls = polls
        self._clock = clock
        self._card_link = card_link

    async def propose(self, request: Request) -> Response:
        """Propose an action.

        The answer has the policy's ruling at once. State `passed`: claim the action, then act. State
        `waiting`: people are asked; wait with `GET /v1/actions/{id}?wait=30`. The token, not the body, names
        the agent and its owner.
        """
        began = self._clock()
        asked = await request_body.read(request, request_models.Proposal)
        key, action = key_of(request, asked.idempotency_key), _action(asked, caller(request))
        standing = await self._membrane.proposals.propose(
            action, idempotency_key=key, reference=asked.reference
        )
        proposed_before = standing.merged or (key is not None and standing.action.proposed_at < began)
        return reply(response_bodies.action(standing, self._clock()), 200 if proposed_before else 201)

    async def propose_together(self, request: Request) -> Response:
        """Propose the actions of one turn together, such as the tool calls of one model message.

        Either all are proposed or none. `errors` names each fault by its path; the status is 409 if the only
        faults are keys that were used for other actions. Each action is ruled by itself and may have its own
        `idempotency_key`; its card names the others. People are asked about no more of them than the policy
        lets an agent have open at once.
        """
        began = self._clock()
        asked = await request_body.read(request, request_models.Batch)
        if request.headers.get(KEY_NAME) is not None:
            raise ApiError(422, "invalid", f"{KEY_NAME}: a batch takes keys in body.actions, one for each")
        request.scope["state"]["visit"].count(len(asked.actions) - 1)
        standings = await self._membrane.proposals.propose_together(_batch(asked.actions, caller(request)))
        now = self._clock()
        all_known = all(each.merged or each.action.proposed_at < began for each in standings)
        answer = {"actions": [response_bodies.action(each, now) for each in standings]}
        return reply(answer, 200 if all_known else 201)

    async def listed(
        self,
        request: Request,
        *,
        state: ActionStates = None,
        reference: Reference = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        before: Before = None,
    ) -> Response:
        """List the agent's own actions, newest first, including those of its hosted threads.

        `?state=open` lists the actions about which somebody still has to do something. For the next page,
        send `next_cursor` with the same filters; new proposals do not shift the pages.
        """
        asked = wanted("act", states=state, reference=reference, cursor=cursor, before=before)
        found = await self._membrane.proposals.lines(caller(request).agent, most=limit + 1, wanted=asked)
        page = found[:limit]
        more = page[-1].id if len(found) > limit else None
        return reply(
            {
                "actions": [response_bodies.line(record, self._card_link) for record in page],
                "next_cursor": next_cursor(more, asked) if more is not None else None,
                "next_before": more,
            }
        )

    async def standing(self, request: Request, action_id: str, wait: Wait = 0.0) -> Response:
        """Return where an action stands.

        With `wait`, the answer for an action that waits for people comes when its state changes, or after
        that many seconds. Repeat the request for as long as you want to wait: a review does not end because
        nobody polls.
        """
        agent, found = caller(request).agent, None
        if wait:
            found = await self._polls.poll(
                request, self._membrane.proposals.wait(action_id, wait, agent=agent)
            )
        if found is None:
            found = await self._membrane.proposals.standing(action_id, agent=agent)
        return reply(response_bodies.action(found, self._clock()))

    async def claim(self, request: Request, action_id: str) -> Response:
        """Start the action: the step between the approval and the effect.

        A claim succeeds once, with the args digest of the proposal, while the approval is valid. Only then
        may the effect happen, with the arguments that were proposed. The answer repeats them, except for
        values that the policy redacts.

        If the answer is lost, claim again: the same token and `claimant` get the same claim, marked
        `repeated`, until the effect is reported or its receipt is unknown. Two processes that share a token
        and name no `claimant` both get it. So give each process its own name, or pass the claim's `key` to
        the system that carries out the effect: it can recognize the duplicate by the key.

        A problem with the reason `lapsed`, or `tightened` if the policy has become stricter, means that
        people are being asked (again): wait as after the proposal, then claim again. Only its host starts an
        action of a hosted thread.
        """
        asked = await request_body.read(request, request_models.ClaimRequest)
        token = caller(request)
        claimed = await self._membrane.claims.start(
            action_id,
            asked.args_digest,
            agent=token.agent,
            rerun=asked.rerun,
            args=asked.args,
            by=token.id,
            claimant=asked.claimant,
        )
        return reply(response_bodies.claim(claimed))

    async def report(self, request: Request, action_id: str) -> Response:
        """Report what happened to a claimed action. Without a report its receipt becomes `unknown`."""
        asked = await request_body.read(request, request_models.Report)
        if len(orjson.dumps(asked.result)) > MAX_BYTES:
            raise ApiError(422, "invalid", f"body.result: it is larger than {MAX_BYTES} bytes of JSON")
        found = await self._membrane.reports.record(
            action_id,
            executed=asked.receipt == "executed",
            detail=asked.detail,
            result=asked.result,
            agent=caller(request).agent,
        )
        return reply(response_bodies.action(found, self._clock()))

    async def withdraw(self, request: Request, action_id: str) -> Response:
        """Withdraw an action that has not started. Its review closes without an outcome."""
        asked = await request_body.read(request, request_models.Withdrawal)
        found = await self._membrane.proposals.withdraw(action_id, why=asked.why, agent=caller(request).agent)
        return reply(response_bodies.action(found, self._clock()))

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes, straight into the API's own router: a nested one would match each path twice."""
        self._add_proposals(routes)
        self._add_steps(routes)
        self._add_lookups(routes)

    def _add_proposals(self, routes: APIRouter) -> None:
        common: dict[str, Any] = {"methods": ["POST"], "status_code": 201, "tags": ["actions"]}
        errors = documented(400, 408, 409, 413, 415, 422)
        known = "the action that was proposed before under the same key, or the equal open one"
        routes.add_api_route(
            PATH,
            self.propose,
            response_model=response_models.ActionAnswer,
            responses={
                200: {"model": response_models.ActionAnswer, "description": known},
                201: {"links": LINKS},
                **errors,
            },
            openapi_extra=body_schema("Proposal", keyed=True),
            route_class_override=Direct,
            **common,
        )
        known = "all of them were proposed before"
        routes.add_api_route(
            f"{PATH}/batch",
            self.propose_together,
            response_model=response_models.BatchAnswer,
            responses={200: {"model": response_models.BatchAnswer, "description": known}, **errors},
            openapi_extra=body_schema("Batch"),
            route_class_override=Direct,
            **common,
        )

    def _add_steps(self, routes: APIRouter) -> None:
        for path, endpoint, asked, answer in (
            ("claim", self.claim, "ClaimRequest", response_models.ClaimAnswer),
            ("report", self.report, "Report", response_models.ActionAnswer),
            ("withdraw", self.withdraw, "Withdrawal", response_models.ActionAnswer),
        ):
            routes.add_api_route(
                f"{PATH}/{{action_id}}/{path}",
                endpoint,
                methods=["POST"],
                response_model=answer,
                responses=documented(400, 404, 408, 409, 413, 415, 422),
                openapi_extra=body_schema(asked),
                route_class_override=Direct,
                tags=["actions"],
            )

    def _add_lookups(self, routes: APIRouter) -> None:
        for path, endpoint, answer, errors in (
            ("", self.listed, response_models.ActionList, documented(422)),
            ("/{action_id}", self.standing, response_models.ActionAnswer, documented(404, 422)),
        ):
            routes.add_api_route(
                PATH + path,
                endpoint,
                methods=["GET"],
                response_model=answer,
                responses=errors,
                tags=["actions"],
            )


def _action(asked: request_models.Proposal, token: TokenRecord) -> Action:
    """Return the action that a token's agent proposes. Raises BadAction."""
    return Action.of(
        asked.kind,
        asked.args,
        agent=token.agent,
        owner=token.owner,
        on_behalf_of=asked.on_behalf_of,
        description=asked.description,
        hint=asked.risk.risk() if asked.risk is not None else None,
    )


def _batch(asked: Sequence[request_models.Proposal], token: TokenRecord) -> list[BatchedAction]:
    """Return the proposals of a batch. Raises BatchRefused with every fault."""
    batch: list[BatchedAction] = []
    faults: dict[int, MembraneError] = {}
    for place, each in enumerate(asked):
        try:
            batch.append(BatchedAction(_action(each, token), each.idempotency_key, each.reference))
        except BadAction as bad:
            faults[place] = bad
    if faults:
        raise BatchRefused(faults)
    return batch
