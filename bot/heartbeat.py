"""A dead man's switch: the bot calls an outside monitor, which alerts when the calls stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import aiohttp
import structlog

from bot.proxies import proxy_for

EVERY_S = 60.0
TIMEOUT_S = 10.0

log = structlog.get_logger(__name__)


class Heartbeat:
    """Calls `url` at each beat, unless `dead` names a stopped sweep. Logs failures."""

    def __init__(self, url: str, dead: Callable[[], Mapping[str, str]]) -> None:
        self._url = url
        self._dead = dead

    async def beat(self) -> bool:
        """Call the monitor, unless a sweep has stopped. Return whether the monitor accepted the call."""
        if dead := self._dead():
            log.error("no heartbeat: a sweep has stopped", sweeps=dict(dead))
            return False
        try:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(self._url, proxy=proxy_for(self._url)) as answer,
            ):
                answer.raise_for_status()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("the monitor did not accept the heartbeat", error=str(error) or type(error).__name__)
            return False
        return True
