"""A bounded log of Web API calls, for tests."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from bot.localslack.workspace import Json

KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiCall:
    """One call as it arrived and how it ended.

    Attributes:
        args: without the token.
        error: Slack's word for it; empty if the call did what it should.
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
        """Write one down."""
        self._log.append(call)

    def of(self, method: str) -> list[ApiCall]:
        """The calls of one method."""
        return [call for call in self._log if call.method == method]

    def clear(self) -> None:
        """Forget all."""
        self._log.clear()
