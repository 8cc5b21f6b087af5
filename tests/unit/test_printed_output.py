"""Printed output becomes log events line by line, from any code and any stream."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator

import orjson
import pytest
import structlog

from bot import logs
from bot.printed_output import MOST, printed_to_log


@pytest.fixture
def told() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    out = io.StringIO()
    logs.configure("info", "json", stream=out)
    yield out
    root.handlers, root.level = before, level
    structlog.reset_defaults()


def lines(told: io.StringIO) -> list[tuple[str, str | None, str]]:
    events = [orjson.loads(line) for line in told.getvalue().splitlines()]
    return [(each["stream"], each.get("thread"), each["line"]) for each in events]


def test_each_line_is_an_event_that_names_its_thread(told: io.StringIO) -> None:
    whose: list[str | None] = ["thr_1"]
    with printed_to_log(lambda: whose[-1]):
        print("one\ntwo", end="")
        print("", "and more")
        sys.stderr.write("begun, never ended")
        whose.append(None)
        print("   ")
        print("the bot's own")
    assert lines(told) == [
        ("stdout", "thr_1", "one"),
        ("stdout", "thr_1", "two and more"),
        ("stdout", None, "the bot's own"),
    ]


def test_a_line_without_an_end_is_told_in_pieces(told: io.StringIO) -> None:
    with printed_to_log(lambda: None):
        print("x" * (2 * MOST + 1))
    assert [len(line) for _, _, line in lines(told)] == [MOST, MOST, 1]


def test_a_redacted_value_is_cut_out_before_its_line_is_logged(told: io.StringIO) -> None:
    with printed_to_log(lambda: "thr_1", lambda line: line.replace("4242", "redacted")):
        print("charging 42", end="")
        print("42 now")
    assert lines(told) == [("stdout", "thr_1", "charging redacted now")]


def test_threads_do_not_mix_their_lines(told: io.StringIO) -> None:
    other_began, go_on = threading.Event(), threading.Event()

    def print_slowly() -> None:
        print("slow", end="")
        other_began.set()
        go_on.wait(20)
        print("ly")

    with printed_to_log(lambda: None):
        thread = threading.Thread(target=print_slowly)
        thread.start()
        other_began.wait(20)
        print("quick")
        go_on.set()
        thread.join()
    assert [line for _, _, line in lines(told)] == ["quick", "slowly"]


def test_a_log_that_fails_does_not_print_into_itself(
    told: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's logging prints its own errors to stderr."""
    with printed_to_log(lambda: None):
        told.close()
        print("lost")
    assert "I/O operation on closed file" in capsys.readouterr().err


def test_the_streams_are_put_back() -> None:
    before = sys.stdout, sys.stderr
    with printed_to_log(lambda: None):
        assert not sys.stdout.isatty()
        with pytest.raises(TypeError, match="needs a str, not bytes"):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
    assert (sys.stdout, sys.stderr) == before
