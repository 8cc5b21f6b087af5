"""A small company: its people and channels, with the ids that `policy.yaml` names."""

from __future__ import annotations

from bot.localslack import Channel, User, UserGroup, Workspace

ADA, BEN = "U0ADA", "U0BEN"
CLEO, DIA, EVE = "U0CLEO", "U0DIA", "U0EVE"
FINN, FAY = "U0FINN", "U0FAY"
GUS = "U0GUS"
GUEST, STRANGER, GONE = "U0GUEST", "U0STRANGER", "U0GONE"

APPROVALS, DIGEST, INCIDENTS, ADMIN = "C0APPROVALS", "C0DIGEST", "C0INCIDENTS", "C0ADMIN"

PEOPLE = (
    User(id=ADA, name="ada", real_name="Ada Okafor", title="Platform, on call"),
    User(id=BEN, name="ben", real_name="Ben Sato", title="Platform, on call"),
    User(id=CLEO, name="cleo", real_name="Cleo Díaz", title="Release lead", is_admin=True),
    User(id=DIA, name="dia", real_name="Dia Patel", title="Release lead"),
    User(id=EVE, name="eve", real_name="Eve Berg", title="Release lead"),
    User(id=FINN, name="finn", real_name="Finn Haddad", title="Finance"),
    User(id=FAY, name="fay", real_name="Fay Ng", title="Finance"),
    User(id=GUS, name="gus", real_name="Gus Romero", title="Support; owns the agents"),
    User(id=GUEST, name="guest", real_name="Gina Guest", is_restricted=True),
    User(id=STRANGER, name="stranger", real_name="Sam Stranger", is_stranger=True),
    User(id=GONE, name="gone", real_name="Gil Gone", deleted=True),
)


def workspace() -> Workspace:
    """Return the company's Slack workspace."""
    everybody = tuple(person.id for person in PEOPLE)
    return Workspace(
        name="Northwind",
        users=PEOPLE,
        usergroups=(UserGroup(id="S0FINANCE", handle="finance", name="Finance", members=(FINN, FAY)),),
        channels=(
            Channel(id=APPROVALS, name="agent-approvals", members=everybody, topic="What waits for a person"),
            Channel(id=DIGEST, name="agent-digest", members=everybody, topic="What passed, to look over"),
            Channel(id=INCIDENTS, name="incidents", members=everybody, topic="Nobody answered for too long"),
            Channel(id=ADMIN, name="membrane-admin", members=(CLEO, DIA, EVE), topic="For the admins"),
        ),
    )
