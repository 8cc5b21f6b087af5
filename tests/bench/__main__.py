"""`make bench`: ratios measured in one run. Prints a table; with --json ends in one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Callable, Coroutine
from typing import Any

from tests.bench import door, parked, proposals, ruling, threads
from tests.bench.figures import Figure

PARTS: dict[str, Callable[[], Coroutine[Any, Any, list[Figure]]]] = {
    "ruling": ruling.measure,
    "proposals": proposals.measure,
    "door": door.measure,
    "threads": threads.measure,
    "parked": parked.measure,
}


def main() -> None:
    """Measure what was asked for, and print it as it comes."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end in one line of JSON")
    parser.add_argument("--only", action="append", choices=sorted(PARTS), help="measure this part alone")
    given = parser.parse_args()
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(machine)
    figures: list[Figure] = []
    for name in given.only or PARTS:
        for figure in asyncio.run(PARTS[name]()):
            print(figure, flush=True)
            figures.append(figure)
    if given.json:
        print(json.dumps({"machine": machine, "figures": [figure.to_dict() for figure in figures]}))


if __name__ == "__main__":
    main()
