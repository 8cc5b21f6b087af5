"""The people and channels of Northwind. `policies/demo.yaml` uses the same ids."""

from __future__ import annotations

from bot.localslack import northwind

ADA, BEN = "U0ADA", "U0BEN"
CLEO, DIA, EVE = "U0CLEO", "U0DIA", "U0EVE"
FINN, FAY = "U0FINN", "U0FAY"
GUS = "U0GUS"

APPROVALS, OPS, DIGEST = "#agent-approvals", "#ops-approvals", "#agent-digest"
INCIDENTS, ADMIN = "#incidents", "#membrane-admin"

PEOPLE = northwind().users


def name_of(user: str) -> str:
    """Return the first name of a user; the id of an unknown one."""
    return next((person.name.capitalize() for person in PEOPLE if person.id == user), user)
