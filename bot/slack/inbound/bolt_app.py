"""The Bolt app: who the bot is, its proxy, and its listeners."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_sdk.web.async_client import AsyncWebClient

from bot.membrane import Membrane
from bot.slack.identity import Identity, web_client
from bot.slack.inbound.listeners import LIMIT_S, Listeners


def build_app(
    client: AsyncWebClient,
    identity: Identity,
    membrane: Membrane,
    *,
    signing_secret: str | None = None,
    limit_s: float = LIMIT_S,
    others: Callable[[], int] = lambda: 0,
) -> AsyncApp:
    """Return the Bolt app with all listeners. `client` has the bot's token; `identity` is who it is.

    Slack signs its HTTP requests with `signing_secret`; Socket Mode needs none. A person whose click takes
    longer than `limit_s` seconds is told so. `others` returns how many connections of the app belong to
    another bot for certain.
    """
    result = AuthorizeResult(
        enterprise_id=identity.enterprise_id,
        team_id=identity.team_id,
        url=identity.workspace_url,
        bot_user_id=identity.bot_user_id,
        bot_id=identity.bot_id,
        bot_token=client.token,
    )

    async def authorize() -> AuthorizeResult:
        # Known from the start. Bolt itself would call auth.test again for simultaneous requests.
        return result

    # With a token Bolt would ignore `authorize`, and ask Slack itself.
    bare = web_client(None, client.base_url, timeout_s=client.timeout)
    app = AsyncApp(client=bare, authorize=authorize, signing_secret=signing_secret)

    async def proxied(context: AsyncBoltContext, next: Callable[[], Awaitable[None]]) -> None:  # noqa: A002 - Bolt's name
        # Bolt makes a client for each request, which takes its proxy from the environment.
        if context.client is not None:
            context.client.proxy = bare.proxy
        await next()

    app.middleware(proxied)
    Listeners(membrane, limit_s, others=others).register(app)
    return app
