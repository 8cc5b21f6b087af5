"""Metrics for Prometheus, counted from the journal.

No code is instrumented: every commit writes to the journal, and each scrape continues where the last one
ended. So counts and journal never differ, and the use cases know nothing of metrics.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Connection

from bot.domain.expiry import ExpiryReason
from bot.domain.risk import Tier
from bot.domain.states import Receipt, ReviewState
from bot.errors import Refusal
from bot.membrane import Membrane
from bot.store import journal
from bot.store.database import Database

BATCH = 10_000
"""Journal entries per read; a scrape reads until none is left."""

ZERO = {
    "actions": [str(int(tier)) for tier in Tier],
    "reviews_closed": [state.value for state in ReviewState if state is not ReviewState.PENDING],
    "reviews_expired": [reason.value for reason in ExpiryReason],
    "reviews_overdue": [""],
    "pages": [""],
    "votes_refused": [reason.value for reason in Refusal],
    "receipts": [Receipt.EXECUTED.value, Receipt.FAILED.value, Receipt.UNKNOWN.value],
}
"""Every series exists from the start, so that its first count can raise an alert."""
ABOUT = {
    "actions": ("Actions ruled", "tier"),
    "reviews_closed": ("Reviews closed", "state"),
    "reviews_expired": ("Reviews whose window passed", "reason"),
    "reviews_overdue": ("Mandated sign-offs whose window passed", None),
    "pages": ("Notifications of a person", None),
    "votes_refused": ("Votes refused", "reason"),
    "receipts": ("Claimed actions that ended", "receipt"),
}


class Metrics:
    """The bot's metrics, in a registry of their own. Counts start when this object is made.

    `sweeps` returns when each sweep last succeeded; `writer` selects the chains of the journal to count;
    `refused` returns the refused hosted graphs.
    """

    def __init__(
        self,
        membrane: Membrane,
        db: Database,
        sweeps: Callable[[], Mapping[str, float]],
        *,
        refused: Callable[[], Mapping[str, str]] = dict,
        writer: str = "bot",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._membrane = membrane
        self._db = db
        self._sweeps = sweeps
        self._writer = writer
        self._since = clock()
        self._last: int | None = None
        self._lock = asyncio.Lock()
        self._refused = refused
        self._failures: Counter[tuple[str, str]] = Counter()
        self._counts = {name: Counter(dict.fromkeys(labels, 0)) for name, labels in ZERO.items()}
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(self)
        self._open = Gauge("membrane_open_reviews", "Reviews pending", registry=registry)
        self._queued = Gauge(
            "membrane_queued_actions", "Actions waiting for a place at their agent's cap", registry=registry
        )
        self._lag = Gauge(
            "membrane_courier_lag_seconds", "Age of the oldest message that Slack lacks", registry=registry
        )
        self._swept = Gauge(
            "membrane_sweep_last_success_timestamp_seconds", "When it ran well", ["sweep"], registry=registry
        )

    def collect(self) -> Iterator[Metric]:
        """Yield the counts. The registry calls this."""
        for name, (about, label) in ABOUT.items():
            family = CounterMetricFamily(f"membrane_{name}", about, labels=[label] if label else [])
            for value, count in self._counts[name].items():
                family.add_metric([value] if label else [], count)
            yield family

        failures = CounterMetricFamily(
            "membrane_thread_failures", "Threads stalled or failed", labels=["graph", "cause"]
        )
        for labels, count in self._failures.items():
            failures.add_metric(labels, count)
        yield failures
        graphs = GaugeMetricFamily("membrane_graph_refused", "Hosted graphs refused", labels=["graph"])
        for name in self._refused():
            graphs.add_metric([name], 1)
        yield graphs

    async def scrape(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        async with self._lock:
            await self._count()
            self._open.set(await self._membrane.open_reviews())
            self._queued.set(await self._membrane.queued_actions())
            self._lag.set(await self._membrane.outbox.behind_s())
            for sweep, at in self._sweeps().items():
                self._swept.labels(sweep).set(at)
            return generate_latest(self.registry)

    async def _count(self) -> None:
        if self._last is None:
            self._last = await self._db.read(self._first)
        while await self._db.read(self._tally) == BATCH:
            pass

    def _first(self, connection: Connection) -> int:
        return journal.last_before(connection, self._since)

    def _tally(self, connection: Connection) -> int:
        """Count a batch in the reader's thread: a busy bot writes tens of thousands of entries per scrape."""
        found = journal.since(connection, self._last or 0, BATCH)
        for place, entry in found:
            if entry.writer.partition(".")[0] == self._writer:
                self._note(entry.event, entry.body)
            self._last = place
        return len(found)

    def _note(self, event: str, text: bytes) -> None:
        body: dict[str, Any] = orjson.loads(text)
        if event in ("action.passed", "action.proposed", "action.remembered"):
            self._counts["actions"][str(body["tier"])] += 1
        elif event == "review.closed":
            self._counts["reviews_closed"][body["state"]] += 1
            if reason := body.get("reason"):
                self._counts["reviews_expired"][reason] += 1
        elif event == "review.overdue":
            self._counts["reviews_overdue"][""] += 1
        elif event == "review.paged":
            self._counts["pages"][""] += len(body["to"])
        elif event == "review.vote_refused":
            self._counts["votes_refused"][body["reason"]] += 1
        elif event in ("thread.stalled", "thread.failed"):
            self._failures[body.get("graph", ""), body.get("cause", "")] += 1
        elif event in ("action.executed", "action.failed", "action.unknown"):
            self._counts["receipts"][event.removeprefix("action.")] += 1
