"""Reloads the policy when its file changes.

The watcher watches the folder, since editors and Kubernetes replace the file. It also hashes the file every
30 seconds, in case the watching misses a change. A change comes into force after it has stood for a moment
(`snapshot.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from watchfiles import awatch

from bot.domain.change import Change
from bot.domain.policy import Policy
from bot.domain.policy_changes import changes_between
from bot.domain.policy_notes import idle_notes
from bot.errors import PolicyError
from bot.policyfile.in_force import PolicyInForce
from bot.policyfile.loading import parse
from bot.policyfile.snapshot import SETTLE_LOOSER_S, SETTLE_S, Snapshot

DEBOUNCE_MS = 50
REHASH_EVERY_S = 30.0
SETTLED_AFTER_S = 1.0
"""The watching has begun by then; a second look finds changes from just before."""
HELD_S = 2.0
"""How often to check whether somebody has allowed a looser policy."""

OnLoaded = Callable[[Policy, "Reload"], Awaitable[None]]
OnFailed = Callable[[PolicyError], Awaitable[None]]
OnHeld = Callable[[Policy, tuple[str, ...]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reload:
    """The circumstances of a policy that has just come into force.

    `changes` has one sentence for each change, looser ones first and marked; empty if a broken file was
    restored unchanged. `loosens`: a change is, or may be, looser. `repaired`: the file before did not load,
    or waited.
    """

    source: str
    changes: tuple[str, ...]
    loosens: bool = False
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Gate:
    """Keeps a looser policy out of force until somebody allows this version.

    `allowed` returns the allowed version, if any. `on_held` is called once for each version that waits.
    """

    allowed: Callable[[], Awaitable[str | None]]
    on_held: OnHeld


@dataclass(slots=True)
class _Candidate:
    """A changed file, and since when it stands unchanged."""

    snapshot: Snapshot
    since: float
    policy: Policy | PolicyError | None = None
    changes: tuple[Change, ...] = ()

    @property
    def loosens(self) -> bool:
        return any(change.loosens for change in self.changes)


class PolicyWatcher:
    """Keeps the policy in force in step with its file.

    A file that loads comes into force, and `on_loaded` is called. A file that does not load changes nothing,
    and `on_failed` is called once for each state of the file. Errors of callbacks are only logged.

    The file is read after it has stood unchanged for `settle_s` seconds, or for `settle_looser_s` if it is
    looser than the policy in force; with a `gate`, somebody must also allow it. `clock` only goes forward.
    """

    def __init__(
        self,
        path: str | Path,
        in_force: PolicyInForce,
        on_loaded: OnLoaded,
        on_failed: OnFailed,
        *,
        rehash_every_s: float = REHASH_EVERY_S,
        settle_s: float = SETTLE_S,
        settle_looser_s: float = SETTLE_LOOSER_S,
        gate: Gate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Watch the folder of `path`; `in_force` holds the policy loaded from it at the start."""
        self._path = Path(path)
        self._in_force = in_force
        self._on_loaded = on_loaded
        self._on_failed = on_failed
        self._rehash_every_s = rehash_every_s
        self._settle_s = settle_s
        self._settle_looser_s = settle_looser_s
        self._gate = gate
        self._clock = clock
        self._seen: str | None = None
        self._candidate: _Candidate | None = None
        self._held: str | None = None
        self._unsettled = asyncio.Event()
        self._again_in_s = 0.0
        self._failing = False
        self._looking = asyncio.Lock()
        self._log = structlog.get_logger("membrane.policy").bind(file=str(path))

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._told(self._log_idle_rules(self._in_force.current))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_when_told())
            tasks.create_task(self._look_by_the_clock())
            tasks.create_task(self._look_once_settled())

    async def look(self) -> float | None:
        """Read the file. If it has changed, put it in force or report its problems.

        Return the seconds until the next look if the file has not settled or is not allowed; else None.
        """
        async with self._looking:
            self._again_in_s = await self._look() or 0.0
            if not self._again_in_s:
                return None
            self._unsettled.set()
            return self._again_in_s

    async def _look(self) -> float | None:
        snapshot, now = await asyncio.to_thread(Snapshot.of, self._path), self._clock()
        if snapshot.state == self._seen and self._held is None:
            self._candidate = None
            return None
        found = self._candidate
        if found is None or found.snapshot.stamp != snapshot.stamp:
            found = self._candidate = _Candidate(snapshot, now)
        stood_s = now - found.since
        if stood_s < self._settle_s:
            return self._settle_s - stood_s
        if found.policy is None:
            found.policy = await asyncio.to_thread(self._read, snapshot)
        if isinstance(found.policy, PolicyError):
            await self._refuse(found.policy)
        else:
            before = self._in_force.current
            found.changes = changes_between(before, found.policy)
            if found.loosens and stood_s < self._settle_looser_s:
                return self._settle_looser_s - stood_s
            if found.loosens and await self._is_held(found.policy, found.changes):
                return HELD_S
            await self._put_in_force(found.policy, found)
        self._seen, self._candidate = snapshot.state, None
        return None

    def _read(self, snapshot: Snapshot) -> Policy | PolicyError:
        try:
            if isinstance(snapshot.text, PolicyError):
                return snapshot.text
            return parse(snapshot.text, str(self._path))
        except PolicyError as error:
            return error

    async def _refuse(self, error: PolicyError) -> None:
        self._failing = True
        self._log.error("policy.refused", problems=len(error.problems), first=str(error.problems[0]))
        await self._told(self._on_failed(error))

    async def _is_held(self, policy: Policy, changes: tuple[Change, ...]) -> bool:
        """Whether a looser policy still waits for permission."""
        if self._gate is None or await self._gate.allowed() == policy.version:
            return False
        if self._held != policy.version:
            self._held = policy.version
            self._log.warning("policy.held", version=policy.version)
            await self._told(self._gate.on_held(policy, tuple(str(change) for change in changes)))
        return True

    async def _put_in_force(self, policy: Policy, found: _Candidate) -> None:
        before = self._in_force.current
        repaired = self._failing or (self._held is not None and self._held != policy.version)
        self._failing, self._held = False, None
        if policy.version == before.version and not repaired:
            return
        changes = tuple(str(change) for change in found.changes)
        source = found.snapshot.text
        assert isinstance(source, bytes), "it has loaded"
        self._in_force.replace(policy)
        self._log.info("policy.loaded", version=policy.version, changes=len(changes))
        await self._told(self._log_idle_rules(policy))
        await self._told(
            self._on_loaded(policy, Reload(source.decode("utf-8-sig"), changes, found.loosens, repaired))
        )

    async def _log_idle_rules(self, policy: Policy) -> None:
        """Log each raise rule that never raises a tier, and why."""
        for note in await asyncio.to_thread(idle_notes, policy):
            self._log.warning("policy.idle_rule", note=note)

    async def _told(self, telling: Awaitable[None]) -> None:
        try:
            await telling
        except Exception:  # noqa: BLE001  # a failed notice must not undo the reload
            self._log.exception("policy.callback_failed")

    async def _look_when_told(self) -> None:
        """Look at the file whenever something in its folder changes."""
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
                        break  # the folder was replaced; the watched one is gone
            except (OSError, RuntimeError) as error:  # no folder, or no more inotify watches
                self._log.warning("policy.not_watched", why=str(error), look_every_s=self._rehash_every_s)
                await asyncio.sleep(self._rehash_every_s)

    async def _look_by_the_clock(self) -> None:
        """Look at once, again shortly after the watching has begun, and then at intervals."""
        await self._look_safely()
        await asyncio.sleep(min(SETTLED_AFTER_S, self._rehash_every_s))
        while True:
            await self._look_safely()
            await asyncio.sleep(self._rehash_every_s)

    async def _look_once_settled(self) -> None:
        """Look again when the last change may have settled."""
        while True:
            await self._unsettled.wait()
            self._unsettled.clear()
            await asyncio.sleep(self._again_in_s)
            await self._look_safely()

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except Exception:  # noqa: BLE001  # a stopped watcher would leave an old policy in force, unnoticed
            self._log.exception("policy.look_failed")


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino
