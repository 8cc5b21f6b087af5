"""Starts, asks and stops everything that talks to Slack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from fastapi import FastAPI, Request, Response
from slack_bolt.async_app import AsyncApp

from bot.domain.notices import Notice, Subject
from bot.domain.policy import Policy
from bot.errors import SettingsError
from bot.membrane import Admins, Membrane, Outbox
from bot.settings import DeliveryMode as Way
from bot.settings import Settings
from bot.slack.cards import digests
from bot.slack.failures import CallFailed
from bot.slack.identity import ONE_WORKSPACE, ORG_INSTALL, Identity, identify, web_client
from bot.slack.inbound import other_bots
from bot.slack.inbound.bolt_app import build_app
from bot.slack.inbound.signed_requests import HttpDelivery
from bot.slack.inbound.sockets import Delivery, SocketDelivery
from bot.slack.outbound.backlog_alert import Lateness
from bot.slack.outbound.courier import Courier
from bot.slack.outbound.pace import USUAL
from bot.slack.outbound.places import NoSuchChannel, Places, permalink
from bot.slack.people import SlackPeople
from bot.slack.web_api import POST, Calls

AGAIN_S = 5.0
"""How soon Slack is asked again who the bot is, if it could not be reached."""

_log = structlog.get_logger(__name__)


class Slack:
    """People, listeners and the courier, on one workspace.

    `people` can be used at once; messages and clicks flow while `run` does.
    """

    def __init__(
        self, settings: Settings, policy: Callable[[], Policy], clock: Callable[[], float] = time.time
    ) -> None:
        if settings.slack_bot_token is None:
            raise SettingsError("SLACK_BOT_TOKEN is not set; it is the app's Bot User OAuth Token (xoxb-…).")
        self._settings = settings
        self._policy = policy
        self._clock = clock
        self._client = web_client(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        self._calls = Calls(self._client, clock)
        self._places = Places(self._calls, clock)
        self._known: Identity | None = None
        self._asking = asyncio.Lock()
        self._admins: Admins | None = None
        self._courier: Courier | None = None
        self._outbox: Outbox | None = None
        self._delivery: Delivery | None = None
        self._lateness: Lateness | None = None
        self.people = SlackPeople(self._calls, policy, self.identity, clock)

    async def identity(self) -> Identity:
        """Return who the bot is, asked of Slack once. Raises SettingsError or CallFailed."""
        async with self._asking:
            if self._known is None:
                self._known = await identify(self._client)
            return self._known

    def card_link(self, channel_id: str, ts: str) -> str | None:
        """Return the link to a message; None while Slack has not been reached."""
        return permalink(self._known.workspace_url, channel_id, ts) if self._known is not None else None

    async def run(self, membrane: Membrane) -> None:
        """Show messages and take clicks until cancelled. Raises SettingsError if Slack refuses a token."""
        self._outbox = membrane.outbox
        admins = self._admins = membrane.admins
        self._lateness = Lateness(self.behind_s, admins, self._clock)
        self.people.tell = admins.tell
        identity = await self._identity_at_last()
        if identity.is_enterprise_install:
            where = f"the organisation of {identity.workspace_url}"
            what, todo = f"In Slack {ORG_INSTALL}.", f"In Slack, {ONE_WORKSPACE}."
            await admins.tell(Notice(Subject.APP_IN_ORGANISATION, what, where, todo))
        secret = self._settings.slack_signing_secret
        signing_secret = secret.get_secret_value() if secret else ""
        app = build_app(
            self._client, identity, membrane, signing_secret=signing_secret, others=self._other_connections
        )
        self._courier = Courier(
            membrane.outbox,
            self._calls,
            identity,
            policy=self._policy,
            people=membrane.people,
            admins=admins,
            wakeups=membrane.wakeups,
            clock=self._clock,
            rates=USUAL.times(self._settings.slack_pace),
            places=self._places,
        )
        self._delivery = delivery = self._way_in(app, signing_secret)
        # Cards go out at once: it may take long to learn whether clicks will come in.
        sending = asyncio.create_task(self._courier.run(), name="courier")
        try:
            await delivery.start()
            await sending
        finally:
            sending.cancel()
            await asyncio.wait([sending])
            await delivery.stop()

    async def _identity_at_last(self) -> Identity:
        while True:
            try:
                return await self.identity()
            except CallFailed as failed:
                _log.warning("slack_not_reached", error=failed.failure.error)
            await asyncio.sleep(AGAIN_S)

    def _way_in(self, app: AsyncApp, signing_secret: str) -> Delivery:
        if self._settings.delivery is Way.HTTP:
            return HttpDelivery(app, signing_secret)
        token = self._settings.slack_app_token
        return SocketDelivery(app, token.get_secret_value() if token else "")

    def mount(self, api: FastAPI) -> None:
        """Add Slack's route to the API, if clicks come by HTTP."""
        if self._settings.delivery is Way.HTTP:
            api.add_api_route("/slack/events", self._events, methods=["POST"], include_in_schema=False)

    async def _events(self, request: Request) -> Response:
        if isinstance(self._delivery, HttpDelivery):
            return await self._delivery.handle(request)
        return Response("the bot is not up yet", status_code=503)

    async def post(self, notice: Notice) -> None:
        """Post a notice to the admins at once, without the store, which cannot be written.

        Raises NoSuchChannel, or CallFailed while Slack is not reached.
        """
        if self._admins is None:
            raise NoSuchChannel("Slack has not been reached yet")
        drawn = digests.notice(str(notice))
        for recipient in await self._admins.recipients():
            channel, send = await self._places.find(recipient), self._client.chat_postMessage
            await self._calls.call(
                POST, send, changes=True, channel=channel, text=drawn.text, blocks=drawn.blocks
            )

    async def trouble(self) -> str | None:
        """Return why clicks would not arrive now, or None."""
        if self._delivery is None:
            return "Slack has not been reached yet"
        if not self._delivery.healthy():
            return "no connection to Slack, so clicks do not arrive"
        return None

    async def other_bots(self) -> str | None:
        """Return a sentence if another bot is connected with the same Slack app, or None."""
        count = self._other_connections()
        return other_bots.in_words(count) if count else None

    def _other_connections(self) -> int:
        return self._delivery.others() if self._delivery is not None else 0

    async def behind_s(self) -> float:
        """Return for how many seconds the oldest unsent message has waited."""
        if self._courier is not None:
            return await self._courier.behind_s()
        return await self._outbox.behind_s() if self._outbox is not None else 0.0

    async def look_out(self) -> None:
        """Tell of late messages, of another bot that gets clicks, and of shared channels."""
        if self._lateness is not None:
            await self._lateness.look()
        if self._courier is not None:
            await self._courier.look_at_channels()
        if self._admins is not None and (count := self._other_connections()):
            await self._admins.tell(other_bots.notice(count))

    async def close(self) -> None:
        """Stop taking clicks."""
        if self._delivery is not None:
            await self._delivery.stop()
