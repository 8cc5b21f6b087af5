"""One round: a data folder, many lives, peace, and then the reckoning."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from bot.localslack import LocalSlack
from bot.membrane import Tokens
from bot.store.database import open_database
from tests.chaos import checks, evidence, points, world
from tests.chaos.checks import Violation
from tests.chaos.evidence import Evidence, Watch
from tests.chaos.fleet import Fleet
from tests.chaos.ledger import VARIABLE, Ledger
from tests.chaos.lives import Death, Doom, Lives
from tests.chaos.operator import Operator
from tests.chaos.people import Crowd
from tests.chaos.weather import Weather

SWEEP_S = 0.25
SLACK_PACE = 20
"""How many times as fast as Slack the bot may post: a window of four seconds has room for eighty cards."""
LIVES_S = 1.8
"""How long a life lasts at the most, after it is up."""
UNBORN = 0.15
"""The share of lives that end while the bot still starts, as far as their time is left to chance."""
LATE_S = 3.0
"""A window that has passed is closed within this time by a bot that is up, however busy the machine."""
HEARD = {"card": 4, "page": 2}
"""So much of the quiet agent's is shown beside the flood before a round ends."""
STALLED_S = 60.0
"""In peace, the amount of unsettled work shrinks within this many seconds until none is left."""

Say = Callable[[str], None]


@dataclass(slots=True)
class Result:
    """The result of a round."""

    deaths: list[Death] = field(default_factory=list)
    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    """What is not added up over rounds: of these the largest counts."""
    evidence: Evidence | None = None
    settled: bool = False


@dataclass(frozen=True, slots=True)
class _Stage:
    slack: LocalSlack
    lives: Lives
    fleet: Fleet
    crowd: Crowd
    operator: Operator
    weather: Weather
    ledger: Ledger


class Round:
    """Kills one bot again and again. `dooms` are how its lives end, in turn; `delivery` is socket or http."""

    def __init__(self, folder: Path, seed: str, dooms: Sequence[Doom], delivery: str, say: Say) -> None:
        self._folder = folder
        self._seed = seed
        self._dooms = dooms
        self._delivery = delivery
        self._say = say
        self._data = folder / "data"
        self._result = Result()

    async def run(self) -> Result:
        """Run it, and check."""
        async with self._staged() as stage:
            for number, doom in enumerate(self._dooms, start=1):
                stage.weather.change(doom.point)
                death = await stage.lives.live(doom)
                self._note(number, death)
                if death.strange:
                    break
            if not self._result.violations:
                await self._make_peace(stage)
            self._result.counts.update(jobs=stage.fleet.begun, clicks=stage.crowd.clicks)
            self._result.counts.update(faults=stage.weather.armed)
            self._result.counts.update({f"operator: {what}": n for what, n in stage.operator.done.items()})
            self._complain("every agent is answered", stage.fleet.troubles)
            self._complain("every operator is answered", stage.operator.troubles)
        if (self._data / "threads.db").exists():
            await self._reckon(stage)
        return self._result

    def _note(self, number: int, death: Death) -> None:
        self._result.deaths.append(death)
        doom = death.doom
        how = f"at {doom.point}" if death.at_point else f"after {doom.after_s:.2f} s"
        missed = f" ({doom.point} was not reached)" if doom.point and not death.at_point else ""
        self._say(f"  life {number:3d}: killed {how}{missed}")
        if death.strange:
            self._complain("the bot starts and lives", [death.strange])

    def _complain(self, rule: str, whats: Sequence[str]) -> None:
        self._result.violations += [Violation(rule, what) for what in whats]

    async def _make_peace(self, stage: _Stage) -> None:
        """Let the windows run out, then let people answer everything, and wait until all is settled."""
        stage.weather.clear_up()
        watch = Watch(self._data)
        await stage.lives.begin()
        if not await stage.lives.until_up():
            self._complain("the bot starts and lives", ["it did not come up in peace"])
            return
        await self._let_the_quiet_be_heard(watch)
        stage.fleet.close()
        stage.crowd.phase = stage.operator.phase = "rest"
        while (left := watch.last_window() + LATE_S - time.time()) > 0 and watch.last_window():
            await asyncio.sleep(min(left, 0.5))
        for review in watch.pending_past(time.time() - LATE_S):
            what = f"{review['id']} waits since {time.time() - review['expires_at']:.1f} s past its window"
            self._result.violations.append(Violation("nothing waits past its window", what, (review["id"],)))
        stage.crowd.phase = stage.operator.phase = "finish"
        await self._settle(stage, watch)
        if self._result.settled:
            self._complain("a bot that owes nothing says so", await stage.lives.troubles())
        if wrong := await stage.lives.stop():
            self._complain("the bot stops when asked", [wrong])

    async def _let_the_quiet_be_heard(self, watch: Watch) -> None:
        """Let the flood go on in peace until people are shown and paged about what the quiet agent wants."""
        since = moved = time.time()
        most = 0
        while any((heard := watch.quiet_shown(since))[kind] < count for kind, count in HEARD.items()):
            if heard.total() > most:
                most, moved = heard.total(), time.time()
            if time.time() - moved > STALLED_S:
                what = f"Slack shows {dict(heard)} of the quiet agent, and no more for {STALLED_S:.0f} s"
                self._complain("nobody's flood keeps a Tier 3 from people", [what])
                return
            await asyncio.sleep(0.25)

    async def _settle(self, stage: _Stage, watch: Watch) -> None:
        began = moved = time.monotonic()
        least = sys.maxsize
        while (unsettled := watch.unsettled()) or stage.fleet.under_way:
            left = sum(map(len, unsettled.values())) + stage.fleet.under_way
            if left < least:
                least, moved = left, time.monotonic()
            if time.monotonic() - moved > STALLED_S or not stage.lives.up.is_set():
                ids = tuple(each for found in unsettled.values() for each in found[:3])
                counts = {what: len(found) for what, found in unsettled.items()}
                what = f"{counts} and {stage.fleet.under_way} agents have stood for {STALLED_S:.0f} s"
                self._result.violations.append(Violation("everything settles", what, ids))
                return
            await asyncio.sleep(0.25)
        self._result.settled = True
        self._result.counts["settling_s"] += round(time.monotonic() - began)

    async def _reckon(self, stage: _Stage) -> None:
        killed = [death.at for death in self._result.deaths]
        found = await evidence.gather(self._data, stage.ledger, stage.slack, stage.fleet.told, killed)
        self._result.evidence = found
        self._result.violations += checks.check(found, settled=self._result.settled)
        states = Counter(action["state"] for action in found.actions)
        waits = checks.waits(found)
        self._result.counts["quiet_messages"] = len(waits)
        self._result.most["most_overtaken"] = max((each.overtaken for each in waits), default=0)
        self._result.most["most_outrun"] = max((each.outrun for each in waits), default=0)
        self._result.counts.update(
            actions=len(found.actions),
            reviews=len(found.reviews),
            threads=len(found.threads),
            effects=len(found.runs),
            messages=len(found.messages),
            journal=len(found.journal),
            unknown=states["unknown"],
            executed=states["executed"],
        )

    @asynccontextmanager
    async def _staged(self) -> AsyncIterator[_Stage]:
        self._data.mkdir(parents=True)
        ledger = Ledger(self._folder / "effects.db")
        ledger.found()
        tokens = await self._tokens()
        slack = LocalSlack(world.workspace(), rate_scale=None)
        async with slack:
            environment = self._environment(slack, ledger)
            lives = Lives(environment, self._folder / "bot.log", self._came_up(slack))
            fleet = Fleet(lives, tokens, ledger, self._seed, Watch(self._data).behind)
            crowd = Crowd(slack, self._seed)
            operator = Operator(environment, self._data, self._folder / "operator.log", self._seed)
            weather = Weather(slack, self._seed)
            tasks = [
                asyncio.create_task(fleet.work()),
                asyncio.create_task(crowd.mill_about()),
                asyncio.create_task(operator.look_after()),
            ]
            try:
                yield _Stage(slack, lives, fleet, crowd, operator, weather, ledger)
            finally:
                weather.clear_up()
                for task in tasks:
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
                await lives.kill()

    def _came_up(self, slack: LocalSlack) -> Callable[[str], None]:
        def came_up(url: str) -> None:
            if self._delivery == "http":
                slack.deliver_to(f"{url}/slack/events")

        return came_up

    async def _tokens(self) -> dict[str, str]:
        """Make the agents' tokens beside the bot, as an operator does."""
        database = open_database(self._data / "membrane.db", writer="operator")
        try:
            tokens = Tokens(database)
            told = (world.CUSTOMER,)
            agents = (*world.AGENTS, world.FLOODER, world.QUIET)
            return {agent: (await tokens.create(agent, world.OWNER, acts_for=told))[1] for agent in agents}
        finally:
            await database.close()

    def _environment(self, slack: LocalSlack, ledger: Ledger) -> dict[str, str]:
        graphs = ("one", "own", "gated", "batched", "per_call")
        return {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_SIGNING_SECRET": slack.signing_secret,
            "MEMBRANE_SLACK_API_URL": slack.api_url,
            "MEMBRANE_DELIVERY": self._delivery,
            "MEMBRANE_DATA": str(self._data),
            "MEMBRANE_POLICY": str(world.POLICY),
            "MEMBRANE_PORT": "0",
            "MEMBRANE_RATE": "0",
            "MEMBRANE_SWEEP_S": str(SWEEP_S),
            "MEMBRANE_SLACK_PACE": str(SLACK_PACE),
            "MEMBRANE_GRAPHS": ",".join(f"{name}={world.GRAPHS}:{name}" for name in graphs),
            VARIABLE: str(ledger.path),
        }


def fates(rng: Random, kills: int, wanted: Sequence[str], lives_s: float = LIVES_S) -> list[Doom]:
    """Return how so many lives end: at each wanted crash point, and the others at random times.

    A life lasts `lives_s` seconds at the most; one that waits for its crash point lasts twice as long.
    """
    dooms = [Doom(2 * lives_s, point=name, crossing=_crossing(rng, name)) for name in wanted[:kills]]
    while len(dooms) < kills:
        if rng.random() < UNBORN:
            dooms.append(Doom(rng.uniform(0.0, 0.6), unborn=True))
        else:
            dooms.append(Doom(rng.uniform(0.05, 1.0) * lives_s))
    rng.shuffle(dooms)
    return dooms


def _crossing(rng: Random, name: str) -> int:
    """Most often the first crossing after the start, and sometimes one in the thick of it."""
    return 1 if points.starting(name) else rng.choice((1, 1, 1, 2, 3))
