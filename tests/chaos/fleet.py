"""The agents, outside of the process that is killed: they ask again until they are answered.

An agent writes down every answer and holds the bot to it: a final state stays final.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httpx2

from tests.chaos import jobs
from tests.chaos.jobs import Habit, HostedJob, Job, ProposingJob
from tests.chaos.ledger import Ledger
from tests.chaos.lives import Lives
from tests.chaos.world import KINDS, breaks, drags

Json = dict[str, Any]

UNDECIDED = {"waiting", "halted", "frozen"}
THAW_S = 0.3
"""How often an agent asks about an approval that is frozen."""
WAIT_S = 1
"""One long poll."""
PATIENCE_S = 30.0
"""How long one request may take, in all of its tries, once the bot is left in peace."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where jobs come from: one every `every_s` seconds on average while the bot is up.

    At most `most_open` of them are under way, and one that `heeds` begins none while the bot is behind: a
    slow machine is not buried.
    """

    name: str
    jobs: Iterator[Job]
    every_s: float
    most_open: int
    heeds: bool = False


def sources(seed: str) -> list[Source]:
    """Return the agents of the company, the one that floods, and the quiet one beside it."""
    return [
        Source("company", jobs.stream(seed), every_s=0.2, most_open=70, heeds=True),
        Source("flood", jobs.flood(seed), every_s=0.05, most_open=40),
        Source("quiet", jobs.quiet(seed), every_s=0.7, most_open=8),
    ]


@dataclass(frozen=True, slots=True)
class Told:
    """What an agent was told of an action."""

    job: str
    action_id: str
    state: str


@dataclass(slots=True)
class Fleet:
    """Runs jobs until it is closed. `tokens` are by agent. While the bot is `behind`, no new ones begin."""

    lives: Lives
    tokens: dict[str, str]
    ledger: Ledger
    seed: str
    behind: Callable[[], bool]
    told: list[Told] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    begun: int = 0
    closed_at: float | None = None
    """Since when no more jobs are begun; those under way go on. In the loop's time."""
    _open: list[set[asyncio.Task[None]]] = field(default_factory=list)

    async def work(self) -> None:
        """Begin jobs, until cancelled."""
        async with httpx2.AsyncClient(timeout=10.0) as http, asyncio.TaskGroup() as group:
            for source in sources(self.seed):
                group.create_task(self._work(source, http))

    async def _work(self, source: Source, http: httpx2.AsyncClient) -> None:
        rng, mine = Random(f"{source.name} {self.seed}"), set[asyncio.Task[None]]()
        self._open.append(mine)
        try:
            while True:
                await self.lives.up.wait()
                waits = self.closed_at is not None or (source.heeds and self.behind())
                if not waits and len(mine) < source.most_open:
                    self._begin(Agent(self, http, rng.random()).do(next(source.jobs)), mine)
                await asyncio.sleep(rng.expovariate(1 / source.every_s))
        finally:
            for task in list(mine):
                task.cancel()
            await asyncio.gather(*mine, return_exceptions=True)

    def _begin(self, job: Any, among: set[asyncio.Task[None]]) -> None:
        self.begun += 1
        task = asyncio.create_task(job)
        among.add(task)
        task.add_done_callback(among.discard)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.troubles.append(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Begin no more jobs."""
        self.closed_at = asyncio.get_running_loop().time()

    @property
    def under_way(self) -> int:
        """How many jobs have not ended."""
        return sum(map(len, self._open))


class Unanswered(Exception):
    """The bot refused what it should have granted, or did not answer in time."""


class Agent:
    """One job's agent. `luck`, between 0 and 1, is what differs between agents of the same habit."""

    def __init__(self, fleet: Fleet, http: httpx2.AsyncClient, luck: float) -> None:
        self._fleet = fleet
        self._http = http
        self._luck = luck
        self._token = ""
        self._was_slow = False

    async def do(self, job: Job) -> None:
        """Do one job, whichever way it is done."""
        self._token = self._fleet.tokens[job.agent]
        if isinstance(job, HostedJob):
            await self._host(job)
        else:
            await self._propose(job)

    async def _host(self, job: HostedJob) -> None:
        body = {
            "graph": job.graph,
            "input": job.given,
            "on_behalf_of": job.on_behalf_of,
            "idempotency_key": job.job,
        }
        await self._granted("POST", "/v1/threads", body)

    async def _propose(self, job: ProposingJob) -> None:
        body = {
            "kind": job.kind,
            "args": {"job": job.job},
            "on_behalf_of": job.on_behalf_of,
            "idempotency_key": job.job,
        }
        asks = [self._granted("POST", "/v1/actions", body) for _ in range(1 + (job.habit is Habit.TWICE))]
        action, *others = await asyncio.gather(*asks)
        if any(other["id"] != action["id"] for other in others):
            self._fleet.troubles.append(f"{job.job} was proposed twice under one key and became two actions")
        self._note(job, action)
        if job.habit is Habit.WITHDRAWS:
            await asyncio.sleep(self._luck * 2)
            path = f"/v1/actions/{action['id']}/withdraw"
            status, answer = await self._ask("POST", path, {"why": f"{job.job} is moot"})
            if status == 200:
                self._note(job, answer)
                return
        action = await self._decided(job, action)
        if action["state"] == "rejected" and job.habit is Habit.REPEATS:
            status, again = await self._ask(
                "POST", "/v1/actions", {**body, "idempotency_key": f"{job.job}-2"}
            )
            if status in (200, 201):
                self._note(job, again)
        while action["may_start"] and job.habit is not Habit.FORGETFUL:
            if await self._act(job, action):
                return
            action = await self._decided(job, action)

    async def _decided(self, job: ProposingJob, action: Json) -> Json:
        """Wait until people have decided, or the clock has, and nothing freezes it."""
        path = f"/v1/actions/{action['id']}"
        action = await self._granted("GET", path)
        while action["state"] in UNDECIDED or action["frozen"]:
            if action["frozen"]:
                await asyncio.sleep(THAW_S)
            action = await self._granted("GET", f"{path}?wait={WAIT_S}")
        self._note(job, action)
        return action

    async def _act(self, job: ProposingJob, action: Json) -> bool:
        """Claim, act, report. Returns False where the approval had lapsed or is frozen: it waits again."""
        if job.habit is Habit.SLOW and not self._was_slow:
            self._was_slow = True
            await asyncio.sleep(6.0 * self._luck)
        path, kind = f"/v1/actions/{action['id']}", KINDS[job.kind]
        claim = {"args_digest": action["args_digest"], "rerun": kind.idempotent}
        status, claimed = await self._ask("POST", f"{path}/claim", claim)
        if status != 200:
            return claimed.get("reason") not in {"lapsed", "frozen"}
        if job.habit is Habit.DIES_BEFORE:
            return True
        receipt = self._effect(job, claimed)
        if drags(job.job):
            await asyncio.sleep(2.5)
        if job.habit is Habit.DIES_AFTER:
            return True
        status, answer = await self._ask("POST", f"{path}/report", {"receipt": receipt})
        if status == 200:
            self._note(job, answer)
        return True

    def _effect(self, job: ProposingJob, claimed: Json) -> str:
        if breaks(job.job):
            return "failed"
        self._fleet.ledger.ran(
            claimed["args"]["job"],
            claimed["kind"],
            style="http",
            key=claimed["key"],
            action_id=claimed["id"],
            attempt=claimed["attempt"],
        )
        return "executed"

    def _note(self, job: ProposingJob, action: Json) -> None:
        self._fleet.told.append(Told(job.job, action["id"], action["state"]))

    async def _granted(self, method: str, path: str, body: Json | None = None) -> Json:
        status, answer = await self._ask(method, path, body)
        if status >= 400:
            raise Unanswered(f"{method} {path} was answered {status}: {answer}")
        return answer

    async def _ask(self, method: str, path: str, body: Json | None = None) -> tuple[int, Json]:
        """Ask until there is an answer; a bot that is down, or that breaks off, is asked again."""
        headers = {"Authorization": f"Bearer {self._token}"}
        began, last = asyncio.get_running_loop().time(), "the bot was never up"
        while not self._out_of_patience(began):
            await self._fleet.lives.up.wait()
            try:
                url = f"{self._fleet.lives.url}{path}"
                response = await self._http.request(method, url, json=body, headers=headers)
            except httpx2.HTTPError as error:
                last = repr(error)
                await asyncio.sleep(0.05)
                continue
            if response.status_code < 500 and response.status_code != 429:
                return response.status_code, response.json()
            last = f"{response.status_code}: {response.text[:300]}"
            await asyncio.sleep(0.3)
        raise Unanswered(f"{method} {path} got no answer in {PATIENCE_S:.0f} s: {last}")

    def _out_of_patience(self, began: float) -> bool:
        """While the bot is killed again and again, nobody can say how long an answer takes."""
        closed_at = self._fleet.closed_at
        now = asyncio.get_running_loop().time()
        return closed_at is not None and now - max(began, closed_at) > PATIENCE_S
