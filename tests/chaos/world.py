"""The company of the chaos: its people, channels, kinds and agents, as `policy.yaml` names them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bot.localslack import Channel, User, UserGroup, Workspace

POLICY = Path(__file__).with_name("policy.yaml")
GRAPHS = Path(__file__).with_name("graphs.py")

ONCALL = ("U0ADA", "U0BEN")
LEADS = ("U0CLEO", "U0DIA", "U0EVE")
FINANCE = ("U0FINN", "U0FAY")
OWNER = "U0GUS"
"""Answers for every agent, so may vote on nothing."""
CUSTOMER = "U0HAL"
"""Somebody in whose name agents act; no approver."""
EVERYBODY = (*ONCALL, *LEADS, *FINANCE, OWNER, CUSTOMER)

CHANNELS = (
    "approvals", "mails", "orders", "wipes", "money", "jobs", "releases", "incidents", "digest", "admin"
)  # fmt: skip

AGENTS = ("chaos-one", "chaos-two", "chaos-three")
FLOODER = "chaos-flood"
"""Asks for as many reviews as it may have open, all in one channel."""
QUIET = "chaos-quiet"
"""Asks now and then, in that channel too, and only for what is Tier 3."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One action kind: its tier, the tool that stands for it, and who may vote on it."""

    name: str
    tier: int
    tool: str
    window_s: float = 0.0
    approvers: tuple[str, ...] = ()
    quorum: int = 1
    idempotent: bool = False
    mandated: bool = False


KINDS = {
    kind.name: kind
    for kind in (
        Kind("note.write", 0, "write_note"),
        Kind("report.make", 1, "make_report", idempotent=True),
        Kind("mail.send", 2, "send_mail", 3, ONCALL + LEADS),
        Kind("order.change", 2, "change_order", 6, ONCALL + LEADS),
        Kind("data.wipe", 3, "wipe_data", 4, LEADS + ONCALL),
        Kind("money.wire", 3, "wire_money", 7, FINANCE + LEADS, quorum=2),
        Kind("job.run", 3, "run_job", 5, LEADS, idempotent=True),
        Kind("release.sign", 3, "sign_release", 2, LEADS, mandated=True),
        Kind("undeclared", 3, "undeclared", 5, LEADS, quorum=2),
        Kind("leaflet.print", 2, "print_leaflet", 4, ONCALL + LEADS),
        Kind("banner.hang", 2, "hang_banner", 4, ONCALL + LEADS),
        Kind("key.revoke", 3, "revoke_key", 5, LEADS),
    )
}


def workspace() -> Workspace:
    """Return the workspace that everything happens in."""
    return Workspace(
        users=tuple(User(id=each, name=each.removeprefix("U0").lower()) for each in EVERYBODY),
        channels=tuple(Channel(id=f"C0{name.upper()}", name=name, members=EVERYBODY) for name in CHANNELS),
        usergroups=(UserGroup(id="S0FINANCE", handle="finance", members=FINANCE, name="Finance"),),
    )


def breaks(job: str) -> bool:
    """Whether this job's effect fails before it has happened."""
    return number_of(job) % 17 == 0


def fails(job: str) -> bool:
    """Whether the model of the thread that this job begins often fails, after the first calls."""
    return number_of(job) % 3 == 0


def drags(job: str) -> bool:
    """Whether this job's effect takes longer than its report may."""
    return number_of(job) % 23 == 0


def job_name(number: int) -> str:
    """Return the name that ties an action, its effect and its cards together."""
    return f"job-{number:06d}"


def number_of(job: str) -> int:
    """Return the number in a job's name."""
    return int(job.removeprefix("job-"))
