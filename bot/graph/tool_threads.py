"""The OS threads for synchronous hosted code: nodes and tools have their own, apart from the bot's.

LangChain and LangGraph run synchronous code in the event loop's default executor, which asyncio also uses to
resolve names. Six hanging tools would then stop all cards. So the default executor chooses by code origin.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from bot.domain.durations import in_sentence
from bot.graph.call_stacks import place_in, stack_of
from bot.graph.code_origin import code_origin

T = TypeVar("T")

BOT_THREADS = 8
"""OS threads for the bot itself: it resolves names, opens and closes files."""
LONG_S = 60.0
"""Seconds for which all threads may be taken before the bot says that it is not ready."""


@dataclass(eq=False)
class _Job:
    """A call that waits for an OS thread, or runs on one. `thread` is the hosted thread that made it."""

    call: Callable[[], Any]
    future: Future[Any]
    thread: str | None
    began: float = 0.0


class _Worker(threading.Thread):
    """An OS thread of the pool. It is a daemon, so that one that hangs does not keep the process alive."""

    def __init__(self, pool: ToolThreads, number: int) -> None:
        super().__init__(name=f"tools-{number}", daemon=True)
        self._pool = pool
        self.job: _Job | None = None
        self.given_up = False

    def run(self) -> None:
        while not self.given_up and (job := self._pool.next_for(self)) is not None:
            if job.future.set_running_or_notify_cancel():
                _carry_out(job)
            self.job = None


def _carry_out(job: _Job) -> None:
    try:
        result = job.call()
    except BaseException as error:  # noqa: BLE001 - the waiter of the future gets it
        job.future.set_exception(error)
    else:
        job.future.set_result(result)


class ToolThreads:
    """At most `size` OS threads for hosted code. Further calls wait."""

    def __init__(self, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._waiting: SimpleQueue[_Job | None] = SimpleQueue()
        self._workers: set[_Worker] = set()
        self._made = 0
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Run a call on an OS thread of the pool as soon as one is free."""
        job = _Job(call, Future(), code_origin())
        with self._lock:
            if self._closed:
                raise RuntimeError("the host has stopped, so hosted code starts nothing more")
            self._waiting.put(job)
            idle = sum(worker.job is None for worker in self._workers)
            if idle < self._waiting.qsize() and len(self._workers) < self._size:
                self._made += 1
                worker = _Worker(self, self._made)
                self._workers.add(worker)
                worker.start()
        return job.future

    def next_for(self, worker: _Worker) -> _Job | None:
        """Return the next call for a worker, or None to end it."""
        job = self._waiting.get()
        if job is not None:
            job.began = self._clock()
            worker.job = job
        return job

    def give_up(self, thread: str) -> None:
        """Give up the calls of a hosted thread that has ended: a hanging one leaves its place to others."""
        with self._lock:
            for worker in [each for each in self._workers if each.job and each.job.thread == thread]:
                worker.given_up = True
                self._workers.discard(worker)

    def trouble(self, folders: Collection[Path]) -> str | None:
        """Return a sentence if all threads have been taken for LONG_S, with the longest call; else None."""
        with self._lock:
            jobs = [(worker, worker.job) for worker in self._workers if worker.job is not None]
        if len(jobs) < self._size:
            return None
        for_s = self._clock() - max(job.began for _, job in jobs)
        if for_s < LONG_S:
            return None
        worker, job = min(jobs, key=lambda pair: pair[1].began)
        at = place_in(stack_of(worker.ident), folders).get("at", "its end")
        taken = f"all {self._size} tool threads have been taken for {in_sentence(for_s)}"
        return f"{taken}; {job.thread} is at {at}"

    def close(self) -> None:
        """Accept no more calls, and end the idle threads. Hanging threads are left behind."""
        with self._lock:
            self._closed = True
            for _ in self._workers:
                self._waiting.put(None)


class DividedExecutor(ThreadPoolExecutor):
    """The event loop's default executor: hosted code runs on the tools' threads, other code on the bot's."""

    def __init__(self, tools: ToolThreads) -> None:
        super().__init__(BOT_THREADS, thread_name_prefix="bot")
        self._tools = tools

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a call on the threads that its origin belongs to."""
        if code_origin() is None:
            return super().submit(fn, *args, **kwargs)
        return self._tools.submit(lambda: fn(*args, **kwargs))
