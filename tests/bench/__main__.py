"""`make bench`: ratios measured in one run. Prints a table; with --json ends in one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench import door, flood, parked, proposals, ruling, slack, threads, tools, turns
from tests.bench.figures import Figure
from tests.bench.profiling import profiled

PARTS: dict[str, Callable[[], Coroutine[Any, Any, list[Figure]]]] = {
    "ruling": ruling.measure,
    "proposals": proposals.measure,
    "door": door.measure,
    "tools": tools.measure,
    "threads": threads.measure,
    "parked": parked.measure,
    "turns": turns.measure,
    "slack": slack.measure,
    "flood": flood.measure,
}
SLOW = {"slack", "flood"}
"""Parts that take minutes: they go at Slack's pace. `--quick` leaves them out."""


def main() -> None:
    """Measure what was asked for, and print it as it comes."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--only", action="append", choices=sorted(PARTS), help="measure this part alone")
    parser.add_argument("--quick", action="store_true", help="leave out what goes at Slack's pace")
    parser.add_argument("--profile", choices=sorted(PARTS), help="print where the time of this part goes")
    given = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(machine)
    if given.profile:
        profiled(PARTS[given.profile])
        return
    figures: list[Figure] = []
    for name in given.only or [name for name in PARTS if not (given.quick and name in SLOW)]:
        for figure in asyncio.run(PARTS[name]()):
            print(figure, flush=True)
            figures.append(figure)
    if given.json:
        print(json.dumps({"machine": machine, "figures": [figure.to_dict() for figure in figures]}))


if __name__ == "__main__":
    main()
