"""A storm of equal log lines ends in a count; different lines are logged."""

from __future__ import annotations

import logging
import sys
from concurrent.futures import ThreadPoolExecutor

from bot import log_repeats
from bot.log_repeats import RepeatFilter
from tests.fakes import Clock


def line(words: str, *args: object, level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord("asyncio", level, "", 0, words, args, None)


def test_the_same_line_over_and_over_is_counted_and_the_count_told() -> None:
    told: list[logging.LogRecord] = []
    clock = Clock()
    filter_ = RepeatFilter(told.append, clock)
    passed = [filter_.filter(line("socket.accept() out of system resource")) for _ in range(10_000)]
    assert sum(passed) == log_repeats.MOST_ALIKE
    clock.forward(log_repeats.WINDOW_S + 1)
    assert filter_.filter(line("something else"))
    (summary,) = told
    assert "9995 more lines like this one" in summary.getMessage()
    assert "socket.accept()" in summary.getMessage()
    assert filter_.filter(line("socket.accept() out of system resource"))


def test_different_lines_are_logged_up_to_a_bound() -> None:
    clock = Clock()
    filter_ = RepeatFilter(lambda _: None, clock)
    passed = [filter_.filter(line("thread %d failed", number)) for number in range(10_000)]
    assert sum(passed) == log_repeats.MOST_OF_EVENT


def test_a_structured_event_is_told_apart_by_its_fields_and_not_by_its_time() -> None:
    filter_ = RepeatFilter(lambda _: None, Clock())

    def event(**fields: object) -> logging.LogRecord:
        record = line("")
        record.msg = {"event": "slack_request_refused", **fields}
        return record

    same = [filter_.filter(event(why="not signed", timestamp=number)) for number in range(50)]
    assert sum(same) == log_repeats.MOST_ALIKE
    assert filter_.filter(event(why="another"))


def test_the_filter_remembers_a_bounded_number_of_lines() -> None:
    filter_ = RepeatFilter(lambda _: None, Clock())
    for number in range(20_000):
        filter_.filter(line(f"no two alike {number}"))
    assert max(len(filter_._lines), len(filter_._events)) <= log_repeats.MOST_KEPT + 1


def test_several_threads_may_log_at_once() -> None:
    """A handler filters a line before it takes its own lock."""
    filter_ = RepeatFilter(lambda _: None)

    def log(thread: int) -> None:
        for number in range(5_000):
            filter_.filter(line(f"{thread} {number}"))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(log, range(4)))
    finally:
        sys.setswitchinterval(before)
