"""Answers every click: parse it, make one call of the membrane, give one answer. No rules.

Each listener goes through one of two wrappers: Slack always gets its acknowledgement within three seconds,
and the person an answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import structlog
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncRespond
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.domain.record import NOT_TOLD, Standing, Verdict
from bot.domain.review import Review
from bot.errors import MembraneError, NotFound, VoteRefused
from bot.membrane import Membrane, made_at
from bot.proxies import proxy_for
from bot.slack.cards import buttons, views
from bot.slack.failures import CALL_FAILURES, CallFailed
from bot.slack.inbound import answers
from bot.slack.inbound.clicks import Click
from bot.slack.outbound import unknown_mentions

Json = dict[str, Any]

LIMIT_S = 2.5
"""Slack waits for three seconds."""
CHECK_S = 1.0
NEW_S = 86_400.0
"""An action younger than this cannot have been pruned: if it is not here, it never was."""
SPENT = "exchanged_trigger_id"
"""Slack's answer to the second modal of one click, which was delivered twice."""

_log = structlog.get_logger(__name__)


Handler = Callable[[Click, AsyncWebClient], Awaitable[str | None]]
"""Carries out a click, and returns the words for the person, or None."""


class Listeners:
    """Listens for every button and modal of the bot."""

    def __init__(
        self, membrane: Membrane, limit_s: float = LIMIT_S, *, others: Callable[[], int] = lambda: 0
    ) -> None:
        self._membrane = membrane
        self._others = others
        self._limit_s = limit_s

    def register(self, app: AsyncApp) -> None:
        """Listen for all buttons and modals of the bot, and for unknown ones."""
        handlers: dict[str, Handler] = {
            buttons.APPROVE: self._approve,
            buttons.REJECT: self._reject,
            buttons.REJECT_WITH_NOTE: self._ask_for_note,
            buttons.ACKNOWLEDGE: self._acknowledge,
            buttons.VIEW_ALL: self._view_all,
            buttons.IT_HAPPENED: self._resolving(Verdict.HAPPENED),
            buttons.IT_DID_NOT: self._resolving(Verdict.DID_NOT),
            buttons.LEAVE_IT: self._resolving(Verdict.LEFT),
        }
        for action_id, handler in handlers.items():
            app.action(action_id)(self._clicked(handler))
        app.action(re.compile(rf"{buttons.VIEW_PAGE}_\d+"))(self._clicked(self._turn_page))
        app.view(views.NOTE_VIEW)(self._submitted(self._reject_with_note))
        # Bolt answers 404 if nobody listens, and Slack shows the person a warning sign.
        app.action(re.compile(".*"))(self._clicked(self._unknown))
        app.view(re.compile(".*"))(self._submitted(self._unknown))

    def _clicked(self, handler: Handler) -> Callable[..., Awaitable[None]]:
        async def listener(ack: AsyncAck, body: Json, respond: AsyncRespond, client: AsyncWebClient) -> None:
            words = await self._answer(handler, body, (body.get("actions") or [{}])[0].get("value"), client)
            await ack()
            if words:
                await _tell(words, body, respond, client)

        return listener

    def _submitted(self, handler: Handler) -> Callable[..., Awaitable[None]]:
        async def listener(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
            value = (body.get("view") or {}).get("private_metadata")
            words = await self._answer(handler, body, value, client)
            if words:
                await ack(response_action="update", view=views.answer(words))
            else:
                await ack()

        return listener

    async def _answer(self, handler: Handler, body: Json, value: Any, client: AsyncWebClient) -> str | None:
        """Return the words for the person. Never raises: an unanswered click looks like a broken bot."""
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._handled(handler, Click.of(body, value), client)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person who clicked must hear something
            _note(error, body)
            return answers.failed(error, other_connections=self._others())

    async def _handled(self, handler: Handler, click: Click, client: AsyncWebClient) -> str | None:
        try:
            return await handler(click, client)
        except VoteRefused as refused:
            _log.info("click_refused", user=click.user, review=click.pressed.review_id, why=refused.reason)
            standing, review = await self._asked(click)
            return answers.about(standing.action, answers.refused(refused, review))
        except NotFound:
            await self._tell_of_another_bot(click)
            raise

    async def _tell_of_another_bot(self, click: Click) -> None:
        """Tell the admins of a click on a new review that is not here: most likely it is another bot's."""
        about = buttons.action_in(click.value)
        if time.time() - made_at(about) > NEW_S:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_S):
                await self._membrane.admins.tell(answers.of_another_bot(about))

    async def _asked(self, click: Click) -> tuple[Standing, Review]:
        """Return the review that a button was about, with its action. Raises NotFound."""
        standing = await self._membrane.proposals.standing(click.pressed.action_id)
        return standing, answers.review_in(standing, click.pressed.review_id)

    async def _approve(self, click: Click, _client: AsyncWebClient) -> str:
        return await self._vote(click, approve=True)

    async def _reject(self, click: Click, _client: AsyncWebClient) -> str:
        return await self._vote(click, approve=False)

    async def _vote(self, click: Click, *, approve: bool, note: str | None = None) -> str:
        asked = click.pressed
        try:
            standing = await self._membrane.votes.cast(
                asked.review_id,
                click.user,
                approve=approve,
                args_digest=asked.args_digest,
                note=note,
                team=click.team,
                clicked=asked.clicked if click.clicked is NOT_TOLD else click.clicked,
            )
        except VoteRefused as refused:
            standing, review = await self._asked(click)
            if not answers.counts_already(refused, review, click.user, approve=approve):
                raise
        review = answers.review_in(standing, asked.review_id)
        return answers.about(standing.action, answers.voted(review, approve=approve))

    async def _reject_with_note(self, click: Click, _client: AsyncWebClient) -> None:
        values = (click.view.get("state") or {}).get("values") or {}
        note = ((values.get(views.NOTE_BLOCK) or {}).get(views.NOTE_INPUT) or {}).get("value")
        words = str(note or "").strip()[: views.NOTE_LENGTH]
        await self._vote(click, approve=False, note=words or None)

    async def _ask_for_note(self, click: Click, client: AsyncWebClient) -> str | None:
        standing, review = await self._asked(click)
        if not review.pending:
            return answers.about(standing.action, answers.closed(review))
        await self._check(click, review)
        await _open(client, click, views.note(replace(click.pressed, clicked=click.clicked), standing))
        return None

    async def _acknowledge(self, click: Click, _client: AsyncWebClient) -> str:
        about = click.pressed
        await self._membrane.votes.acknowledge(about.review_id, click.user, click.clicked, team=click.team)
        standing, review = await self._asked(click)
        return answers.about(standing.action, answers.acknowledged(review))

    async def _check(self, click: Click, review: Review) -> None:
        """Raise VoteRefused before the note is written, if the vote will not count.

        Slack leaves little time to open a modal. If the check takes longer, the vote itself is refused later.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_S):
                await self._membrane.votes.may_vote(review.id, click.user, team=click.team)

    def _resolving(self, verdict: Verdict) -> Handler:
        async def resolve(click: Click, _client: AsyncWebClient) -> str:
            about = click.receipt
            try:
                standing = await self._membrane.unknowns.resolve(
                    about.action_id,
                    click.user,
                    verdict,
                    number=about.number,
                    args_digest=about.args_digest,
                    team=click.team,
                )
            except VoteRefused as refused:
                _log.info("click_refused", user=click.user, action=about.action_id, why=refused.reason)
                standing, unknown = await self._membrane.unknowns.receipt(about.action_id, about.number)
                if (unknown.said_by, unknown.verdict) != (click.user, verdict):
                    words = answers.not_resolved(refused, standing, unknown)
                    return answers.about(standing.action, words)
            return answers.about(standing.action, answers.resolved(standing, verdict))

        return resolve

    async def _view_all(self, click: Click, client: AsyncWebClient) -> None:
        await self._membrane.votes.may_look(click.user, team=click.team)
        standing, review = await self._asked(click)
        await _open(client, click, views.everything(standing, review))
        await self._membrane.votes.record_view(review.id, click.user, "opened")

    async def _turn_page(self, click: Click, client: AsyncWebClient) -> None:
        await self._membrane.votes.may_look(click.user, team=click.team)
        standing, review = await self._asked(click)
        view = views.everything(standing, review, click.pressed.page)
        await unknown_mentions.show(
            "views.update", client.views_update, view, view_id=str(click.view.get("id"))
        )

    async def _unknown(self, _click: Click, _client: AsyncWebClient) -> str:
        raise buttons.BadButton("The bot knows no such button (any more), so nothing was changed.")


async def _open(client: AsyncWebClient, click: Click, view: Json) -> None:
    try:
        await unknown_mentions.show("views.open", client.views_open, view, trigger_id=click.trigger_id)
    except CallFailed as failed:
        if failed.failure.error != SPENT:
            raise
        _log.info("click_delivered_twice", user=click.user)


async def _tell(words: str, body: Json, respond: AsyncRespond, client: AsyncWebClient) -> None:
    """Tell the person alone: below the message, or in the modal that was clicked."""
    try:
        if respond.response_url:
            hook = AsyncWebhookClient(respond.response_url)
            hook.proxy = proxy_for(respond.response_url)
            await hook.send(text=words, response_type="ephemeral", replace_original=False)
        elif view_id := (body.get("view") or {}).get("id"):
            await client.views_update(view_id=view_id, view=views.answer(words))
    except CALL_FAILURES as error:
        _log.warning("answer_not_delivered", error=str(error))


def _note(error: Exception, body: Json) -> None:
    user = str((body.get("user") or {}).get("id"))[:30]
    actions = [str(action.get("action_id"))[:80] for action in body.get("actions") or []]
    if isinstance(error, TimeoutError):
        _log.error("click_too_slow", user=user, actions=actions)
    elif isinstance(error, MembraneError):
        _log.warning("click_not_counted", user=user, actions=actions, why=str(error))
    else:
        _log.error("click_failed", user=user, actions=actions, exc_info=error)
