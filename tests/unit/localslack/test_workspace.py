"""Seeds of a workspace."""

import json

from bot.localslack import Channel, RequestUrls, User, UserGroup, Workspace


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


def test_the_sample_refers_only_to_people_who_are_in_it() -> None:
    sample = Workspace.sample()
    people = {user.id for user in sample.users}
    assert all(set(channel.members) <= people for channel in sample.channels)
    assert all(set(group.members) <= people for group in sample.usergroups)
