"""The routes of an agent that runs its own effects: propose, wait, claim, report."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bot.api import answers, body, models
from bot.api.answers import CardLink
from bot.api.listing import ActionStates, Before, Cursor, Limit, Reference, Wait, next_cursor, wanted
from bot.api.problems import ApiError, documented
from bot.api.replies import KEY_NAME, Direct, Polls, body_schema, caller, key_of, reply
from bot.domain.action import MAX_BYTES, Action
from bot.domain.record import TokenRecord
from bot.errors import BadAction, BatchRefused, MembraneError
from bot.membrane import Membrane, Wish

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
"""Where a proposal's answer leads."""


class Actions:
    """What an agent can ask about actions. Each docstring is the operation's text on the OpenAPI page."""

    def __init__(
        self,
        membrane: Membrane,
        polls: Polls,
        clock: Callable[[], float] = time.time,
        card_link: CardLink = answers.no_link,
    ) -> None:
        self._membrane = membrane
        self._polls = polls
        self._clock = clock
        self._card_link = card_link

    async def propose(self, request: Request) -> Response:
        """Propose an action.

        The answer says at once what the policy makes of it. State `passed`: claim it and act. State
        `waiting`: people are asked; wait with `GET /v1/actions/{id}?wait=30`. The token, not the body, says
        which agent asks and who answers for it.
        """
        began = self._clock()
        asked = await body.read(request, models.Proposal)
        key, action = key_of(request, asked.idempotency_key), _action(asked, caller(request))
        standing = await self._membrane.proposals.propose(
            action, idempotency_key=key, reference=asked.reference
        )
        proposed_before = standing.merged or (key is not None and standing.action.proposed_at < began)
        return reply(answers.action(standing, self._clock()), 200 if proposed_before else 201)

    async def propose_together(self, request: Request) -> Response:
        """Propose the actions of one turn together, such as the tool calls of one message of a model.

        All of them are proposed, or none: `errors` says what is wrong with which, by its path (409 where it
        is only that keys were used for other actions). Each is ruled by itself and has an `idempotency_key`
        of its own; the card of each names the others. People are asked about no more of them than the policy
        lets an agent have open at once.
        """
        began = self._clock()
        asked = await body.read(request, models.Batch)
        if request.headers.get(KEY_NAME) is not None:
            raise ApiError(422, "invalid", f"{KEY_NAME}: a batch takes keys in body.actions, one for each")
        request.scope["state"]["visit"].count(len(asked.actions) - 1)
        standings = await self._membrane.proposals.propose_together(_wishes(asked.actions, caller(request)))
        now = self._clock()
        all_known = all(each.merged or each.action.proposed_at < began for each in standings)
        answer = {"actions": [answers.action(each, now) for each in standings]}
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
        """List the agent's own actions, the newest first, also those of its hosted threads.

        `?state=open` are those that somebody still has to do something about. Ask for the next page with
        `next_cursor` and the same filters: what is proposed meanwhile does not shift it.
        """
        asked = wanted("act", states=state, reference=reference, cursor=cursor, before=before)
        found = await self._membrane.proposals.lines(caller(request).agent, most=limit + 1, wanted=asked)
        page = found[:limit]
        more = page[-1].id if len(found) > limit else None
        return reply(
            {
                "actions": [answers.line(record, self._card_link) for record in page],
                "next_cursor": next_cursor(more, asked) if more is not None else None,
                "next_before": more,
            }
        )

    async def standing(self, request: Request, action_id: str, wait: Wait = 0.0) -> Response:
        """Return where an action stands.

        With `wait`, an action that waits for people is answered when that changes, or after so many
        seconds as it stands then. Ask again for as long as you want to wait: a review does not end because
        nobody polls.
        """
        agent, found = caller(request).agent, None
        if wait:
            found = await self._polls.poll(
                request, self._membrane.proposals.wait(action_id, wait, agent=agent)
            )
        if found is None:
            found = await self._membrane.proposals.standing(action_id, agent=agent)
        return reply(answers.action(found, self._clock()))

    async def claim(self, request: Request, action_id: str) -> Response:
        """Start the action: the step between the answer and the effect.

        It succeeds once, with the args digest that was proposed, while the approval is good. Only then may
        the effect happen, with the arguments that were proposed: the answer repeats them, but for what the
        policy redacts.

        Where the answer was lost, claim again: the same token and `claimant` get the same claim, `repeated`,
        until the effect is reported or its receipt is unknown. Two processes that share a token and name no
        `claimant` both get it. So give each a name of its own, or hand the claim's `key` to the system that
        carries out the effect: it can tell by the key that both are one.

        A problem with the reason `lapsed`, or `tightened` where the policy says more of it than it did, says
        that people are being asked (again): wait as after the proposal, and claim again. An action of a
        hosted thread is started by its host alone.
        """
        asked = await body.read(request, models.ClaimRequest)
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
        return reply(answers.claim(claimed))

    async def report(self, request: Request, action_id: str) -> Response:
        """Say what became of a claimed action. Unreported, its receipt becomes `unknown`."""
        asked = await body.read(request, models.Report)
        if len(orjson.dumps(asked.result)) > MAX_BYTES:
            raise ApiError(422, "invalid", f"body.result: it is larger than {MAX_BYTES} bytes of JSON")
        found = await self._membrane.claims.report(
            action_id,
            executed=asked.receipt == "executed",
            detail=asked.detail,
            result=asked.result,
            agent=caller(request).agent,
        )
        return reply(answers.action(found, self._clock()))

    async def withdraw(self, request: Request, action_id: str) -> Response:
        """Take an action back that has not started. Its review closes; nobody has judged it."""
        asked = await body.read(request, models.Withdrawal)
        found = await self._membrane.proposals.withdraw(action_id, why=asked.why, agent=caller(request).agent)
        return reply(answers.action(found, self._clock()))

    def add_to(self, routes: APIRouter) -> None:
        """Add the routes, straight into the API's own router: a nested one matches each path twice."""
        routes.add_api_route(
            PATH,
            self.propose,
            methods=["POST"],
            status_code=201,
            response_model=models.ActionAnswer,
            responses={
                200: {
                    "model": models.ActionAnswer,
                    "description": "what was proposed before, under the same key, or what is equal and open",
                },
                201: {"links": LINKS},
                **documented(400, 408, 409, 413, 415, 422),
            },
            openapi_extra=body_schema("Proposal", keyed=True),
            route_class_override=Direct,
            tags=["actions"],
        )
        routes.add_api_route(
            f"{PATH}/batch",
            self.propose_together,
            methods=["POST"],
            status_code=201,
            response_model=models.BatchAnswer,
            responses={
                200: {"model": models.BatchAnswer, "description": "all of them were proposed before"},
                **documented(400, 408, 409, 413, 415, 422),
            },
            openapi_extra=body_schema("Batch"),
            route_class_override=Direct,
            tags=["actions"],
        )
        for path, endpoint, asked, answer in (
            ("claim", self.claim, "ClaimRequest", models.ClaimAnswer),
            ("report", self.report, "Report", models.ActionAnswer),
            ("withdraw", self.withdraw, "Withdrawal", models.ActionAnswer),
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
        for path, look, found, errors in (
            ("", self.listed, models.ActionList, documented(422)),
            ("/{action_id}", self.standing, models.ActionAnswer, documented(404, 422)),
        ):
            routes.add_api_route(
                PATH + path, look, methods=["GET"], response_model=found, responses=errors, tags=["actions"]
            )


def _action(asked: models.Proposal, token: TokenRecord) -> Action:
    """Return what a proposal of a token's agent proposes. Raises BadAction."""
    return Action.of(
        asked.kind,
        asked.args,
        agent=token.agent,
        owner=token.owner,
        on_behalf_of=asked.on_behalf_of,
        description=asked.description,
        hint=asked.risk.risk() if asked.risk is not None else None,
    )


def _wishes(asked: Sequence[models.Proposal], token: TokenRecord) -> list[Wish]:
    """Return what a batch proposes. Raises BatchRefused."""
    wishes: list[Wish] = []
    faults: dict[int, MembraneError] = {}
    for place, each in enumerate(asked):
        try:
            wishes.append(Wish(_action(each, token), each.idempotency_key, each.reference))
        except BadAction as bad:
            faults[place] = bad
    if faults:
        raise BatchRefused(faults)
    return wishes
