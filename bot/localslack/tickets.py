"""The short-lived tickets of an interaction: trigger ids and response URLs."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from bot.localslack.refusals import SlackRefusal

TRIGGER_LIVES = 3.0  # seconds, and it opens one view
RESPONSE_URL_LIVES = 30 * 60.0  # seconds
RESPONSE_URL_USES = 5
KEPT = 5000  # of each kind, which bounds the memory of a long run


@dataclass(slots=True)
class _Trigger:
    user_id: str
    born: float
    used: bool = False


class Triggers:
    """Trigger ids: each lives three seconds and opens one view."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._live: dict[str, _Trigger] = {}

    def issue(self, user_id: str) -> str:
        """Return a new trigger id for an act of this person."""
        trigger_id = (
            f"{secrets.randbelow(10**12):012d}.{secrets.randbelow(10**12):012d}.{secrets.token_hex(16)}"
        )
        self._live[trigger_id] = _Trigger(user_id, self._clock())
        if len(self._live) > KEPT:
            self._live.pop(next(iter(self._live)))
        return trigger_id

    def exchange(self, trigger_id: str) -> str:
        """Use up a trigger id. Return its person.

        Raises:
            SlackRefusal: ``invalid_trigger_id``, ``exchanged_trigger_id`` or ``expired_trigger_id``.
        """
        trigger = self._live.get(trigger_id)
        if trigger is None:
            raise SlackRefusal("invalid_trigger_id")
        if trigger.used:
            raise SlackRefusal("exchanged_trigger_id")
        if self._clock() - trigger.born > TRIGGER_LIVES:
            raise SlackRefusal("expired_trigger_id")
        trigger.used = True
        return trigger.user_id


@dataclass(slots=True)
class ResponseUrl:
    """A URL that answers one interaction: five times within thirty minutes."""

    user_id: str
    channel_id: str
    message_ts: str | None
    born: float
    uses: int = 0


class ResponseUrls:
    """Response URLs by the secret part of their path."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._live: dict[str, ResponseUrl] = {}

    def issue(self, user_id: str, channel_id: str, message_ts: str | None) -> str:
        """Return the secret path of a new response URL."""
        secret = secrets.token_urlsafe(18)
        self._live[secret] = ResponseUrl(user_id, channel_id, message_ts, self._clock())
        if len(self._live) > KEPT:
            self._live.pop(next(iter(self._live)))
        return secret

    def use(self, secret: str) -> ResponseUrl:
        """Count one use and return the response URL.

        Raises:
            SlackRefusal: ``expired_url`` after thirty minutes, ``used_url`` after five uses.
        """
        url = self._live.get(secret)
        if url is None or self._clock() - url.born > RESPONSE_URL_LIVES:
            raise SlackRefusal("expired_url")
        if url.uses >= RESPONSE_URL_USES:
            raise SlackRefusal("used_url")
        url.uses += 1
        return url
