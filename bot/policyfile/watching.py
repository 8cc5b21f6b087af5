"""Reloading the policy when its file changes.

The folder is watched, not the file, because editors and Kubernetes replace files rather than write into
them. Every 30 seconds the file is hashed again, as a net under the watching.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchfiles import awatch

from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.errors import PolicyError
from bot.policyfile.loading import PolicyInForce, parse, read

DEBOUNCE_MS = 50
REHASH_EVERY_S = 30.0
SETTLED_AFTER_S = 1.0
"""By then the folder is being watched; what changed just before it was is found by looking once more."""
REPLACED_WITHIN_S = 0.2
"""A file that is gone may be about to be replaced; that long it is waited for."""

OnLoaded = Callable[[Policy, "Reload"], Awaitable[None]]
OnFailed = Callable[[PolicyError], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reload:
    """What came with a policy that has just come into force.

    `changes` has one sentence for each thing that is different, what became looser first and marked so. None
    are there where a broken file was put back as it was.
    """

    source: str
    changes: tuple[str, ...]


class PolicyWatcher:
    """Keeps the policy in force in step with its file.

    A file that loads is put in force and `on_loaded` is told; one that does not changes nothing and
    `on_failed` is told, once for each state of the file. What a callback raises is logged, no more.
    """

    def __init__(
        self,
        path: str | Path,
        in_force: PolicyInForce,
        on_loaded: OnLoaded,
        on_failed: OnFailed,
        *,
        rehash_every_s: float = REHASH_EVERY_S,
    ) -> None:
        """Watch the folder of `path`; `in_force` holds what was loaded from it at the start."""
        self._path = Path(path)
        self._in_force = in_force
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self._rehash_every_s = rehash_every_s
        self._seen: str | None = None
        self._failing = False
        self._looking = asyncio.Lock()
        self._log = structlog.get_logger("membrane.policy").bind(file=str(path))

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_when_told())
            tasks.create_task(self._look_by_the_clock())

    async def look(self) -> None:
        """Read the file, and if it is not as it was seen last, put it in force or say what is wrong."""
        async with self._looking:
            text = await self._text()
            state = hashlib.sha256(text).hexdigest() if isinstance(text, bytes) else str(text)
            if state != self._seen:
                self._seen = state
                await self._take(text)

    async def _take(self, text: bytes | PolicyError) -> None:
        try:
            if isinstance(text, PolicyError):
                raise text
            policy = await asyncio.to_thread(parse, text, str(self._path))
        except PolicyError as error:
            self._failing = True
            self._log.error("policy.refused", problems=len(error.problems), first=str(error.problems[0]))
            await self._told(self._on_failed(error))
            return
        await self._put_in_force(policy, text.decode("utf-8-sig"))

    async def _put_in_force(self, policy: Policy, source: str) -> None:
        before = self._in_force.current
        mended, self._failing = self._failing, False
        if policy.version == before.version and not mended:
            return
        changes = tuple(str(change) for change in changes_between(before, policy))
        self._in_force.replace(policy)
        self._log.info("policy.loaded", version=policy.version, changes=len(changes))
        await self._told(self._on_loaded(policy, Reload(source, changes)))

    async def _text(self) -> bytes | PolicyError:
        try:
            return await asyncio.to_thread(read, self._path)
        except PolicyError:
            await asyncio.sleep(REPLACED_WITHIN_S)
        try:
            return await asyncio.to_thread(read, self._path)
        except PolicyError as error:
            return error

    async def _told(self, telling: Awaitable[None]) -> None:
        try:
            await telling
        except Exception:  # noqa: BLE001  # the policy is decided; that nobody could be told must not undo it
            self._log.exception("policy.callback_failed")

    async def _look_when_told(self) -> None:
        """Look whenever something in the folder changes."""
        while True:
            try:
                folder = _identity(self._path.parent)
                async for _ in awatch(
                    self._path.parent,
                    watch_filter=None,
                    debounce=DEBOUNCE_MS,
                    rust_timeout=max(1, int(self._rehash_every_s * 1000)),
                    yield_on_timeout=True,
                    recursive=False,
                ):
                    await self._look_safely()
                    if _identity(self._path.parent) != folder:
                        break  # another folder stands there now; the one being watched is gone
            except (OSError, RuntimeError) as error:  # no folder, or no more inotify watches
                self._log.warning("policy.not_watched", why=str(error), look_every_s=self._rehash_every_s)
                await asyncio.sleep(self._rehash_every_s)

    async def _look_by_the_clock(self) -> None:
        """Look at once, shortly after the watching has begun, and then ever again."""
        await self._look_safely()
        await asyncio.sleep(min(SETTLED_AFTER_S, self._rehash_every_s))
        while True:
            await self._look_safely()
            await asyncio.sleep(self._rehash_every_s)

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except Exception:  # noqa: BLE001  # a watcher that stops would leave an old policy in force unnoticed
            self._log.exception("policy.look_failed")


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
