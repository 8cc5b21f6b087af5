"""A bounded log of Web API calls, for tests."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bot.localslack.workspace import Json

KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call: its arguments and its result.

    Attributes:
        args: the arguments, without the token.
        error: Slack's error word; empty if the call succeeded.
        fault: the kind of the armed fault that hit the call, if any.
        at: unix seconds.
    """

    method: str
    args: Json
    error: str = ""
    fault: str = ""
    at: float


class CallLog:
    """The calls, oldest first."""

    def __init__(self) -> None:
        self._log: deque[ApiCall] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[ApiCall]:
        return iter(self._log)

    def __len__(self) -> int:
        return len(self._log)

    def add(self, call: ApiCall) -> None:
        """Add a call."""
        self._log.append(call)

    def of(self, method: str) -> list[ApiCall]:
        """Return the calls of one method."""
        return [call for call in self._log if call.method == method]

    def clear(self) -> None:
        """Remove all calls."""
        self._log.clear()
