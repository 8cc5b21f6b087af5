"""The demo: a Slack workspace, the bot and a fleet of example agents, on this machine.

`graphs/` holds the example agents, written as authors write them; `http_agent.py` one of another process.
"""

from __future__ import annotations

import time
from pathlib import Path


def main(*, autopilot: bool, json: bool, port: int, data: Path | None, keep: bool = False) -> int:
    """Run the demo; return the exit code.

    `autopilot` plays the people too, ends by itself and returns 1 if something did not happen; with `json`
    stdout is then one line of JSON, and the timeline goes to stderr. `port` is that of the workspace's page.
    `data` is the folder of the run, `.membrane/demo` unless given: what an earlier run left there is deleted,
    or, with `keep`, left alone and the next free name taken. Raises MembraneError where it cannot start.
    """
    started = time.monotonic()
    # The example graphs import this package, and must not bring the whole bot along.
    from bot.demo.runner import run  # noqa: PLC0415

    return run(autopilot=autopilot, json=json, port=port, data=data, keep=keep, started=started)
