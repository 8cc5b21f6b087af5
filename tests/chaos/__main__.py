"""`python -m tests.chaos`: kill the bot many times, and say what did not hold.

The last line is the tally, as one JSON object. Ends with 1 if anything did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random

from tests.chaos import points
from tests.chaos.rounds import Round, fates
from tests.chaos.tally import Tally, explain

PER_ROUND = 25


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    chosen = _parse(arguments)
    if chosen.list:
        for name in points.NAMES:
            print(f"{name:22}{points.describe(name)}")
        return 0
    return asyncio.run(_run(chosen))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many lives the bot loses (100)")
    parser.add_argument("--seed", default=None, help="repeats a run, as far as timing allows")
    parser.add_argument("--points", default="", help="only these crash points, separated by commas")
    parser.add_argument("--per-round", type=int, default=PER_ROUND, help=f"kills on one folder ({PER_ROUND})")
    parser.add_argument("--keep", action="store_true", help="keep the folders of rounds without a violation")
    parser.add_argument("--list", action="store_true", help="list the crash points, and do nothing")
    chosen = parser.parse_args(arguments)
    chosen.points = [name for name in chosen.points.split(",") if name]
    if unknown := [name for name in chosen.points if name not in points.NAMES]:
        parser.error(f"no crash point is named {unknown[0]!r}; --list names them")
    if chosen.kills < 1 or chosen.per_round < 1:
        parser.error("at least one kill is needed")
    return chosen


async def _run(chosen: argparse.Namespace) -> int:
    seed = chosen.seed or secrets.token_hex(4)
    folder = Path(tempfile.mkdtemp(prefix="membrane-chaos-"))
    _say(f"chaos: {chosen.kills} kills, seed {seed}, in {folder}")
    tally, rng = Tally(), Random(f"chaos {seed}")
    while tally.kills < chosen.kills:
        number = tally.rounds + 1
        kills = min(chosen.per_round, chosen.kills - tally.kills)
        wanted = _wanted(chosen.points, tally, rng, kills)
        here, name = folder / f"round-{number}", f"{seed}-{number}"
        delivery = "http" if number % 3 == 0 else "socket"
        _say(f"round {number}: {kills} kills, clicks by {delivery}")
        result = await Round(here, name, fates(rng, kills, wanted), delivery, _say).run()
        tally.add(result)
        if result.violations:
            explain(result.violations, result.evidence, here, _say)
        elif not chosen.keep:
            shutil.rmtree(here)
        _say(f"round {number} is over: {tally.line()}")
        if len(result.deaths) < kills:
            break  # the bot does not start any more, and would not the next time
    if not tally.violations and not chosen.keep:
        shutil.rmtree(folder)
    if tally.unreached:
        _say(f"not reached: {', '.join(tally.unreached)}")
    _say(tally.line())
    return 1 if tally.violations else 0


def _wanted(chosen: list[str], tally: Tally, rng: Random, kills: int) -> list[str]:
    """Return the crash points of a round: first those that nothing has died at, then any."""
    if chosen:
        return [chosen[index % len(chosen)] for index in range(kills)]
    most = max(1, kills * 2 // 3)
    names = [*rng.sample(tally.unreached, len(tally.unreached)), *rng.sample(points.NAMES, len(points.NAMES))]
    return list(dict.fromkeys(names))[:most]


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
