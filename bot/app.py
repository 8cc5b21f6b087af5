"""The composition root: the only place that wires, and the order in which things start and stop."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import structlog
from fastapi import FastAPI

from bot.api import Health, build_api
from bot.api.connections import Connections, descriptors, most_connections
from bot.api.peers import Peers
from bot.api.serving import Server, bound
from bot.clock import SteadyClock
from bot.database_keys import keyring_of, note, written
from bot.disk import MB, Disk
from bot.domain.policy import Policy
from bot.event_loop import new_loop
from bot.graph.host import Host
from bot.graph.hosted import hosted, printable
from bot.heartbeat import EVERY_S as BEAT_S
from bot.heartbeat import Heartbeat
from bot.jobs import Jobs
from bot.loop_watchdog import LoopWatchdog
from bot.membrane import Membrane
from bot.membrane.quotas import Quotas
from bot.membrane.retention import Retention
from bot.metrics import Metrics
from bot.policy_reloads import PolicyReloads
from bot.policyfile import PolicyInForce, load, policy_at_start
from bot.printed_output import printed_to_log
from bot.settings import Settings
from bot.shutdown import end_after, on_signal
from bot.slack import LATE_S, Slack
from bot.store.database import Database, open_database
from bot.store.digests import policy_allowed, policy_in_force
from bot.store.sqlite import check_folder
from bot.store_monitor import EVERY_S, StoreMonitor

KEEP_EVERY_S = 60.0
"""How often what passed long ago is looked for; it leaves in full segments, or when it is a day late."""
KEEP_CUT_OFF_S = 120.0
PEOPLE_EVERY_S = 600.0
"""How often it is looked whether something waits for a name that the policy does not have."""

log = structlog.get_logger(__name__)


class Bot:
    """The whole bot, started by `async with` and stopped at its end.

    Raises SettingsError, PolicyError or StoreError where it cannot start; nothing is left running then.
    `clock` returns seconds since the epoch, UTC; the machine's, kept steady, unless given.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._disk = Disk(settings.data, int(settings.disk_floor_mb * MB))
        self._over = asyncio.Event()
        self._clock = clock or SteadyClock()
        self._failure: BaseException | None = None
        self.api_url = ""

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop everything, in order."""
        await self._stack.aclose()

    async def _start(self) -> None:
        settings = self._settings
        load(settings.policy)  # what is wrong with it is said before the database is touched
        check_folder(settings.data, allowed=settings.allow_filesystem)
        db = open_database(settings.database, exclusive=True)
        self._stack.push_async_callback(db.close)
        keyring = keyring_of(settings, await db.read(written))
        await db.write(lambda tx: note(tx, keyring.current.id))
        policy, source = await self._policy(db)
        self._in_force = in_force = PolicyInForce(policy)
        door = self._stack.enter_context(bound(settings.host, settings.port))
        self.slack = slack = Slack(settings, lambda: in_force.current, self._clock)
        self._stack.push_async_callback(slack.close)
        self.membrane = membrane = Membrane(
            db,
            lambda: in_force.current,
            slack.people,
            secret=keyring,
            clock=self._clock,
            quotas=Quotas(int(settings.agent_mb_a_day * MB), self._disk.trouble),
        )
        await membrane.restores.begin(settings.heads)
        self._stack.push_async_callback(membrane.restores.note)
        await membrane.take_over()
        await membrane.policy_in_force(policy.version, source)

        self.host = host = Host(
            membrane,
            settings.graphs,
            settings.threads_database,
            concurrency=settings.concurrency,
            retain_s=settings.retain_s,
            interval_s=settings.sweep_s,
            clock=self._clock,
        )
        await host.start()
        self._stack.push_async_callback(host.stop, settings.grace_s)
        await self._stack.enter_async_context(LoopWatchdog(host.where))
        await host.tell_refused()
        self._store = StoreMonitor((db, host.saved), at_once=slack.post, tell=membrane.admins.tell)
        self._jobs = jobs = self._make_jobs()
        metrics = Metrics(
            membrane, db, lambda: jobs.last_success, refused=lambda: host.refused, clock=self._clock
        )
        await jobs.run_all()
        jobs.start()
        self._stack.push_async_callback(jobs.stop, self._settings.grace_s)
        await self._stack.enter_async_context(self._background("host", host.run()))
        await self._stack.enter_async_context(self._background("slack", slack.run(membrane)))
        parts = {
            "slack": slack.trouble,
            "courier": self._courier,
            "graphs": host.trouble,
            "disk": self._disk.ready,
            "store": self._store.ready,
        }
        health = Health(
            lambda: jobs.last_success,
            parts,
            notes={
                "clock": self._clock_note,
                "restore": membrane.restores.standing,
                "connections": slack.other_bots,
            },
            astray=self._astray,
            every_s=jobs.every_s,
            clock=self._clock,
        )
        self._start_keeping(db)
        if settings.heartbeat_url is not None:
            heart = Jobs({"heartbeat": (Heartbeat(settings.heartbeat_url, health.dead).beat, BEAT_S)})
            heart.start()
            self._stack.push_async_callback(heart.stop)
        closing = asyncio.Event()
        api = build_api(
            membrane,
            health=health,
            metrics=metrics,
            host=host,
            rate=settings.rate,
            closing=closing,
            clock=self._clock,
            card_link=slack.card_link,
            version=version("checkpoint-membrane"),
        )
        slack.mount(api)
        await self._stack.enter_async_context(self._served(api, door, closing))
        watcher = PolicyReloads(settings, membrane, host.recheck, self._clock).watcher(in_force)
        await self._stack.enter_async_context(self._background("policy", watcher.run()))
        log.info(
            "the bot is up",
            api=self.api_url,
            policy=in_force.current.version,
            graphs=host.graphs,
            refused=sorted(host.refused),
        )

    async def _policy(self, db: Database) -> tuple[Policy, str]:
        """Return the policy to start with, and its text: of the file, or else the one that was in force."""
        settings = self._settings
        last, allowed = await db.read(
            lambda connection: (policy_in_force(connection), policy_allowed(connection))
        )
        return await policy_at_start(
            settings.policy, last, refuse_looser=settings.policy_refuse_looser, allowed=allowed
        )

    def _start_keeping(self, db: Database) -> None:
        """Apart from the sweeps that answer people: it does not hold up the start, and may take its time."""
        kept = Retention(db, self._settings.archive_folder, self._settings.keep_s, self._clock)
        sweeps = {"retention": (kept.sweep, KEEP_EVERY_S)}
        jobs = Jobs(sweeps, cut_off_s=KEEP_CUT_OFF_S, clock=self._clock)
        jobs.start()
        self._stack.push_async_callback(jobs.stop, self._settings.grace_s)

    def _make_jobs(self) -> Jobs:
        membrane, every_s = self.membrane, self._settings.sweep_s
        return Jobs(
            {
                "clock": (membrane.clock_repair.pull_back, 10 * every_s),  # before what it puts off is swept
                "restore": (membrane.restores.sweep, every_s),
                "expire": (membrane.deadlines.expire_due, every_s),
                "page": (membrane.deadlines.page_due, every_s),
                "freezes": (membrane.freeze_effects.follow_up, every_s),
                "unknown": (membrane.deadlines.unknown_due, 5 * every_s),
                "digest": (membrane.digests.make_due, every_s),
                "reseal": (membrane.seals.renew, 5 * every_s),
                "threads": (self.host.sweep, 5 * every_s),
                "audit": (membrane.auditor.audit, 10 * every_s),
                "people": (membrane.stranded_reviews.remind, PEOPLE_EVERY_S),
                "lateness": (self.slack.look_out, 5 * every_s),
                "disk": (lambda: self._disk.look(membrane.admins.tell), 5 * every_s),
                "store": (self._store.look, EVERY_S),
            },
            clock=self._clock,
        )

    async def _clock_note(self) -> str | None:
        now = self._clock.note() if isinstance(self._clock, SteadyClock) else None
        return now or await self.membrane.clock_repair.note()

    def _astray(self) -> str | None:
        return self._clock.astray() if isinstance(self._clock, SteadyClock) else None

    async def _courier(self) -> str | None:
        behind_s = await self.slack.behind_s()
        return f"is {behind_s:.0f} s behind" if behind_s > LATE_S else None

    @asynccontextmanager
    async def _background(
        self, name: str, work: Coroutine[Any, Any, None]
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Run something beside everything else. If it ends by itself, the whole bot stops."""

        def ended(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                self._failure = task.exception()
                self._over.set()

        task = asyncio.create_task(work, name=name)
        task.add_done_callback(ended)
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    @asynccontextmanager
    async def _served(self, api: FastAPI, door: socket.socket, closing: asyncio.Event) -> AsyncIterator[None]:
        chosen = self._settings
        most = most_connections(chosen.connections)
        if most < chosen.connections:
            log.warning("fewer connections than set, for want of descriptors", most=most, limit=descriptors())
        connections = Connections(most, chosen.connections_per_peer, Peers(chosen.trusted_proxies))
        server = Server(api, connections, grace_s=max(1, int(chosen.grace_s)))
        async with self._background("api", server.serve(sockets=[door])) as serving:
            await server.up.wait()
            host, port = door.getsockname()[:2]
            self.api_url = f"http://{host}:{port}"
            yield
            closing.set()
            server.should_exit = True
            await asyncio.wait([serving], timeout=chosen.grace_s)

    def stop(self) -> None:
        """Ask the bot to stop."""
        self._over.set()

    async def stopped(self) -> None:
        """Wait until the bot is asked to stop. Raises what ended it, if something did."""
        await self._over.wait()
        if self._failure is not None:
            raise self._failure


async def serve(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    async with Bot(settings) as bot:
        # What stands by now stays. A full collection over it takes a tenth of a second, and answers no click.
        gc.collect()
        gc.freeze()
        with on_signal(lambda: loop.call_soon_threadsafe(bot.stop), within_s=settings.stop_s):
            await bot.stopped()
            log.info("stopping; what waits goes on at the next start")
            await bot.close()


def run(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT, in a loop of its own. What hosted code prints is logged.

    The process ends soon after, whatever hosted code left running in threads.
    """
    with printed_to_log(hosted, printable), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(settings))
    end_after(settings.exit_s, 0, "threads of hosted code do not end, and are left behind")
