"""Northwind: who works there and where they talk. The ids are those that `policies/demo.yaml` names."""

from __future__ import annotations

from bot.localslack import Channel, User, UserGroup, Workspace

ADA, BEN = "U0ADA", "U0BEN"
CLEO, DIA, EVE = "U0CLEO", "U0DIA", "U0EVE"
FINN, FAY = "U0FINN", "U0FAY"
GUS = "U0GUS"

APPROVALS, OPS, DIGEST = "#agent-approvals", "#ops-approvals", "#agent-digest"
INCIDENTS, ADMIN = "#incidents", "#membrane-admin"

PEOPLE = (
    User(id=ADA, name="ada", real_name="Ada Okafor", title="Platform, on call", tz="Africa/Lagos"),
    User(id=BEN, name="ben", real_name="Ben Sato", title="Platform, on call", tz="Asia/Tokyo"),
    User(id=CLEO, name="cleo", real_name="Cleo Díaz", title="Release lead", is_admin=True),
    User(id=DIA, name="dia", real_name="Dia Patel", title="Release lead", tz="Europe/London"),
    User(id=EVE, name="eve", real_name="Eve Berg", title="Release lead", tz="Europe/Stockholm"),
    User(id=FINN, name="finn", real_name="Finn Haddad", title="Finance", tz="Europe/Berlin"),
    User(id=FAY, name="fay", real_name="Fay Ng", title="Finance", tz="Asia/Singapore"),
    User(id=GUS, name="gus", real_name="Gus Romero", title="Support; owns the agents", tz="America/Bogota"),
)


def name_of(user: str) -> str:
    """Return somebody's first name, or the id of a stranger."""
    return next((person.name.capitalize() for person in PEOPLE if person.id == user), user)


def workspace() -> Workspace:
    """Return Northwind's Slack workspace."""
    everybody = tuple(person.id for person in PEOPLE)
    return Workspace(
        name="Northwind",
        domain="northwind",
        users=PEOPLE,
        usergroups=(UserGroup(id="S0FINANCE", handle="finance", name="Finance", members=(FINN, FAY)),),
        channels=(
            _channel("C0APPROVALS", APPROVALS, everybody, "What waits for a person"),
            _channel("C0OPS", OPS, everybody, "What of operations waits for a person"),
            _channel("C0DIGEST", DIGEST, everybody, "What passed, to look over"),
            _channel("C0INCIDENTS", INCIDENTS, everybody, "When nobody has answered for too long"),
            _channel("C0ADMIN", ADMIN, (CLEO, DIA, EVE), "What the bot has to tell its admins"),
        ),
    )


def _channel(channel_id: str, name: str, members: tuple[str, ...], topic: str) -> Channel:
    return Channel(id=channel_id, name=name.removeprefix("#"), members=members, topic=topic)
