"""The whole bot between a Slack workspace, HTTP agents and hosted graphs, driven from outside."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
import structlog

from bot import logs
from bot.app import Bot
from bot.localslack import Channel, LocalSlack, Person, User, Workspace
from bot.settings import Settings
from tests.security import graphs
from tests.security.effects import done
from tests.waiting import PATIENCE_S, eventually

Json = dict[str, Any]

ADA, CLEO, DIA, GUS, MAL = "U0ADA", "U0CLEO", "U0DIA", "U0GUS", "U0MAL"
EVERYBODY = (ADA, CLEO, DIA, GUS, MAL)
APPROVALS, DIGEST = "C0APPROVALS", "C0DIGEST"
CARD, SSN = "4242424242424242", "078-05-1120"
"""Values that nobody may see."""
BUYER = {"name": "Bo", "ssn": SSN}

WORKSPACE = Workspace(
    users=tuple(User(id=user, name=user[2:].lower()) for user in EVERYBODY),
    channels=(
        Channel(id=APPROVALS, name="agent-approvals", members=EVERYBODY),
        Channel(id=DIGEST, name="agent-digest", members=EVERYBODY),
        Channel(id="C0INCIDENTS", name="incidents", members=EVERYBODY),
    ),
)
POLICY = """\
version: 1
people: {leads: [U0CLEO, U0DIA], oncall: [U0ADA, U0CLEO]}
escalations:
  platform:
    steps: [{after: 1s, page: [leads]}, {after: 50%, page: [oncall], post: "#incidents"}]
    repeat: {every: 15m, times: 3}
tiers:
  1: {digest: "#agent-digest", every: 1s}
  2: {channel: "#agent-approvals", approvers: [leads], expires_in: 1h, escalation: platform}
  3: {channel: "#agent-approvals", approvers: [leads], expires_in: 1h, escalation: platform}
actions:
  card.look:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: it changes nothing}
    redact: [card_number, customer.ssn]
  card.note:
    risk: {reversible: true, blast_radius: low}
    tier: 1
    reviewed: {by: U0CLEO, on: 2026-06-01, why: a note can be edited}
    redact: [card_number, customer.ssn]
  card.charge:
    risk: {reversible: false, blast_radius: high}
    args:
      amount: {type: number, unit: USD}
      card_number: {type: string}
      customer: {type: object}
    redact: [card_number, customer.ssn]
    tools: [charge]
  data.delete:
    risk: {reversible: false, blast_radius: high}
graphs:
  till: {agents: [till-agent]}
  clerk: {agents: [till-agent]}
  curious: {agents: [till-agent]}
"""


def signed(secret: str, body: str, at: float | None = None) -> dict[str, str]:
    """Return the headers with which Slack signs a request."""
    stamp = str(int(at or time.time()))
    mac = hmac.new(secret.encode(), f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
    form = "application/x-www-form-urlencoded"
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={mac}", "content-type": form}


@dataclass
class Scene:
    """The bot as its users meet it, and the data folder as a thief finds it."""

    slack: LocalSlack
    folder: Path
    log: io.StringIO
    bot: Bot = field(init=False)
    answers: list[str] = field(default_factory=list)
    """Every answer of the API."""

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Run the bot on the data folder."""
        policy = self.folder / "policy.yaml"
        policy.write_text(POLICY)
        given = {
            "slack_bot_token": self.slack.bot_token,
            "slack_signing_secret": self.slack.signing_secret,
            "slack_api_url": self.slack.api_url,
            "delivery": "http",
            "data": self.data,
            "policy": policy,
            "port": 0,
            "graphs": f"till={graphs.__file__}:till,clerk={graphs.__file__}:clerk,"
            f"curious={graphs.__file__}:curious",
            "sweep_s": 0.1,
            "slack_pace": 50.0,
        }
        async with Bot(Settings.model_validate(given)) as self.bot:
            self.slack.deliver_to(self.slack_url)
            async with httpx2.AsyncClient(timeout=PATIENCE_S) as anybody:

                async def ready() -> bool:
                    return (await anybody.get(f"{self.bot.api_url}/readyz")).status_code == 200

                await eventually(ready, "readiness")
            yield

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def slack_url(self) -> str:
        """The URL for Slack's requests."""
        return f"{self.bot.api_url}/slack/events"

    @asynccontextmanager
    async def agent(self, name: str = "till-agent", owner: str = GUS) -> AsyncIterator[httpx2.AsyncClient]:
        """An agent with a token of its own."""
        _, token = await self.bot.membrane.tokens.create(name, owner)
        headers = {"Authorization": f"Bearer {token}"}

        async def keep(response: httpx2.Response) -> None:
            self.answers.append((await response.aread()).decode())

        hooks: Any = {"response": [keep]}
        async with httpx2.AsyncClient(
            base_url=self.bot.api_url, headers=headers, event_hooks=hooks, timeout=PATIENCE_S
        ) as client:
            yield client

    def person(self, user: str) -> Person:
        return Person(self.slack.base_url, user)

    async def click(self, standing: Json, user: str, button: str, **changes: str) -> int:
        """Send the click on a button as Slack would, signed; `changes` are made to its value.

        Nobody clicks on a card that is not there yet, and one that is decided first is never posted.
        """

        async def shown() -> bool:
            return standing["review"]["id"] in self.said()

        await eventually(shown, "the card")
        value = {"r": standing["review"]["id"], "a": standing["id"], "d": standing["args_digest"], **changes}
        return await self.send(
            {
                "type": "block_actions",
                "team": {"id": self.slack.team_id},
                "user": {"id": user, "team_id": self.slack.team_id},
                "actions": [{"action_id": button, "block_id": "review", "value": json.dumps(value)}],
            }
        )

    async def send(self, payload: Any) -> int:
        """Send a payload as Slack would, signed. Returns the status."""
        body = urlencode({"payload": json.dumps(payload)})
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as slack:
            headers = signed(self.slack.signing_secret, body)
            return (await slack.post(self.slack_url, content=body, headers=headers)).status_code

    def said(self) -> str:
        """Everything in Slack, and every call that the bot made there."""
        messages = [
            repr((message.text, message.blocks, message.metadata))
            for conversation in self.slack.state.conversations.values()
            for message in conversation.messages.values()
        ]
        return "\n".join([*messages, *(repr(call) for call in self.slack.calls)])

    def stored(self) -> dict[str, bytes]:
        """Every file of the data folder.

        Another process copies them: one that closes a database's file drops all of its own locks on it, and
        the next command would truncate what the bot has mapped, which kills it (SIGBUS). A file that the bot
        replaces meanwhile can vanish under the copy, which is then made again.
        """
        with TemporaryDirectory() as copies:
            copied = any(
                subprocess.run(["cp", "-r", self.data, copies], check=False).returncode == 0
                for _ in range(100)
            )
            assert copied, f"{self.data} could not be copied"
            found = (path for path in sorted(Path(copies).rglob("*")) if path.is_file())
            return {path.name: path.read_bytes() for path in found}


async def propose(agent: httpx2.AsyncClient, kind: str, args: Json, **more: Any) -> Json:
    """Propose an action, and fail if the API refuses it."""
    response = await agent.post("/v1/actions", json={"kind": kind, "args": args, **more})
    assert response.status_code in (200, 201), response.text
    answer: Json = response.json()
    return answer


async def standing(agent: httpx2.AsyncClient, action: Json, wait: float = 0.0) -> Json:
    """Fetch an action's state."""
    answer: Json = (await agent.get(f"/v1/actions/{action['id']}", params={"wait": wait})).json()
    return answer


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The whole log, down to debug, as an operator would keep it."""
    root, kept = logging.getLogger(), io.StringIO()
    handlers, level = root.handlers, root.level
    logs.configure("debug", "json", stream=kept)
    yield kept
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture
async def scene(tmp_path: Path, log: io.StringIO) -> AsyncIterator[Scene]:
    """The bot, running."""
    done.clear()
    async with LocalSlack(WORKSPACE, rate_scale=None, retry_scale=0, ack_timeout=PATIENCE_S) as slack:
        made = Scene(slack, tmp_path, log)
        async with made.run():
            yield made


@pytest.fixture
async def agent(scene: Scene) -> AsyncIterator[httpx2.AsyncClient]:
    """An agent of Gus's."""
    async with scene.agent() as client:
        yield client
