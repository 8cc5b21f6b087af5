"""The composition root: the only place that wires the parts, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from types import TracebackType
from typing import Any, Self

import structlog
from fastapi import FastAPI

from bot.api import Health, build_api
from bot.api.connections import Connections, descriptors, most_connections
from bot.api.http_server import Server, bound
from bot.api.peers import Peers
from bot.background import Background
from bot.clock import SteadyClock
from bot.database_keys import keyring_of, note, written
from bot.disk import MB, Disk
from bot.domain.digest import Keyring
from bot.domain.durations import in_sentence
from bot.domain.policy import Policy
from bot.graph.host import Host
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
from bot.settings import Settings
from bot.slack import LATE_S, Slack
from bot.store import policies
from bot.store.database import Database, open_database
from bot.store.sqlite import check_folder
from bot.store_monitor import EVERY_S, StoreMonitor

RETENTION_EVERY_S = 60.0
"""Interval of pruning. Entries are pruned in full segments, or when they are a day late."""
RETENTION_CUT_OFF_S = 120.0
PEOPLE_EVERY_S = 600.0
"""Interval of the check for reviews that wait for a name which the policy does not have."""

log = structlog.get_logger(__name__)


class Bot:
    """The whole bot. `async with` starts it, and stops it at the end.

    Raises SettingsError, PolicyError or StoreError if it cannot start; nothing keeps running then.
    `clock` returns seconds since the epoch, UTC; by default the machine's clock, kept steady.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] | None = None) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._disk = Disk(settings.data, int(settings.disk_floor_mb * MB))
        self._background = Background()
        self._clock = clock or SteadyClock()
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
        """Stop everything, in reverse order of the start."""
        await self._stack.aclose()

    def stop(self) -> None:
        """Ask the bot to stop."""
        self._background.stop()

    async def stopped(self) -> None:
        """Wait until the bot is asked to stop. Raises the error that ended it, if any."""
        await self._background.stopped()

    async def _start(self) -> None:
        """Start every part. What a part needs is there before it, and is stopped after it."""
        settings = self._settings
        load(settings.policy)  # report its problems before the database is touched
        db, keyring = await self._open_database()
        policy, source = await self._policy(db)
        in_force = PolicyInForce(policy)
        door = self._stack.enter_context(bound(settings.host, settings.port))
        await self._start_membrane(db, keyring, in_force)
        await self.membrane.put_in_force(policy.version, source)
        await self._start_graphs()
        await self._start_sweeps(db)
        await self._run("host", self.host.run())
        await self._run("slack", self.slack.run(self.membrane))
        health = self._make_health()
        self._start_retention(db)
        self._start_heartbeat(health)
        await self._start_api(db, health, door)
        watcher = PolicyReloads(settings, self.membrane, self.host.recheck, self._clock).watcher(in_force)
        await self._run("policy", watcher.run())
        log.info(
            "the bot is up",
            api=self.api_url,
            policy=in_force.current.version,
            graphs=self.host.graphs,
            refused=sorted(self.host.refused),
        )

    async def _open_database(self) -> tuple[Database, Keyring]:
        settings = self._settings
        check_folder(settings.data, allowed=settings.allow_filesystem)
        db = open_database(settings.database, exclusive=True)
        self._stack.push_async_callback(db.close)
        keyring = keyring_of(settings, await db.read(written))
        await db.write(lambda tx: note(tx, keyring.current.id))
        return db, keyring

    async def _policy(self, db: Database) -> tuple[Policy, str]:
        """Return the policy to start with, and its text: the file's, or the one that was in force before."""
        settings = self._settings
        last, allowed = await db.read(
            lambda connection: (policies.in_force(connection), policies.allowed(connection))
        )
        return await policy_at_start(
            settings.policy, last, refuse_looser=settings.policy_refuse_looser, allowed=allowed
        )

    async def _start_membrane(self, db: Database, keyring: Keyring, in_force: PolicyInForce) -> None:
        settings = self._settings
        self.slack = Slack(settings, lambda: in_force.current, self._clock)
        self._stack.push_async_callback(self.slack.close)
        self.membrane = Membrane(
            db,
            lambda: in_force.current,
            self.slack.people,
            secret=keyring,
            clock=self._clock,
            quotas=Quotas(int(settings.agent_mb_a_day * MB), self._disk.trouble),
        )
        await self.membrane.restores.check_on_start(settings.heads)
        self._stack.push_async_callback(self.membrane.restores.note_head)
        await self.membrane.take_over()

    async def _start_graphs(self) -> None:
        settings = self._settings
        self.host = host = Host(
            self.membrane,
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

    async def _start_sweeps(self, db: Database) -> None:
        """Run every sweep once, for what came due while the bot was down, then at its interval."""
        files = (db, self.host.saved)
        self._store = StoreMonitor(files, at_once=self.slack.post, tell=self.membrane.admins.tell)
        self._jobs = self._make_jobs()
        await self._jobs.run_all()
        self._jobs.start()
        self._stack.push_async_callback(self._jobs.stop, self._settings.grace_s)

    def _make_health(self) -> Health:
        return Health(
            lambda: self._jobs.last_success,
            {
                "slack": self.slack.trouble,
                "courier": self._courier,
                "graphs": self.host.trouble,
                "disk": self._disk.ready,
                "store": self._store.ready,
            },
            notes={
                "clock": self._clock_note,
                "restore": self.membrane.restores.status,
                "connections": self.slack.other_bots,
            },
            astray=self._astray,
            every_s=self._jobs.every_s,
            clock=self._clock,
        )

    def _start_heartbeat(self, health: Health) -> None:
        url = self._settings.heartbeat_url
        if url is not None:
            jobs = Jobs({"heartbeat": (Heartbeat(url, health.dead).beat, BEAT_S)})
            jobs.start()
            self._stack.push_async_callback(jobs.stop)

    async def _start_api(self, db: Database, health: Health, door: socket.socket) -> None:
        jobs, host, closing = self._jobs, self.host, asyncio.Event()
        metrics = Metrics(
            self.membrane, db, lambda: jobs.last_success, refused=lambda: host.refused, clock=self._clock
        )
        api = build_api(
            self.membrane,
            health=health,
            metrics=metrics,
            host=host,
            rate=self._settings.rate,
            closing=closing,
            clock=self._clock,
            card_link=self.slack.card_link,
            version=version("checkpoint-membrane"),
        )
        self.slack.mount(api)
        await self._stack.enter_async_context(self._served(api, door, closing))

    def _start_retention(self, db: Database) -> None:
        """Prune apart from the other sweeps: it does not delay the start, and may take longer."""
        retention = Retention(db, self._settings.archive_folder, self._settings.keep_s, self._clock)
        sweeps = {"retention": (retention.sweep, RETENTION_EVERY_S)}
        jobs = Jobs(sweeps, cut_off_s=RETENTION_CUT_OFF_S, clock=self._clock)
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
        return now or await self.membrane.clock_repair.status()

    def _astray(self) -> str | None:
        return self._clock.astray() if isinstance(self._clock, SteadyClock) else None

    async def _courier(self) -> str | None:
        behind_s = await self.slack.behind_s()
        return f"is {in_sentence(behind_s)} behind" if behind_s > LATE_S else None

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        await self._stack.enter_async_context(self._background.running(name, work))

    @asynccontextmanager
    async def _served(self, api: FastAPI, door: socket.socket, closing: asyncio.Event) -> AsyncIterator[None]:
        chosen = self._settings
        most = most_connections(chosen.connections)
        if most < chosen.connections:
            log.warning(
                "fewer connections than set: too few file descriptors", most=most, limit=descriptors()
            )
        connections = Connections(most, chosen.connections_per_peer, Peers(chosen.trusted_proxies))
        server = Server(api, connections, grace_s=max(1, int(chosen.grace_s)))
        async with self._background.running("api", server.serve(sockets=[door])) as serving:
            await server.up.wait()
            host, port = door.getsockname()[:2]
            self.api_url = f"http://{host}:{port}"
            yield
            closing.set()
            server.should_exit = True
            await asyncio.wait([serving], timeout=chosen.grace_s)
