"""The operator: sets stalled threads going again or withdraws them, freezes and thaws, rotates the secret.

Everything is done as an operator does it: the commands of `membrane`, each in a process of its own beside a
bot that is killed meanwhile. Some of these processes are killed too.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from bot.cli.entry import main
from tests.chaos.world import AGENTS, KINDS

LOOK_S = 0.3
KILLED = 0.1
"""The share of commands that are killed."""
REFUSED = {0, 1}
"""Exit codes of a command that was obeyed, or refused because things have moved on."""
RETRIES = (0, 1, 1, 2, 3)
"""How often a stalled thread is retried before it is withdrawn, drawn at random."""
PRESSES_EVERY_S = 1.5
ROTATIONS = 2
STALLED = """
SELECT threads.id FROM threads WHERE threads.state = 'stalled' AND NOT EXISTS
(SELECT 1 FROM thread_requests WHERE thread_id = threads.id AND done_at IS NULL) ORDER BY threads.id
"""
FROZEN = "SELECT DISTINCT name FROM freezes WHERE thawed_at IS NULL ORDER BY name"


class Operator:
    """Looks after one bot. Phases: `act` at first, `rest`: freeze no more, then `finish`: withdraw too."""

    def __init__(self, environment: Mapping[str, str], data: Path, log: Path, seed: str) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._environment = dict(environment)
        self._database = data / "membrane.db"
        self._secret = data / "secret"
        self._log = log
        self._seed = seed
        self._rng = Random(f"operator {seed}")
        self._tries: Counter[str] = Counter()
        self._rotations = 0
        self.phase = "act"
        self.done: Counter[str] = Counter()
        """How many commands were obeyed, by their names."""
        self.troubles: list[str] = []

    async def look_after(self) -> None:
        """Look and act until cancelled."""
        while True:
            for thread_id in self._read(STALLED):
                await self._help(thread_id)
            if self.phase != "act":
                for name in self._read(FROZEN):
                    await self._tell("thaw", name)
            elif self._rng.random() < LOOK_S / PRESSES_EVERY_S:
                await self._press()
            await asyncio.sleep(LOOK_S)

    async def _help(self, thread_id: str) -> None:
        """Retry a stalled thread as often as the lot says, then withdraw it, at the end at the latest."""
        rng = Random(f"{self._seed} {thread_id}")
        if self._tries[thread_id] < rng.choice(RETRIES):
            self._tries[thread_id] += 1
            await self._tell("threads", "retry", thread_id)
        elif self.phase == "finish" or rng.random() < 0.5:
            await self._tell("threads", "withdraw", thread_id, "--why", "it broke too often")

    async def _press(self) -> None:
        """Freeze something for a while, thaw it early, or rotate the secret, which the next life takes up."""
        rng, frozen = self._rng, self._read(FROZEN)
        if self._rotations < ROTATIONS and self._secret.exists() and rng.random() < 0.2:
            self._rotations += 1
            await self._tell("secret", "rotate")
        elif frozen and rng.random() < 0.5:
            await self._tell("thaw", rng.choice(frozen))
        else:
            name = rng.choice(("all", "own", "per_call", rng.choice(AGENTS), *rng.sample(sorted(KINDS), 3)))
            await self._tell("freeze", name, "--why", "chaos", "--until", f"{rng.randint(1, 3)}s")

    async def _tell(self, *words: str) -> None:
        """Run one command; in the phase `act` some are killed."""
        process = self._context.Process(
            target=command, args=(self._environment, self._log, words), daemon=True
        )
        await asyncio.to_thread(process.start)
        if self.phase == "act" and self._rng.random() < KILLED:
            await asyncio.sleep(self._rng.uniform(0.0, 0.3))
            process.kill()
            await asyncio.to_thread(process.join)
            self.done["killed"] += 1
        else:
            await asyncio.to_thread(process.join)
            if process.exitcode not in REFUSED:
                self.troubles.append(f"membrane {' '.join(words)} ended with exit code {process.exitcode}")
            self.done[words[1] if words[0] == "threads" else words[0]] += process.exitcode == 0
        process.close()

    def _read(self, query: str) -> list[str]:
        if not self._database.exists():
            return []
        with (
            suppress(sqlite3.OperationalError),  # the bot that migrates the database was killed in it
            closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10.0)) as connection,
        ):
            return [row[0] for row in connection.execute(query)]
        return []


def command(environment: Mapping[str, str], log: Path, words: Sequence[str]) -> None:
    """Be `membrane` with these words."""
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    os.environ.update(environment)
    sys.argv = ["membrane", *words]
    main()
