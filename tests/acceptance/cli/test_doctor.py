"""The doctor finds the problems that would stop the bot and names the remedies, in a strict workspace."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

import bot.demo
from bot.domain.action import Action
from bot.localslack import Channel, LocalSlack, User, UserGroup, Workspace
from bot.localslack.methods import ALL_SCOPES
from tests.acceptance.cli.conftest import Ended, Room, Shell
from tests.fakes import SECRET

POLICY = """
version: 1
people:
  oncall:  {users: [U0ADA, U0BEN]}
  leads:   {users: [U0CLEO, U0DIA, U0EVE]}
  finance: {usergroup: S0FIN}
escalations:
  usual: {steps: [{after: 50%, page: [leads]}, {after: 90%, post: "#incidents"}]}
admins: [leads]
tiers:
  1: {digest: "#agent-digest", every: 1h}
  2: {channel: "#agent-approvals", approvers: [oncall, finance], expires_in: 4h, escalation: usual}
  3: {channel: "#agent-approvals", approvers: [leads], quorum: 2, expires_in: 30m, escalation: usual}
actions:
  db.read:
    risk: {reversible: true, blast_radius: low}
    reviewed: {by: U0CLEO, on: 2026-06-01, why: read only}
    more_args: true
  data.delete:
    risk: {reversible: false, blast_radius: high}
    more_args: true
"""

ROTA = "oncall:  {rotation: {users: [U0ADA, U0EVE], every: 7d, from: 2026-01-05T09:00:00Z}}"
USERS = tuple(User(id=f"U0{name.upper()}", name=name) for name in ("ada", "ben", "cleo", "dia", "eve"))
CHANNELS = tuple(
    Channel(id=f"C0{place}", name=name, members=("U0ADA",))
    for place, name in enumerate(("agent-digest", "agent-approvals", "incidents"))
)
GROUPS = (UserGroup(id="S0FIN", handle="finance", members=("U0ADA",)),)
WELL = Workspace(users=USERS, channels=CHANNELS, usergroups=GROUPS)

OPEN_AGENT = """
from langchain.agents import create_agent
from langchain_core.language_models import FakeListChatModel


def wipe(table: str) -> str:
    'Delete a table.'
    return table


graph = create_agent(FakeListChatModel(responses=["no"]), tools=[wipe])
"""


class Clinic:
    """Runs the doctor against a workspace."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.env = {"MEMBRANE_PORT": "0", "MEMBRANE_POLICY": "policy.yaml"}
        (shell.folder / "policy.yaml").write_text(POLICY)

    async def ask(self, workspace: Workspace = WELL, *args: str, **slack: Any) -> Ended:
        async with LocalSlack(workspace, rate_scale=None, **slack) as server:
            env = {
                "SLACK_BOT_TOKEN": server.bot_token,
                "SLACK_APP_TOKEN": server.app_token,
                "MEMBRANE_SLACK_API_URL": server.api_url,
                **self.env,
            }
            return await self.shell.run("doctor", *args, **{k: v for k, v in env.items() if v})

    async def failures(self, workspace: Workspace = WELL, **slack: Any) -> dict[str, str]:
        ended = await self.ask(workspace, "--json", **slack)
        found = [finding for finding in json.loads(ended.out) if finding["status"] == "fail"]
        assert ended.code == (1 if found else 0)
        return {finding["part"]: f"{finding['what']} → {finding['mend']}" for finding in found}


@pytest.fixture
def clinic(shell: Shell) -> Clinic:
    return Clinic(shell)


def scopes() -> frozenset[str]:
    manifest = yaml.safe_load((Path(__file__).parents[3] / "manifest.yml").read_text())
    return frozenset(manifest["oauth_config"]["scopes"]["bot"])


async def test_the_doctor_says_that_all_is_well(clinic: Clinic) -> None:
    ended = await clinic.ask(scopes=scopes() | {"connections:write"})
    assert "fail" not in ended.out
    assert ended.code == 0
    for part in ("settings", "policy", "database", "socket", "channel #incidents", "people finance"):
        assert f"ok   {part} " in ended.out
    assert ended.out.endswith("Nothing to fix; 1 worth a look.\n"), "both tokens have all scopes here"


async def test_missing_scopes_are_named(clinic: Clinic) -> None:
    found = await clinic.failures(scopes=ALL_SCOPES - {"usergroups:read"})
    assert "lacks usergroups:read" in found["scopes"]
    assert "reinstall the app from manifest.yml" in found["scopes"]
    assert "usergroups:read" in found["people finance"]


async def test_channels_that_are_missing_archived_or_without_the_bot(clinic: Clinic) -> None:
    digest, approvals, _ = CHANNELS
    away = Channel(id=digest.id, name=digest.name, has_bot=False)
    found = await clinic.failures(
        Workspace(
            users=USERS,
            channels=(away, Channel(id=approvals.id, name=approvals.name, is_archived=True)),
            usergroups=GROUPS,
        )
    )
    assert "the bot is not in it" in found["channel #agent-digest"]
    assert "/invite" in found["channel #agent-digest"]
    assert "it is archived" in found["channel #agent-approvals"]
    assert "the bot sees no such channel" in found["channel #incidents"]


async def test_people_who_cannot_vote_and_quorums_out_of_reach(clinic: Clinic) -> None:
    users = (*USERS[:2], User(id="U0CLEO", name="cleo", is_restricted=True))
    empty = (UserGroup(id="S0FIN", handle="finance", members=()),)
    found = await clinic.failures(Workspace(users=users, channels=CHANNELS, usergroups=empty))
    assert "remove them from the policy" in found["people leads"]
    assert "it has no members" in found["people finance"]
    assert "tier 3, data.delete, db.read need 2 approvals, and 0 of leads can vote" in found["quorum"]


async def test_the_doctor_checks_everybody_in_a_rotation(clinic: Clinic) -> None:
    (clinic.shell.folder / "policy.yaml").write_text(POLICY.replace("oncall:  {users: [U0ADA, U0BEN]}", ROTA))
    users = (*USERS[:4], User(id="U0EVE", name="eve", is_restricted=True))
    found = await clinic.failures(Workspace(users=users, channels=CHANNELS, usergroups=GROUPS))
    assert "U0EVE is unknown, a guest" in found["people oncall"]


async def test_user_groups_on_a_free_plan(clinic: Clinic) -> None:
    found = await clinic.failures(Workspace(users=USERS, channels=CHANNELS, usergroups=()))
    assert "S0FIN" in found["people finance"]


async def test_tokens_that_slack_refuses(clinic: Clinic) -> None:
    clinic.env["SLACK_BOT_TOKEN"] = "xoxb-not-the-right-one"
    assert "SLACK_BOT_TOKEN does not work (invalid_auth)" in (await clinic.failures())["slack"]
    del clinic.env["SLACK_BOT_TOKEN"]
    clinic.env["SLACK_APP_TOKEN"] = "xapp-not-the-right-one"
    assert "SLACK_APP_TOKEN opens no connection: invalid_auth" in (await clinic.failures())["socket"]


async def test_slack_out_of_reach(shell: Shell, clinic: Clinic) -> None:
    env = {
        **clinic.env,
        "SLACK_BOT_TOKEN": "xoxb-1234567890-abc",
        "SLACK_APP_TOKEN": "xapp-1-A0123-456-abc",
        "MEMBRANE_SLACK_API_URL": "http://127.0.0.1:1/api/",
    }
    ended = await shell.run("doctor", **env)
    assert ended.code == 1
    assert "fail slack" in ended.out
    assert "does not answer" in ended.out


async def test_the_doctor_checks_the_rest_without_tokens(shell: Shell, clinic: Clinic) -> None:
    ended = await shell.run("doctor", **clinic.env)
    assert ended.code == 1
    assert ended.out.count("fail ") == 2
    assert "ok   policy" in ended.out
    assert "warn slack" in ended.out


async def test_a_policy_with_errors_is_told_with_its_places(clinic: Clinic) -> None:
    (clinic.shell.folder / "policy.yaml").write_text(
        POLICY.replace("approvers: [leads]", "approvers: [laeds]")
    )
    found = await clinic.failures()
    assert "policy.yaml:13:" in found["policy"]
    assert "membrane policy check policy.yaml" in found["policy"]


async def test_the_data_folder_and_the_key(clinic: Clinic) -> None:
    folder = clinic.shell.folder / ".membrane"
    folder.mkdir()
    (folder / "secret").write_text("x" * 64)
    (folder / "secret").chmod(0o644)
    (folder / "membrane.db").write_bytes(b"no database" * 1000)
    found = await clinic.failures()
    assert "run chmod 600" in found["data"]
    assert "cannot be used" in found["database"]


async def test_a_database_of_another_secret(clinic: Clinic, room: Room) -> None:
    await room.membrane.proposals.propose(Action.of("db.read", {"n": 1}, agent="ops"))
    assert "put it back" in (await clinic.failures())["database"]
    key = clinic.shell.folder / ".membrane" / "secret"
    key.write_text("x" * 64)
    key.chmod(0o600)
    assert "is not the secret that" in (await clinic.failures())["database"]
    key.write_bytes(SECRET)
    assert "database" not in await clinic.failures()


async def test_the_doctor_makes_no_secret(clinic: Clinic, room: Room) -> None:
    """The doctor only reads. The bot's first start makes a secret, unless data under another one exists."""
    assert "database" not in await clinic.failures()
    assert not (clinic.shell.folder / ".membrane" / "secret").exists()


async def test_a_running_bot_is_noticed_and_asked(clinic: Clinic, room: Room) -> None:
    ended = await clinic.ask()
    assert "ok   lock" in ended.out
    assert "held by process" in ended.out
    assert "does not answer at http://127.0.0.1:0/readyz" in ended.out
    assert ended.code == 1


async def test_a_missing_graph_file_is_named(clinic: Clinic) -> None:
    clinic.env["MEMBRANE_GRAPHS"] = "refunds=agents/refunds.py:graph"
    assert "there is no file agents/refunds.py" in (await clinic.failures())["graphs"]


async def test_the_doctor_lists_the_gate_of_each_tool(clinic: Clinic) -> None:
    """The demo's agent gates its own tools. An ungated tool is a failure."""
    demo = Path(bot.demo.__file__).parent / "graphs" / "support.py"
    file = clinic.shell.folder / "open.py"
    file.write_text(OPEN_AGENT)
    clinic.env["MEMBRANE_GRAPHS"] = f"support={demo}:graph,open={file}:graph"
    ended = await clinic.ask()
    assert "gated by MembraneMiddleware" in ended.out
    assert "open: wipe: wipe, tier 3; nothing asks, so the guard stops it wherever it starts" in ended.out
    assert "the tool wipe would run ungated" in (await clinic.failures())["graphs"]


async def test_a_graph_that_no_agent_may_start_is_named(clinic: Clinic) -> None:
    clinic.env["MEMBRANE_GRAPHS"] = "refunds=agents/refunds.py:graph"
    ended = await clinic.ask()
    assert "no agent may start refunds" in ended.out
    assert "as graphs: {refunds: {agents: [an-agent]}}" in ended.out


async def test_a_limit_of_descriptors_that_leaves_too_few_is_told(clinic: Clinic) -> None:
    clinic.env["MEMBRANE_CONNECTIONS"] = "900000000"
    ended = await clinic.ask(scopes=scopes())
    assert "MEMBRANE_CONNECTIONS is 900000000" in ended.out
    assert "ulimit -n 900000256" in ended.out


async def test_an_app_in_the_whole_organisation_is_to_be_installed_in_one_workspace(clinic: Clinic) -> None:
    found = await clinic.failures(replace(WELL, enterprise_id="E0NORTH", is_enterprise_install=True))
    assert "installed in the whole organisation" in found["install"]
    assert "install it in the one workspace" in found["install"]
    one = await clinic.failures(replace(WELL, enterprise_id="E0NORTH"))
    assert one == {}


async def test_another_bot_with_the_same_app_is_noticed(clinic: Clinic) -> None:
    """A bot on another folder has two connections, and the doctor counts none of its own."""
    async with (
        LocalSlack(WELL, rate_scale=None, scopes=scopes()) as server,
        aiohttp.ClientSession() as session,
    ):
        clinic.env |= {
            "SLACK_BOT_TOKEN": server.bot_token,
            "SLACK_APP_TOKEN": server.app_token,
            "MEMBRANE_SLACK_API_URL": server.api_url,
        }
        ended = await clinic.shell.run("doctor", **clinic.env)
        assert "Another bot" not in ended.out
        address = server.sockets.url(server.base_url.replace("http", "ws", 1))
        async with session.ws_connect(address) as socket:
            await socket.receive_json()
            ended = await clinic.shell.run("doctor", **clinic.env)
        assert "warn socket" in ended.out
        assert "Slack counts 1 connection beside this bot's" in ended.out
        assert "made from manifest.yml" in ended.out
        assert server.sockets.count == 0


async def test_channels_that_another_company_is_in_or_invited_to(clinic: Clinic) -> None:
    digest, approvals, incidents = CHANNELS
    shared = replace(approvals, is_ext_shared=True)
    invited = replace(incidents, pending_connected_team_ids=("T0GLOBEX",))
    there = replace(WELL, channels=(digest, shared, invited))
    ended = await clinic.ask(there)
    assert "warn channel #agent-approvals" in ended.out
    assert "warn channel #incidents" in ended.out
    assert "ok   channel #agent-digest" in ended.out
    assert 'channels: {"#agent-approvals": {allow_external: true}}' in ended.out
    allowed = POLICY + 'channels:\n  "#agent-approvals": {allow_external: true}\n'
    (clinic.shell.folder / "policy.yaml").write_text(allowed)
    ended = await clinic.ask(there)
    assert "ok   channel #agent-approvals" in ended.out
    assert "warn channel #incidents" in ended.out


@pytest.mark.parametrize("said", [0, 15, 16, 40])
@pytest.mark.parametrize("slow", [True, False])
async def test_how_fast_slack_lets_messages_be_read(clinic: Clinic, said: int, slow: bool) -> None:
    async with LocalSlack(replace(WELL, slow_history=slow), rate_scale=None) as server:
        for number in range(said):
            server.people.post("U0ADA", CHANNELS[1].id, f"number {number}")
        clinic.env |= {
            "SLACK_BOT_TOKEN": server.bot_token,
            "SLACK_APP_TOKEN": server.app_token,
            "MEMBRANE_SLACK_API_URL": server.api_url,
        }
        ended = await clinic.shell.run("doctor", **clinic.env)
    assert ("one page of 15 messages a minute" in ended.out) is slow
    assert ("read channels at full speed" in ended.out) is not slow
