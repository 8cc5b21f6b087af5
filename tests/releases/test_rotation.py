"""A rotation of the secret on an earlier release's folder loses nothing that waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.app import Bot
from bot.domain.digest import Key
from bot.errors import SettingsError
from bot.graph.state_keys import keys_of_saved_state
from bot.localslack import LocalSlack
from bot.settings import keyfile
from tests.acceptance.agent import Agent
from tests.acceptance.company import workspace
from tests.releases.conftest import Left, Unpack, unpack
from tests.releases.staging import Place

pytestmark = pytest.mark.asyncio(loop_scope="session")

NEW = Key.of(b"the secret after the first rotation")


@pytest.fixture(scope="module")
def prepare() -> Unpack:
    """The release's data, with a new key on top of its own."""

    def rotated(release: Path, into: Path) -> None:
        unpack(release, into)
        secret = into / "data" / "secret"
        keyfile.write(secret, [NEW.secret.replace(b" ", b"-"), secret.read_bytes().strip()])
        with (into / "policy.yaml").open("a") as policy:  # the release let every agent start every graph
            policy.write("\ngraphs: {one: {agents: [ops-agent]}}\n")

    return rotated


@pytest.mark.parametrize("name", ["waiting", "numbers waiting", "redacted"])
async def test_old_buttons_vote_and_old_digests_claim(left: Left, name: str) -> None:
    held = left.action(name)
    await left.press(held["id"])
    await left.agent.wait_for(held, "approved")
    await left.agent.claim(held)
    assert (await left.agent.report(held))["receipt"] == "executed"


@pytest.mark.parametrize(
    "name", ["gate", "gate with numbers", "gate, redacted", "batch", "calls", "middleware"]
)
async def test_parked_threads_resume_and_run_once(left: Left, name: str) -> None:
    for action in await left.of(name):
        if action["state"] in {"waiting", "halted"}:
            await left.press(action["id"])
    ended = await left.thread(name, "finished", "failed")
    assert (ended["state"], {each["receipt"] for each in ended["actions"]}) == ("finished", {"executed"})


async def test_a_rejection_is_remembered(left: Left) -> None:
    held = left.action("numbers rejected")
    again = await left.agent.propose(held["kind"], held["args"])
    assert (again["state"], held["id"] in again["detail"]) == ("rejected", True)


async def test_new_actions_and_threads_are_written_under_the_new_key(left: Left) -> None:
    data = left.place.data
    new = Key.of((data / "secret").read_bytes().split()[0]).id
    made = await left.agent.propose("mail.send", {"to": "after@x.example"})
    assert made["args_digest"].split(".")[:2] == ["2", new]
    started = await left.agent.start("one", {"kind": "mail.send", "args": {"to": "x"}})
    await left.agent.thread(started, "parked")
    assert keys_of_saved_state(data / "threads.db")[new] >= 1


async def test_a_key_that_open_actions_need_cannot_be_forgotten(folder: Path) -> None:
    """If the key is gone, by hand or by a restore, the start fails and names the key to put back."""
    data = folder / "data"
    async with LocalSlack(workspace(), rate_scale=None) as slack:
        place = Place(slack, folder)
        async with place.run() as bot:
            _, token = await bot.membrane.tokens.create("ops-agent", "U0GUS")
            async with Agent(bot.api_url, token) as agent:
                await agent.propose("mail.send", {"to": "x"})
        new, old = (data / "secret").read_bytes().split()
        keyfile.write(data / "secret", [old])
        with pytest.raises(SettingsError, match=f"need the key {Key.of(new).id}"):
            async with Bot(place.settings()):
                pass


async def test_the_bot_starts_without_a_key_that_only_closed_actions_need(tmp_path: Path) -> None:
    """The newest actions name only the key that was dropped."""
    first, second = keyfile.new_key(), keyfile.new_key()
    (tmp_path / "policy.yaml").write_bytes((Path(__file__).parent / "v0_1" / "policy.yaml").read_bytes())
    (tmp_path / "data").mkdir(mode=0o700)
    secret = tmp_path / "data" / "secret"
    keyfile.write(secret, [first])
    async with LocalSlack(workspace(), rate_scale=None) as slack:
        place = Place(slack, tmp_path)
        async with place.run() as bot:
            _, token = await bot.membrane.tokens.create("ops-agent", "U0GUS")
            async with Agent(bot.api_url, token) as agent:
                done = await agent.propose("mail.send", {"to": "x"})
                await agent.ask("POST", f"/v1/actions/{done['id']}/withdraw", json={"why": "moot"})
        keyfile.write(secret, [second, first])
        async with place.run():
            pass
        keyfile.write(secret, [second])
        async with place.run():
            pass
        keyfile.write(secret, [first[::-1]])
        with pytest.raises(SettingsError, match="is not the secret"):
            async with Bot(place.settings()):
                pass
