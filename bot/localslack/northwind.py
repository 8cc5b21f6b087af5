"""Northwind: a small company, with the ids that the policies in `policies/` name."""

from __future__ import annotations

from bot.localslack.workspace import Channel, User, UserGroup, Workspace

PEOPLE = (
    User(id="U0ADA", name="ada", real_name="Ada Okafor", title="Platform, on call", tz="Africa/Lagos"),
    User(id="U0BEN", name="ben", real_name="Ben Sato", title="Platform, on call", tz="Asia/Tokyo"),
    User(id="U0CLEO", name="cleo", real_name="Cleo Díaz", title="Release lead", is_admin=True),
    User(id="U0DIA", name="dia", real_name="Dia Patel", title="Release lead", tz="Europe/London"),
    User(id="U0EVE", name="eve", real_name="Eve Berg", title="Release lead", tz="Europe/Stockholm"),
    User(id="U0FINN", name="finn", real_name="Finn Haddad", title="Finance", tz="Europe/Berlin"),
    User(id="U0FAY", name="fay", real_name="Fay Ng", title="Finance", tz="Asia/Singapore"),
    User(
        id="U0GUS", name="gus", real_name="Gus Romero", title="Support; owns the agents", tz="America/Bogota"
    ),
)


def northwind() -> Workspace:
    """Return Northwind's Slack workspace."""
    everybody = tuple(person.id for person in PEOPLE)
    return Workspace(
        name="Northwind",
        domain="northwind",
        users=PEOPLE,
        usergroups=(
            UserGroup(id="S0FINANCE", handle="finance", name="Finance", members=("U0FINN", "U0FAY")),
        ),
        channels=(
            _channel("C0APPROVALS", "agent-approvals", everybody, "What waits for a person"),
            _channel("C0OPS", "ops-approvals", everybody, "What of operations waits for a person"),
            _channel("C0DIGEST", "agent-digest", everybody, "What passed, to look over"),
            _channel("C0INCIDENTS", "incidents", everybody, "When nobody has answered for too long"),
            _channel(
                "C0ADMIN",
                "membrane-admin",
                ("U0CLEO", "U0DIA", "U0EVE"),
                "What the bot has to tell its admins",
            ),
        ),
    )


def _channel(channel_id: str, name: str, members: tuple[str, ...], topic: str) -> Channel:
    return Channel(id=channel_id, name=name, members=members, topic=topic)
