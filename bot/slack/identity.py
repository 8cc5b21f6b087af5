"""Who the bot is in its workspace: asked once, at the start."""

from __future__ import annotations

from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from bot.domain.message_answers import FailureKind
from bot.errors import SettingsError
from bot.proxies import proxy_for
from bot.slack.failures import CallFailed, Failure, call_slack

ORG_INSTALL = "the app is installed in the whole organisation, so Slack does not say where its channels are"
ONE_WORKSPACE = (
    "install it in the one workspace whose people decide: on the app's page Install App, pick that "
    "workspace, and take the Bot User OAuth Token that belongs to it"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The bot's own ids, and the address of its workspace."""

    team_id: str
    enterprise_id: str | None
    bot_id: str
    bot_user_id: str
    workspace_url: str
    is_enterprise_install: bool = False
    """Whether the app is installed in a whole Enterprise Grid organisation, not in one workspace."""


def web_client(token: str | None, base_url: str, *, timeout_s: int = 15) -> AsyncWebClient:
    """Return a client without automatic retries.

    The default client posts again after a broken connection, and so posts twice.
    """
    client = AsyncWebClient(token=token, base_url=base_url, timeout=timeout_s, retry_handlers=[])
    client.proxy = proxy_for(base_url)
    return client


async def identify(client: AsyncWebClient) -> Identity:
    """Ask Slack who the token belongs to. Raises SettingsError for a bad token, CallFailed otherwise."""
    try:
        told = await call_slack("auth.test", client.auth_test())
    except CallFailed as failed:
        if failed.failure.kind is not FailureKind.TOKEN:
            raise
        raise SettingsError(
            f"SLACK_BOT_TOKEN does not work ({failed.failure.error}): install the app in the workspace "
            "again and take the Bot User OAuth Token, which begins with xoxb-."
        ) from failed
    if not all(told.get(part) for part in ("team_id", "user_id", "url")):
        raise CallFailed("auth.test", Failure(FailureKind.DOWN, "the answer is not from Slack"))
    if not told.get("bot_id"):
        raise SettingsError("SLACK_BOT_TOKEN is not a bot's token; it has to begin with xoxb-.")
    return Identity(
        team_id=str(told["team_id"]),
        enterprise_id=told.get("enterprise_id") or None,
        bot_id=str(told["bot_id"]),
        bot_user_id=str(told["user_id"]),
        workspace_url=str(told["url"]),
        is_enterprise_install=bool(told.get("is_enterprise_install")),
    )
