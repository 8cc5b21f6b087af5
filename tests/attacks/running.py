"""The bot that is attacked: `membrane run` on the default policy, with a workspace and hostile graphs.

Everything is done from outside: over HTTP, by clicks and signed requests, by commands in a shell.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from bot.localslack import Channel, LocalSlack, Person, all_text
from bot.membrane import Tokens
from bot.store.database import open_database
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import GUS, PEOPLE, workspace
from tests.acceptance.staging import PROGRAM, Process, Stage
from tests.waiting import PATIENCE_S, eventually

HERE = Path(__file__).parent
DEFAULT = HERE.parents[1] / "policies" / "default.yaml"
HOSTILE = HERE / "hostile.py"
CARDS = "C0ATTACKS"
"""The channel of the attacks' own kinds, so that Slack's pace for other cards does not delay theirs."""
ATTACKER = "attacker"
"""The agent whose tokens start the hostile graphs."""
GRAPHS = (
    "around", "changing", "repeating", "renaming", "swallowing", "jumping", "gated", "stock",
    "batched", "deep", "typed", "leaking", "acting", "functional", "asking", "approvable", "unavailable",
    "chatty", "idling",
)  # fmt: skip
REFUSED = ("ungated", "flipping", "seen", "missing")
"""Graphs that the bot refuses at the start. Everything else starts."""
MORE = """
  attack.pay:
    risk: {reversible: true, blast_radius: medium}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: it can be charged back}
    channel: "#attacks"
    more_args: true
    tools: [pay, slow_pay]

  attack.wipe:
    risk: {reversible: false, blast_radius: high}
    quorum: 1
    channel: "#attacks"
    more_args: true
    tools: [wipe, lose]

  attack.charge:
    risk: {reversible: false, blast_radius: high}
    quorum: 1
    channel: "#attacks"
    args:
      card: {type: string}
      way:  {type: identifier}
    redact: [card]
    tools: [charge]

  attack.both:
    risk: {reversible: false, blast_radius: high}
    channel: "#attacks"
    more_args: true

  attack.look:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: it changes nothing}
    more_args: true
    tools: [look, hang]

  attack.delegate:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: the sub-agent's own actions are ruled}
    more_args: true
    idempotent: true
    tools: [task]

  attack.read:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: it changes nothing}
    args:
      path: {type: path}
    raise:
      - {id: prod, to: 3, when: {path: {under: /prod}}, because: it is production}

"""
_numbers = count(1)


def policy() -> str:
    """Return the default policy with the kinds and graphs of the attacks, and room for many reviews."""
    text = DEFAULT.read_text(encoding="utf-8").replace("open_per_agent: 20", "open_per_agent: 10000")
    head, tail = text.split("\n# Which agents may start which hosted graph")
    listed = "".join(f"  {name}: {{agents: [{ATTACKER}]}}\n" for name in (*GRAPHS, *REFUSED))
    return f"{head}{MORE}graphs:\n{listed}\n# Which agents may start which hosted graph{tail}"


def mark() -> str:
    """Return a unique word by which to find a card."""
    return f"mark-{next(_numbers)}-{time.time_ns()}"


def say(*turns: Any) -> Json:
    """Return a thread's input: its user message is the script of `hostile.py`'s model, turn by turn."""
    return {"messages": [{"role": "user", "content": json.dumps(turns)}]}


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Target:
    """A running bot, with the actions of an attacker, a reviewer and an operator."""

    stage: Stage
    process: Process

    @property
    def url(self) -> str:
        """The API's address."""
        return self.process.url

    @asynccontextmanager
    async def agent(self, name: str = ATTACKER, owner: str = GUS) -> AsyncIterator[Agent]:
        """Be an agent, with a token of its own."""
        async with Agent(self.url, await self.token(name, owner)) as agent:
            yield agent

    async def token(self, name: str = ATTACKER, owner: str = GUS) -> str:
        """Make an agent's token beside the bot."""
        return await token(self.stage, name, owner)

    async def command(self, *line: str, code: int | None = 0) -> Ended:
        """Run `membrane …` as an operator beside the bot, and fail unless it exits with `code`."""
        return await command(self.stage, *line, code=code)

    async def signed(self, body: bytes, *, form: bool = True, **headers: str) -> httpx2.Response:
        """Send a request that Slack signed; `headers` replace its own."""
        timestamp = headers.pop("timestamp", str(int(time.time())))
        base = b"v0:" + timestamp.encode() + b":" + body
        signature = (
            "v0=" + hmac.new(self.stage.slack.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        )
        sent = {
            "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": headers.pop("signature", signature),
            **headers,
        }
        async with httpx2.AsyncClient(timeout=PATIENCE_S) as web:
            return await web.post(f"{self.url}/slack/events", content=body, headers=sent)

    async def clicked(self, voter: str, card: Json, action_id: str, **changes: Any) -> httpx2.Response:
        """Send a click that Slack signed, even on no button of the card; `changes` replace parts of it."""
        shown = [each for block in card["blocks"] for each in block.get("elements", ())]
        button = next(each for each in shown if each.get("action_id") == "approve")
        team = {"id": self.stage.slack.team_id}
        value = changes.pop("value", button["value"])
        payload = {
            "type": "block_actions",
            "user": {"id": voter, "team_id": team["id"]},
            "team": team,
            "trigger_id": "1.2.3",
            "container": {"type": "message", "channel_id": CARDS, "message_ts": card["ts"]},
            "channel": {"id": CARDS},
            "message": {"ts": card["ts"]},
            "actions": [{"type": "button", "action_id": action_id, "block_id": "review", "value": value}],
            **changes,
        }
        return await self.signed(urlencode({"payload": json.dumps(payload)}).encode())

    def effects(self, word: str) -> list[Json]:
        """Return the effects of hosted tools for the thread or call with this word."""
        return [line for line in self.stage.effects() if word in json.dumps(line)]

    def told(self, event: str, word: str = "") -> list[Json]:
        """Return the journal's entries of an event that contain a word."""
        rows = [row for row in self.stage.rows("journal") if row["event"] == event]
        bodies = [row["body"] if isinstance(row["body"], str) else row["body"].decode() for row in rows]
        return [json.loads(body) for body in bodies if word in body]

    def everywhere(self) -> str:
        """Return the contents of the store, the log and every message in Slack."""
        with closing(sqlite3.connect(self.stage.database)) as connection:
            store = "\n".join(connection.iterdump())
        shown = [
            message.text + json.dumps(message.blocks, ensure_ascii=False)
            for conversation in self.stage.slack.state.conversations.values()
            for message in conversation.messages.values()
        ]
        return "\n".join([store, b"".join(self.process.raw).decode(), *shown])

    async def card(self, person: Person, word: str, button: str = "approve") -> Json:
        """Wait for a card with this word and this button on it."""

        def fits(message: Json) -> bool:
            return word in all_text(message) and f'"action_id": "{button}"' in json.dumps(message)

        found: Json = await person.wait_for_message(CARDS, fits)
        return found

    async def approve(self, word: str, *people: Person) -> None:
        """Click approve on the card with this word, one after the other."""
        for person in people:
            assert (await person.click(CARDS, await self.card(person, word), "approve")).acked

    async def well(self) -> None:
        """Fail unless an action still passes and the bot is healthy."""
        async with self.agent("somebody-else") as other:
            assert (await other.propose("kb.search", {}))["state"] == "passed"
            await eventually(lambda: _nothing_wrong(other), what="readiness")


async def _nothing_wrong(agent: Agent) -> bool:
    return not await agent.problems()


async def token(stage: Stage, name: str = ATTACKER, owner: str = GUS) -> str:
    """Make a token for an agent, beside the bot or before it starts."""
    db = open_database(stage.database, writer="cli")
    try:
        return (await Tokens(db).create(name, owner))[1]
    finally:
        await db.close()


async def command(stage: Stage, *line: str, code: int | None = 0) -> Ended:
    """Run `membrane …` with the stage's settings."""
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *line,
        cwd=stage.folder,
        env={**_shell(), **stage.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S * 2)
    ended = Ended(process.returncode or 0, out.decode(), err.decode())
    assert code is None or ended.code == code, ended
    return ended


def _shell() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


@asynccontextmanager
async def workspace_open() -> AsyncIterator[LocalSlack]:
    """Open the company's Slack workspace, without Slack's rate limits."""
    company = workspace()
    channel = Channel(id=CARDS, name="attacks", members=tuple(person.id for person in PEOPLE))
    company = replace(company, channels=(*company.channels, channel))
    async with LocalSlack(company, rate_scale=None, retry_scale=0, ack_timeout=PATIENCE_S) as slack:
        yield slack


def set_up(slack: LocalSlack, folder: Path, graphs: tuple[str, ...] = (*GRAPHS, *REFUSED)) -> Stage:
    """Return a stage with the attacks' policy and graphs; clicks come as signed HTTP requests."""
    hosted = ",".join(f"{name}={HOSTILE}:{name}" for name in graphs)
    stage = Stage(slack, folder, "http", {"MEMBRANE_GRAPHS": hosted})
    stage.policy.write_text(policy(), encoding="utf-8")
    return stage


def ids_in(text: str, prefix: str) -> list[str]:
    """Return the ids of one sort in a text."""
    return re.findall(rf"{prefix}_[0-9a-z]+", text)
