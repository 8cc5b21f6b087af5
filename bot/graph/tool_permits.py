"""Permits for the tools of a hosted run: each claim gives one permit, which the tool's start uses.

The gate and the host issue permits; the guard takes them where tools start, on any OS thread. A permit is for
one tool, exactly its arguments and, if the call has an id, that call. It admits one start unless its kind is
idempotent.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bot.domain.record import ActionRecord


@dataclass(slots=True, eq=False)
class Permit:
    """A claim that a start may use. If `tool` is None, any tool of the action's kind may use it.

    `reports` says that the host, not the gate, reports the result, as for a stock agent's call.
    """

    action: ActionRecord
    tool: str | None = None
    call_id: str | None = None
    reports: bool = False
    starts: int = field(default=0, init=False)

    def fits(self, tool: str, kind: str, call_id: str | None) -> bool:
        """Whether this permit is for such a call, whatever its arguments."""
        named = self.tool == tool if self.tool is not None else self.action.kind == kind
        return named and (self.call_id is None or self.call_id == call_id)

    @property
    def open(self) -> bool:
        """Whether it admits a start."""
        return self.starts == 0 or self.action.ruling.idempotent


class Permits:
    """The permits of one run. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._issued: list[Permit] = []
        self._barred: list[Permit] = []
        self._closed = False

    def issue(self, permit: Permit) -> Permit:
        """Let a claimed call start."""
        with self._lock:
            self._issued.append(permit)
        return permit

    @contextmanager
    def issued(self, permit: Permit) -> Iterator[Permit]:
        """Let a claimed call start while this lasts."""
        self.issue(permit)
        try:
            yield permit
        finally:
            with self._lock:
                self._issued.remove(permit)
                self._barred.append(permit)

    def bar(self, actions: Iterable[ActionRecord]) -> None:
        """Note calls that an earlier run may have started, so that their refusals can say so."""
        with self._lock:
            self._barred += [Permit(action, call_id=action.call_id) for action in actions]

    def take(
        self, tool: str, kind: str, call_id: str | None, same: Callable[[Permit], bool]
    ) -> Permit | None:
        """Use the permit of a call whose arguments are the `same`. Returns None if there is no unused one."""
        with self._lock:
            for permit in self._issued:
                if not self._closed and permit.open and permit.fits(tool, kind, call_id) and same(permit):
                    permit.starts += 1
                    return permit
        return None

    def spend(self, permit: Permit) -> bool:
        """Use up a permit whose call was stopped. Returns False if the call may have started."""
        with self._lock:
            if permit.starts or permit.action.ruling.idempotent or permit not in self._issued:
                return False
            permit.starts += 1
            return True

    def like(self, tool: str, kind: str, call_id: str | None) -> list[Permit]:
        """Return all permits for such a call, whatever its arguments, including used and barred ones."""
        with self._lock:
            return [each for each in [*self._issued, *self._barred] if each.fits(tool, kind, call_id)]

    @property
    def reporting(self) -> bool:
        """Whether a stock agent's call was claimed for this run, or may have started in an earlier one."""
        with self._lock:
            return any(each.reports for each in [*self._issued, *self._barred])

    @property
    def started(self) -> set[str]:
        """The ids of the actions that have started, or may have in an earlier run."""
        with self._lock:
            begun = {each.action.id for each in self._issued if each.starts}
            return begun | {each.action.id for each in self._barred}

    def close(self) -> None:
        """End the run: code that it left behind on other OS threads starts nothing more."""
        self._closed = True
