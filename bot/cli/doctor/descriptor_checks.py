"""Whether the bot may open enough file descriptors for its connections."""

from __future__ import annotations

import re
from pathlib import Path

from bot.api.connections import RESERVE, descriptors, most_connections
from bot.cli.doctor.findings import Finding, ok, warn
from bot.settings import Settings

LINE = re.compile(r"^Max open files\s+(\d+)", re.MULTILINE)


def check(chosen: Settings, process: str | None) -> list[Finding]:
    """Check the limit of the running bot; if none runs, the limit of this terminal."""
    limit = _of(process)
    most = most_connections(chosen.connections, limit)
    what = f"{limit} descriptors: {most} connections to the API, the rest for Slack and the store"
    if most >= chosen.connections:
        return [ok("limits", what)]
    needed = chosen.connections + RESERVE
    return [
        warn(
            "limits",
            f"{what}; MEMBRANE_CONNECTIONS is {chosen.connections}",
            f"raise the limit to {needed} (ulimit -n {needed}, LimitNOFILE={needed}), or set fewer",
        )
    ]


def _of(process: str | None) -> int:
    try:
        found = LINE.search(Path(f"/proc/{process}/limits").read_text()) if process else None
    except OSError:  # another user's process, or a system without /proc
        found = None
    return int(found[1]) if found is not None else descriptors()
