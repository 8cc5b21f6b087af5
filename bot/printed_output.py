"""Turns each line that hosted code prints into a log event: raw output would corrupt a JSON log."""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

import structlog

STDOUT = 1
"""The file descriptor of standard output."""
END_S = 1.0
"""How long to wait for the rest of child output; a child that still runs keeps the pipe open."""
MOST = 8 * 1024
"""Characters of one line; a longer line is logged in pieces."""

Whose = Callable[[], str | None]
Cut = Callable[[str], str]

log = structlog.get_logger("bot.printed_output")


class _Printed(io.TextIOBase):
    """A stream that logs what is written to it, line by line. Each thread has its own unfinished line."""

    def __init__(self, name: str, real: TextIO, whose: Whose, cut: Cut) -> None:
        self._name = name
        self._real = real
        self._whose = whose
        self._cut = cut
        self._lines = threading.local()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # it never changes
        """The encoding of the replaced stream."""
        return self._real.encoding

    @property
    def buffer(self) -> io.BufferedIOBase:
        """A stream for callers that write bytes."""
        return _Bytes(self)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._real.fileno()

    def write(self, text: str) -> int:
        """Log complete lines, and keep the unfinished one."""
        if not isinstance(text, str):
            raise TypeError(f"write() needs a str, not {type(text).__name__}")
        if getattr(self._lines, "busy", False):  # the log itself failed and reports it: do not loop
            return self._real.write(text)
        *whole, rest = (getattr(self._lines, "begun", "") + text).split("\n")
        while len(rest) > MOST:
            whole, rest = [*whole, rest[:MOST]], rest[MOST:]
        self._lines.begun = rest
        for line in whole:
            self._tell(line)
        return len(text)

    def _tell(self, line: str) -> None:
        if not line.strip():
            return
        self._lines.busy = True
        try:
            thread = self._whose()
            more = {"thread": thread} if thread is not None else {}
            log.info("printed", stream=self._name, line=self._cut(line.rstrip("\r")[:MOST]), **more)
        finally:
            self._lines.busy = False

    def flush(self) -> None:
        """Do nothing: an unfinished line is logged when it is complete."""


class _Bytes(io.BufferedIOBase):
    """The stream behind `sys.stdout.buffer`."""

    def __init__(self, text: _Printed) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        """Log bytes as text."""
        content = bytes(memoryview(data).cast("B"))  # type: ignore[arg-type]  # whatever has bytes
        self._text.write(content.decode(errors="replace"))
        return len(content)


@contextmanager
def printed_to_log(whose: Whose, cut: Cut = str) -> Iterator[None]:
    """Log everything printed inside the block, after `cut`. `whose` returns the thread whose code prints.

    Configure logs first. Output of child processes on the same stdout is logged too, uncut and without the
    thread.
    """
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Printed("stdout", out, whose, cut), _Printed("stderr", err, whose, cut)
    try:
        with _children_to_log():
            yield
    finally:
        sys.stdout, sys.stderr = out, err


@contextmanager
def _children_to_log() -> Iterator[None]:
    """Replace the process's stdout by a pipe, and log what comes out of it."""
    try:
        real = os.dup(STDOUT)
    except OSError:  # a service may have none
        yield
        return
    inlet, outlet = os.pipe()
    os.dup2(outlet, STDOUT)
    os.close(outlet)
    reader = threading.Thread(target=_tell_lines, args=(inlet,), name="stdout", daemon=True)
    reader.start()
    try:
        yield
    finally:
        os.dup2(real, STDOUT)
        os.close(real)
        reader.join(END_S)


def _tell_lines(inlet: int) -> None:
    with open(inlet, encoding="utf-8", errors="replace") as lines:
        while line := lines.readline(MOST):
            if line.strip():
                log.info("printed", stream="stdout", line=line.rstrip())
