"""Faults between a bot and Slack, armed by tests.

A fault names a Web API method or a pattern (``chat.update``, ``chat.*``, ``*``), or ``sockets`` (the
WebSocket handshake), ``interactions`` or ``events`` (deliveries to the bot), or ``response_url``.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, get_args

from bot.localslack.workspace import Json

ApiKind = Literal["rate_limit", "http", "error", "drop", "delay", "lands_late"]
DeliveryKind = Literal["lost", "late", "twice", "at_once", "out_of_order"]
Kind = ApiKind | DeliveryKind | Literal["refuse"]

HELD = math.inf
"""Value of `seconds`: hold until `Faults.release` is called."""

_KINDS: dict[str, tuple[str, ...]] = {
    "sockets": ("refuse",),
    "interactions": get_args(DeliveryKind),
    "events": get_args(DeliveryKind),
}
_API_KINDS = get_args(ApiKind)


@dataclass(slots=True, kw_only=True)
class Fault:
    """A fault that hits the next `times` calls.

    Attributes:
        method: a method's name or a pattern.
        kind: ``rate_limit`` (429 with `retry_after`), ``http`` (an answer with `status` that is not JSON),
            ``error`` (``ok: false`` with `error`), ``drop`` (the connection breaks without an answer),
            ``delay`` (`seconds`), ``lands_late`` (the connection breaks at once, the call takes effect
            after `seconds`); for deliveries ``lost``, ``late`` (`seconds`), ``twice``, ``at_once`` (twice at
            the same time, on two connections if there are two) and ``out_of_order`` (after the next one,
            or after `seconds` if none comes); for the sockets' handshake ``refuse``.
        after: for ``http``, ``error``, ``drop`` and ``delay``: the call takes effect before it goes wrong.
        retry_after: seconds.
        seconds: how long it takes; `HELD` lets it take until `Faults.release`.
        when: a condition on the call's arguments; only calls for which it is true are hit.
        hits: how many calls it has hit.
    """

    method: str
    kind: Kind
    times: int = 1
    after: bool = False
    retry_after: int = 1
    status: int = 502
    error: str = "internal_error"
    seconds: float = 0.0
    when: Callable[[Json], bool] | None = None
    hits: int = 0

    def applies(self, method: str, args: Json) -> bool:
        """Whether it hits this call."""
        armed = self.hits < self.times and (fnmatchcase(method, self.method) or method == self.method)
        return armed and (self.when is None or self.when(args))


class Faults:
    """The armed faults. The first armed hits first."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self._released = asyncio.Event()

    def arm(
        self,
        *,
        method: str,
        kind: Kind,
        times: int = 1,
        after: bool = False,
        retry_after: int = 1,
        status: int = 502,
        error: str = "internal_error",
        seconds: float = 0.0,
        when: Callable[[Json], bool] | None = None,
    ) -> Fault:
        """Arm a fault for the next `times` calls of `method`; see `Fault`.

        Raises:
            ValueError: the kind cannot happen to what `method` names.
        """
        known = _KINDS.get(method, _API_KINDS)
        if kind not in known:
            raise ValueError(f"{kind!r} cannot happen to {method!r}; one of {', '.join(known)} can")
        fault = Fault(
            method=method,
            kind=kind,
            times=times,
            after=after,
            retry_after=retry_after,
            status=status,
            error=error,
            seconds=seconds,
            when=when,
        )
        self._armed.append(fault)
        return fault

    def take(self, method: str, args: Json) -> Fault | None:
        """Return and count the fault that hits this call, or None."""
        for fault in self._armed:
            if fault.applies(method, args) and fault.kind in _KINDS.get(method, _API_KINDS):
                fault.hits += 1
                return fault
        return None

    async def last(self, fault: Fault) -> None:
        """Wait as long as the fault lasts."""
        if fault.seconds == HELD:
            await self._released.wait()
        else:
            await asyncio.sleep(fault.seconds)

    def release(self) -> None:
        """Release everything that is held now, in its order of arrival."""
        released, self._released = self._released, asyncio.Event()
        released.set()

    def clear(self) -> None:
        """Disarm everything."""
        self._armed.clear()
