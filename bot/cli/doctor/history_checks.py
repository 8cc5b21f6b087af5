"""How fast the bot may read channels: Slack slows apps that are distributed outside the Marketplace."""

from __future__ import annotations

from slack_sdk.web.async_client import AsyncWebClient

from bot.cli.doctor.findings import Finding, ok, warn
from bot.domain.message_answers import FailureKind
from bot.domain.policy import Policy
from bot.slack.failures import CallFailed, call_slack
from bot.slack.outbound.channel_history import METHOD, SLOW_PAGE
from bot.slack.outbound.places import NoSuchChannel, Places
from bot.slack.pagination import PAGE

PART = "history"
FAST = f"Slack lets the bot read channels at full speed, {PAGE} messages at a time"
SLOW = (
    f"Slack lets the bot read only one page of {SLOW_PAGE} messages a minute, as it does for apps "
    "distributed outside the Marketplace: a card whose post failed half-way appears minutes late"
)
WHAT_TO_DO = (
    "create the app in your own workspace, from manifest.yml: Slack does not slow a company's own apps"
)


async def check(client: AsyncWebClient, places: Places, policy: Policy) -> list[Finding]:
    """Read one channel of the policy that the bot is in; twice if the first read does not show the limit."""
    for name in sorted(policy.channels):
        try:
            channel_id = await places.find(name)
            return [warn(PART, SLOW, WHAT_TO_DO) if await _is_slow(client, channel_id) else ok(PART, FAST)]
        except NoSuchChannel:
            continue
        except CallFailed as failed:
            if failed.failure.kind is FailureKind.LIMITED:
                return [warn(PART, SLOW, WHAT_TO_DO)]
    return []  # other checks report channels and scopes


async def _is_slow(client: AsyncWebClient, channel_id: str) -> bool:
    """Raises CallFailed, with Kind.LIMITED if the running bot has already read in this minute."""
    page = await call_slack(METHOD, client.conversations_history(channel=channel_id, limit=PAGE))
    count = len(page["messages"])
    if count > SLOW_PAGE:
        return False
    if count == SLOW_PAGE and page.get("has_more"):
        return True
    await call_slack(METHOD, client.conversations_history(channel=channel_id, limit=PAGE))
    return False
