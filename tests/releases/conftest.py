"""A folder that an earlier release left, and the present bot started on it.

One bot serves all tests of a file: each answers other actions and threads of what was left.
"""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from bot.app import Bot
from bot.localslack import LocalSlack, Person
from tests.acceptance.agent import Agent
from tests.acceptance.company import APPROVALS, CLEO, workspace
from tests.releases.staging import Json, Later, Place, put_back
from tests.waiting import PATIENCE_S

HERE = Path(__file__).parent
Unpack = Callable[[Path, Path], None]


@dataclass
class Left:
    """The data of an earlier release, and the present bot on it."""

    place: Place
    said: Json
    """What the release's agent remembered and its workspace showed."""
    files: Path
    """The release's other files: anchors and an export of the journal."""
    bot: Bot
    agent: Agent
    cleo: Person

    def action(self, name: str) -> Json:
        """Return an action as the agent remembers it."""
        found: Json = self.said["actions"][name]
        return found

    async def of(self, name: str) -> list[Json]:
        """Return the actions of a thread."""
        return list((await self.thread(name))["actions"])

    async def thread(self, name: str, *states: str) -> Json:
        """Return a thread, once it is in one of these states."""
        started = {"id": self.said["threads"][name]}
        if states:
            return await self.agent.thread(started, *states)
        return await self.agent.ask("GET", f"/v1/threads/{started['id']}")

    def old_card(self, action_id: str) -> Json:
        """Return the card of an action as the release drew it."""
        (channel,) = (each for each in self.said["slack"]["conversations"] if each["id"] == APPROVALS)
        found = [
            message
            for message in channel["messages"].values()
            if action_id in json.dumps(message["blocks"])
            and '"action_id": "approve"' in json.dumps(message["blocks"])
        ]
        return dict(found[-1])

    async def press(self, action_id: str, button: str = "approve", person: Person | None = None) -> None:
        """Click a button of the card as the release drew it, even if the present bot has redrawn it."""
        card = self.old_card(action_id)
        shelf = self.place.slack.state.conversations[APPROVALS].messages
        shelf[card["ts"]].blocks = card["blocks"]
        clicked = await (person or self.cleo).click(APPROVALS, card["ts"], button)
        assert clicked.acked, clicked


@pytest.fixture(params=["v0_1"], scope="module")
def release(request: pytest.FixtureRequest) -> Path:
    """The folder of a release's fixture."""
    return HERE / str(request.param)


def unpack(release: Path, into: Path) -> None:
    """Unpack the release's data into a folder."""
    with tarfile.open(release / "left.tar.xz") as tar:
        tar.extractall(into, filter="fully_trusted")
    shutil.copy(release / "policy.yaml", into)
    (into / "data" / "secret").chmod(0o600)


@pytest.fixture(scope="module")
def prepare() -> Unpack:
    """A function that unpacks the release's data into a folder."""
    return unpack


@pytest.fixture
def folder(release: Path, prepare: Unpack, tmp_path: Path) -> Path:
    """The release's data, unpacked for one test."""
    prepare(release, tmp_path)
    return tmp_path


@asynccontextmanager
async def started(release: Path, folder: Path) -> AsyncIterator[Left]:
    """Start the present bot on the release's data, a moment after the release's last write."""
    said = json.loads((folder / "left.json").read_text())
    clock = Later(said["made_at"] + 60)
    async with LocalSlack(
        workspace(), rate_scale=None, retry_scale=0, ack_timeout=PATIENCE_S, clock=clock
    ) as slack:
        put_back(slack, said["slack"])
        place = Place(slack, folder, clock)
        async with (
            place.run() as bot,
            Agent(bot.api_url, said["token"]) as agent,
            slack.person(CLEO) as cleo,
        ):
            yield Left(place, said, release, bot, agent, cleo)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def left(
    release: Path, prepare: Unpack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Left]:
    """The present bot, a moment after the release's last write, for all tests of the file."""
    folder = tmp_path_factory.mktemp("left")
    prepare(release, folder)
    async with started(release, folder) as left:
        yield left
