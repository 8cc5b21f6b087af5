"""The commands, run as in a shell, on a database that the real membrane wrote."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog

from bot.cli import main
from bot.domain.action import Action
from bot.membrane import Membrane
from bot.store.database import Database, open_database
from tests import fakes
from tests.waiting import patience

PROGRAM = Path(sys.executable).with_name("membrane")


@dataclass(frozen=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


@dataclass
class Shell:
    """A folder for commands, with a clean environment."""

    folder: Path
    env: dict[str, str]
    patch: pytest.MonkeyPatch

    async def run(self, *args: str, **env: str) -> Ended:
        """Run a command in this process, which is quick."""
        with self.patch.context() as patched:
            patched.setattr("os.environ", {**self.env, **env})
            patched.setattr("sys.argv", ["membrane", *args])
            return await asyncio.to_thread(_run)

    async def spawn(self, *line: str | Path, **env: str) -> Ended:
        """Run a program as a shell does."""
        process = await asyncio.create_subprocess_exec(
            *line,
            cwd=self.folder,
            env={**self.env, **env},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with patience():
            out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())


def _run() -> Ended:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main()
    return Ended(ended.value.code or 0, out.getvalue(), err.getvalue())  # type: ignore[arg-type]  # ours are ints


@pytest.fixture(autouse=True)
def put_logs_back() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = before, level
    structlog.reset_defaults()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(tmp_path)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return Shell(tmp_path, kept, monkeypatch)


@dataclass
class Room:
    """A membrane on the database that the commands find."""

    membrane: Membrane
    db: Database

    async def propose(self, kind: str, **args: Any) -> Any:
        return await self.membrane.proposals.propose(Action.of(kind, args, agent="mailer", owner=fakes.GUS))


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    """The membrane of a running bot, which holds the folder's lock."""
    db = open_database(tmp_path / ".membrane" / "membrane.db", exclusive=True)
    rules = fakes.policy()
    membrane = Membrane(db, lambda: rules, fakes.FakeDirectory(), secret=fakes.SECRET)
    yield Room(membrane, db)
    await db.close()
