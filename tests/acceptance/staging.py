"""The stage: a Slack workspace, and the bot beside it, in this process or as `membrane run`.

The workspace outlives the bot, which may be stopped, killed and started again on the same data folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import shutil
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from bot.app import Bot
from bot.localslack import LocalSlack, Person
from bot.localslack.person import Wanted
from bot.membrane import Tokens
from bot.settings import Settings
from bot.store.database import open_database
from tests.acceptance import ledger
from tests.acceptance.agent import Agent, Json
from tests.acceptance.company import GUS
from tests.waiting import PATIENCE_S, eventually

HERE = Path(__file__).parent
PROGRAM = Path(sys.executable).with_name("membrane")
GRAPHS = f"ledger={ledger.__file__}:graph,broken={ledger.__file__}:broken"
UP_S = 60.0
"""Time limit for a start, which spends seconds on imports and more on a busy machine."""
WHOLE_S = 120.0
"""Time limit for one test, including its waits."""
PACE = "50"
"""The local workspace has no rate limits, so cards need not wait for each other."""
SOCKETS = 2
"""Number of connections that the bot keeps."""
APART = ("tokens", "meta", "journal")
"""Tables that record attempts and last uses, not the state of anything."""


@dataclass
class Stage:
    """The bot's surroundings: a workspace, a data folder and a policy file of its own."""

    slack: LocalSlack
    folder: Path
    way: str = "socket"
    settings: dict[str, str] = field(default_factory=dict)
    """More settings, by their names in the environment."""
    before: tuple[str, ...] = ()
    """A command that runs the bot's command, such as one that changes the user."""
    descriptors: int | None = None
    """Limit of open descriptors for a process; None keeps the machine's limit."""

    def __post_init__(self) -> None:
        shutil.copy(HERE / "policy.yaml", self.policy)

    @property
    def policy(self) -> Path:
        """The policy file."""
        return self.folder / "policy.yaml"

    @property
    def database(self) -> Path:
        """The store."""
        return self.folder / "data" / "membrane.db"

    @property
    def environment(self) -> dict[str, str]:
        """The settings, as an operator would set them."""
        return {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            "MEMBRANE_SLACK_API_URL": self.slack.api_url,
            "MEMBRANE_DELIVERY": self.way,
            "MEMBRANE_DATA": str(self.database.parent),
            "MEMBRANE_POLICY": str(self.policy),
            "MEMBRANE_PORT": "0",
            "MEMBRANE_GRAPHS": GRAPHS,
            "MEMBRANE_SWEEP_S": "0.1",
            "MEMBRANE_SLACK_PACE": PACE,
            "MEMBRANE_LOG_FORMAT": "json",
            ledger.VARIABLE: str(self.folder / "ledger.jsonl"),
            **self.settings,
        }

    @asynccontextmanager
    async def bot(self, *, alone: bool = False) -> AsyncIterator[Bot]:
        """Run the bot in this process; `alone` does not wait for Slack."""
        async with asyncio.timeout(WHOLE_S), Bot(self._settings()) as bot:
            if not alone:
                await self._reached(bot.api_url)
            yield bot

    def _settings(self) -> Settings:
        os.environ[ledger.VARIABLE] = self.environment[ledger.VARIABLE]
        known = {
            str(info.validation_alias or f"MEMBRANE_{name.upper()}"): name
            for name, info in Settings.model_fields.items()
        }
        given = {known[name]: value for name, value in self.environment.items() if name in known}
        return Settings.model_validate(given)

    @asynccontextmanager
    async def process(self) -> AsyncIterator[Process]:
        """Run the bot as `membrane run`, and kill it at the end if it still runs."""
        async with self.started() as process:
            await self._reached(await process.up())
            yield process

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Process]:
        """Start `membrane run`, even if the start fails."""
        process = Process(self.environment, self.folder, before=self.before, descriptors=self.descriptors)
        try:
            await process.start()
            yield process
        finally:
            await process.kill()

    async def _reached(self, url: str) -> None:
        """Deliver clicks over HTTP to the bot's address, or wait until its sockets are open."""
        if self.way == "socket":
            await eventually(self._connected, what="two sockets")
            return
        self.slack.deliver_to(f"{url}/slack/events")
        async with Agent(url) as anybody:
            await eventually(lambda: _well(anybody), what="readiness")

    async def _connected(self) -> bool:
        return self.slack.sockets.count == SOCKETS

    async def token(self, agent: str = "ops-agent") -> str:
        """Make a token for an agent, as `membrane token create` does beside the bot."""
        db = open_database(self.database, writer="cli")
        try:
            return (await Tokens(db).create(agent, GUS))[1]
        finally:
            await db.close()

    @asynccontextmanager
    async def person(self, user: str) -> AsyncIterator[Person]:
        """Act as a person in the workspace."""
        async with Patient(self.slack.base_url, user) as person:
            yield person

    def effects(self) -> list[Json]:
        """Return the hosted graphs' effects, in order."""
        path = Path(self.environment[ledger.VARIABLE])
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def rows(self, table: str) -> list[Json]:
        """Return a table of the store, read from the disk."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")]

    def everything(self) -> dict[str, list[Json]]:
        """Return the whole state in the store."""
        with closing(sqlite3.connect(self.database)) as connection:
            names = [
                name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")
            ]
        return {name: self.rows(name) for name in names if name not in APART}

    def journal(self) -> list[str]:
        """Return the events in the bot's journal, in order."""
        entries = [row for row in self.rows("journal") if row["writer"] == "bot"]
        return [row["event"] for row in sorted(entries, key=lambda row: row["seq"])]

    async def shown(self) -> None:
        """Wait until Slack shows all that the store wants."""

        async def look() -> bool:
            return all(row["due_at"] is None for row in self.rows("messages"))

        await eventually(look, what="every message shown")


async def _well(anybody: Agent) -> bool:
    return not await anybody.problems()


class Patient(Person):
    """A person who waits as long as a busy machine needs."""

    async def wait_for_message(
        self,
        channel: str,
        wanted: Wanted | str = "",
        *,
        timeout: float = PATIENCE_S,
    ) -> Json:
        """Wait for a message, as a Person does."""
        return await super().wait_for_message(channel, wanted, timeout=timeout)


class Process:
    """`membrane run`, started from a shell."""

    def __init__(
        self,
        environment: dict[str, str],
        folder: Path,
        *,
        before: tuple[str, ...] = (),
        descriptors: int | None = None,
    ) -> None:
        self._before = before
        self._descriptors = descriptors
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environment = {**kept, **environment}
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self.log: list[Json] = []
        """Log events; a line that is not JSON is an event of its own."""
        self.raw: list[bytes] = []
        """Lines on stdout and stderr."""

    async def start(self) -> None:
        """Start it."""
        self._process = await asyncio.create_subprocess_exec(
            *self._before,
            PROGRAM,
            "run",
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=self._limit,
        )
        self._reading = asyncio.create_task(self._read())

    def _limit(self) -> None:
        """Do what `ulimit -n` does, in the new process."""
        if self._descriptors is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self._descriptors, self._descriptors))

    async def _read(self) -> None:
        assert self._process
        assert self._process.stdout
        async for line in self._process.stdout:
            self.raw.append(line)
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.log.append({"event": line.decode().rstrip()})

    def logged(self, words: str) -> list[Json]:
        """Return the events with these words in them."""
        return [line for line in self.log if words in str(line["event"])]

    async def up(self) -> str:
        """Wait until the bot is up, and return the API's address."""

        async def look() -> bool:
            assert self._process
            assert self._process.returncode is None, self.log
            return bool(self.logged("the bot is up"))

        await eventually(look, within=UP_S, what="the bot's start")
        return str(self.logged("the bot is up")[0]["api"])

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process
        return self._process.pid

    @property
    def url(self) -> str:
        """The API's address, once it is up."""
        return str(self.logged("the bot is up")[0]["api"])

    async def ended(self, within: float = PATIENCE_S) -> int:
        """Wait for the process to end, and return its exit code."""
        assert self._process
        assert self._reading
        async with asyncio.timeout(within):
            code = await self._process.wait()
            await self._reading
        return code

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process
        self._process.send_signal(number)

    async def kill(self) -> None:
        """Kill it like a power cut."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.kill()
        await self.ended()
