"""Checks that need Slack: the tokens, their scopes, and the channels and people of the policy."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import aiohttp
import yaml
from slack_sdk.web.async_client import AsyncWebClient

from bot.cli.doctor import history_checks
from bot.cli.doctor.findings import Finding, fail, ok, warn
from bot.domain.people import known_users
from bot.domain.policy import Policy
from bot.domain.risk import Tier
from bot.errors import MembraneError, SettingsError
from bot.package_files import MANIFEST, package_file
from bot.proxies import proxy_for
from bot.settings import DeliveryMode, Settings
from bot.slack.failures import CallFailed, call_slack
from bot.slack.identity import ONE_WORKSPACE, ORG_INSTALL, Identity, identify, web_client
from bot.slack.inbound.other_bots import WHAT_TO_DO, in_words
from bot.slack.outbound.places import NoSuchChannel, Places
from bot.slack.outbound.shared_channels import is_shared, todo
from bot.slack.pagination import Walk, pages
from bot.slack.people import SlackPeople
from bot.slack.web_api import Calls

PATIENCE_S = 10
NAMED = 6
MORE_VOTES = "add approvers, or lower the quorum in the policy"
INSTALL = "reinstall the app from manifest.yml"


async def check(chosen: Settings, policy: Policy | None, *, running: bool) -> list[Finding]:
    """Check the tokens, and every channel, user group and person of the policy.

    `running`: a bot runs on this folder, and reports by itself if another one is connected.
    """
    if chosen.slack_bot_token is None:
        return [warn("slack", "not checked: there is no SLACK_BOT_TOKEN")]
    client = web_client(chosen.slack_bot_token.get_secret_value(), chosen.slack_api_url, timeout_s=PATIENCE_S)
    try:
        identity = await identify(client)
    except SettingsError as error:
        return [fail("slack", str(error))]
    except CallFailed as failed:
        return [fail("slack", f"{chosen.slack_api_url} does not answer: {failed.failure.error}")]
    found = [ok("slack", f"the bot is {identity.bot_user_id} in {identity.workspace_url}")]
    if identity.is_enterprise_install:
        found += [fail("install", ORG_INSTALL, ONE_WORKSPACE)]
    found += await _scopes(client)
    found += await _app_token(client, chosen, running=running)
    if policy is not None:
        places = Places(Calls(client))
        found += [await _channel(client, places, name, policy) for name in sorted(policy.channels)]
        found += await history_checks.check(client, places, policy)
        found += await _people(client, identity, policy)
    return found


def wanted_scopes() -> frozenset[str]:
    """Return the scopes in the manifest."""
    manifest = yaml.safe_load(package_file(MANIFEST).read_text(encoding="utf-8"))
    return frozenset(manifest["oauth_config"]["scopes"]["bot"])


async def _scopes(client: AsyncWebClient) -> list[Finding]:
    wanted = wanted_scopes()
    told = await client.auth_test()
    given = {scope for scope in str(told.headers.get("x-oauth-scopes", "")).split(",") if scope}
    found = []
    if missing := sorted(wanted - given):
        found.append(fail("scopes", f"the bot's token lacks {', '.join(missing)}", INSTALL))
    if extra := sorted(given - wanted):
        what = f"the bot's token has scopes that it does not need: {', '.join(extra)}"
        found.append(warn("scopes", what, f"to remove them, {INSTALL}"))
    return found or [ok("scopes", "as in manifest.yml")]


async def _app_token(client: AsyncWebClient, chosen: Settings, *, running: bool) -> list[Finding]:
    if chosen.delivery is DeliveryMode.HTTP:
        return []
    if chosen.slack_app_token is None:
        return [warn("socket", "not checked: there is no SLACK_APP_TOKEN")]
    token = chosen.slack_app_token.get_secret_value()
    try:
        told = await call_slack("apps.connections.open", client.apps_connections_open(app_token=token))
    except CallFailed as failed:
        fix = "the token needs connections:write, and the app Socket Mode: Basic Information, Socket Mode"
        return [fail("socket", f"SLACK_APP_TOKEN opens no connection: {failed.failure.error}", fix)]
    count = 0 if running else await _connected(str(told["url"])) - 1
    return [
        ok("socket", "Socket Mode opens"),
        *([warn("socket", in_words(count), WHAT_TO_DO)] if count > 0 else []),
    ]


async def _connected(address: str) -> int:
    """Return how many connections the app has, including the one that this opens for a moment."""
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, proxy=proxy_for(address)) as socket,
        ):
            greeting = await socket.receive_json(timeout=PATIENCE_S)
            return int(greeting.get("num_connections") or 1)
    except (aiohttp.ClientError, OSError, TimeoutError, TypeError, ValueError, AttributeError):
        return 1


async def _channel(client: AsyncWebClient, places: Places, name: str, policy: Policy) -> Finding:
    part = f"channel {name}"
    try:
        channel_id = await places.find(name)
        told = await call_slack("conversations.info", client.conversations_info(channel=channel_id))
        channel: Mapping[str, Any] | None = told["channel"]
    except NoSuchChannel:
        channel = await _public(client, name)
    except CallFailed as failed:
        return fail(part, f"Slack answered {failed.failure.error}", f"in Slack: /invite the bot to {name}")
    if channel is None:
        invite = f"create it if it does not exist, then in Slack: /invite the bot to {name}"
        return fail(part, "the bot sees no such channel; it sees a private one after an invitation", invite)
    if channel.get("is_archived"):
        return fail(part, "it is archived", "restore it, or name another in the policy")
    if is_shared(channel) and not {name, str(channel["id"])} & {*policy.external_channels}:
        return warn(part, "it is shared with another company, so no arguments are posted there", todo(name))
    if not channel.get("is_member"):
        return fail(part, "the bot is not in it, so it cannot post there", f"in Slack: /invite it to {name}")
    return ok(part, str(channel["id"]))


async def _public(client: AsyncWebClient, name: str) -> Mapping[str, Any] | None:
    """Search all public channels, also those without the bot; return None if none has the name."""
    wanted = name.removeprefix("#").lower()
    try:
        async for page in pages(Calls(client), "conversations.list", client.conversations_list, Walk()):
            for channel in page["channels"]:
                if channel["name"] == wanted:
                    return dict(channel)
    except CallFailed:  # for example after 20 pages, Slack's limit for a minute
        return None
    return None


async def _people(client: AsyncWebClient, identity: Identity, policy: Policy) -> list[Finding]:
    async def known() -> Identity:
        return identity

    directory = SlackPeople(Calls(client), lambda: policy, known, time.time)
    voters: dict[str, frozenset[str]] = {}
    found = []
    for name in sorted(policy.people):
        resolved = await directory.resolve([name])
        if resolved.unresolved:
            why = "; ".join(directory.troubles.values()) or "their members could not be looked up"
            found.append(fail(f"people {name}", why))
            continue
        anybody = resolved.users | (known_users(policy.people[name]) or frozenset())
        able, problems = await _members(directory, name, anybody)
        voters[name] = able & resolved.users
        found += problems or [ok(f"people {name}", f"{len(voters[name])} can vote now, {len(able)} in all")]
    return found + _quorums(policy, voters)


async def _members(
    directory: SlackPeople, name: str, users: Iterable[str]
) -> tuple[frozenset[str], list[Finding]]:
    able, problems = set(), []
    for user in sorted(users):
        try:
            if await directory.full_member(user):
                able.add(user)
                continue
            why = f"{user} is unknown, a guest, a bot, deactivated or from another workspace: no vote counts"
            problems.append(
                fail(f"people {name}", why, "remove them from the policy, or correct their account in Slack")
            )
        except MembraneError as error:
            problems.append(warn(f"people {name}", f"{user} could not be checked: {error}"))
    if not users:
        problems.append(
            fail(f"people {name}", "it has no members", "add somebody in Slack, or to the policy")
        )
    return frozenset(able), problems


def _quorums(policy: Policy, voters: dict[str, frozenset[str]]) -> list[Finding]:
    """Report quorums that the present people cannot reach."""
    asked: dict[tuple[tuple[str, ...], int], set[str]] = {}
    for tier, gate in policy.tiers.items():
        asked.setdefault((gate.approvers, gate.quorum), set()).add(f"tier {int(tier)}")
    for kind in policy.kinds:
        for tier in (Tier.ASYNC_APPROVAL, Tier.SYNC_APPROVAL):
            if tier >= policy.own_tier(kind):
                gate = policy.gated(kind, tier)
                asked.setdefault((gate.approvers, gate.quorum), set()).add(kind)
    found = []
    for (approvers, quorum), whats in sorted(asked.items()):
        if not all(name in voters for name in approvers):
            continue
        able = len(frozenset().union(*(voters[name] for name in approvers)))
        needs = f"{_some(whats)} need{'s' * (len(whats) == 1)} {quorum} approval{'s' * (quorum != 1)}"
        who = f"{able} of {' or '.join(approvers)} can vote"
        if able < quorum:
            found.append(fail("quorum", f"{needs}, and {who}", MORE_VOTES))
        elif able == quorum:
            why = f"{needs}, and only {who}; nobody can vote on actions of their own agent"
            found.append(warn("quorum", why, MORE_VOTES))
    return found


def _some(whats: Collection[str]) -> str:
    """Return what needs a quorum: tiers first, then kinds, at most `NAMED` of them."""
    named = sorted(whats, key=lambda what: (not what.startswith("tier "), what))
    more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
    return f"{', '.join(named[:NAMED])}{more}"
