"""Locks between processes have one named holder at a time, and a killed process holds none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.file_lock import UNKNOWN, acquire, holder_of

HOLD = """
import sys
from pathlib import Path
from bot.file_lock import acquire
lock = acquire(Path(sys.argv[1]))
assert lock is not None
print("held", flush=True)
sys.stdin.read()
"""


def test_one_holder_at_a_time_and_its_process_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    assert holder_of(path) is None
    lock = acquire(path)
    assert lock is not None
    with lock:
        assert acquire(path) is None
        assert holder_of(path) == str(os.getpid())
        assert path.stat().st_mode & 0o777 == 0o600
    lock.release()
    assert holder_of(path) is None


def test_a_longer_text_in_the_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    path.write_text("a text that another program left there, longer than a process id")
    lock = acquire(path)
    assert lock is not None
    with lock:
        assert holder_of(path) == str(os.getpid())


def test_a_file_that_names_nobody_has_an_unknown_holder(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    lock = acquire(path)
    assert lock is not None
    with lock:
        path.write_text("")
        assert holder_of(path) == UNKNOWN


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert acquire(path) is None
        assert holder_of(path) == str(process.pid)
        process.kill()
    lock = acquire(path)
    assert lock is not None
    lock.release()


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        acquire(tmp_path / "missing" / "a.lock")
