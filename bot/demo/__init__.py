"""The demo: a Slack workspace, the bot and a fleet of example agents, on this machine.

`graphs/` holds the example agents, as authors would write them; `http_agent.py` is an agent in its own
process.
"""

from __future__ import annotations

import time
from pathlib import Path


def main(*, autopilot: bool, json: bool, port: int, data: Path | None, keep: bool = False) -> int:
    """Run the demo; return the exit code.

    `autopilot` also plays the people, ends by itself and returns 1 if a scene fails; with `json` it prints
    one line of JSON to stdout and the timeline to stderr. `port` is the port of the workspace's page. `data`
    is the folder of the run (default: `.membrane/demo`). Files of an earlier run are deleted, or kept with
    `keep`, which uses the next free name. Raises MembraneError if the demo cannot start.
    """
    started = time.monotonic()
    # The example graphs import this package, which must not import the whole bot.
    from bot.demo.session import run  # noqa: PLC0415

    return run(autopilot=autopilot, json=json, port=port, data=data, keep=keep, started=started)
