"""Seeds of a workspace."""

import json
import re
from pathlib import Path

import pytest

from bot.localslack import Channel, RequestUrls, User, UserGroup, Workspace, northwind


def test_a_seed_can_be_written_as_json() -> None:
    seed = {
        "name": "Acme",
        "users": [{"id": "U1", "name": "ada", "is_restricted": True}],
        "channels": [{"id": "C1", "name": "ops", "members": ["U1"], "is_private": True}],
        "usergroups": [{"id": "S1", "handle": "fin", "members": ["U1"]}],
        "bot": {"user_id": "U9", "real_name": "Gate"},
        "delivery": {"interactivity": "http://a", "events": "http://b"},
    }
    workspace = Workspace.from_json(json.dumps(seed))
    assert workspace.users == (User(id="U1", name="ada", is_restricted=True),)
    assert workspace.channels == (Channel(id="C1", name="ops", members=("U1",), is_private=True),)
    assert workspace.usergroups == (UserGroup(id="S1", handle="fin", members=("U1",)),)
    assert (workspace.name, workspace.bot.user_id, workspace.bot.real_name) == ("Acme", "U9", "Gate")
    assert workspace.delivery == RequestUrls(interactivity="http://a", events="http://b")


def test_northwind_refers_only_to_people_who_are_in_it() -> None:
    company = northwind()
    people = {user.id for user in company.users}
    assert all(set(channel.members) <= people for channel in company.channels)
    assert all(set(group.members) <= people for group in company.usergroups)


@pytest.mark.parametrize("name", ["default.yaml", "demo.yaml"])
def test_northwind_has_the_people_and_channels_of_the_policies(name: str) -> None:
    """So a trial bot can begin with a shipped policy unchanged."""
    company = northwind()
    there = {user.id for user in company.users} | {group.id for group in company.usergroups}
    text = (Path(__file__).parents[3] / "policies" / name).read_text(encoding="utf-8")
    assert set(re.findall(r"\b[US]0[A-Z]+\b", text)) <= there
    channels = {f"#{channel.name}" for channel in company.channels}
    assert set(re.findall(r'"(#[a-z-]+)"', text)) <= channels
