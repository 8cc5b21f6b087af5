"""Slack's documented rate limits: https://docs.slack.dev/apis/web-api/rate-limits"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bot.localslack.method import Tier

PER_MINUTE = {1: 1.0, 2: 20.0, 3: 50.0, 4: 100.0}
POSTS_PER_MINUTE = 60.0  # per channel, "1 per second"
POSTS_BURST = 5.0  # Slack allows short bursts and gives no figure
WORKSPACE_PER_MINUTE = 300.0  # of chat.postMessage, "several hundred"
SLOWED = ("conversations.history", "conversations.replies")
SLOW_PER_MINUTE = 1.0
"""The limit for apps distributed outside the Marketplace:
https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps"""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimits:
    """Token buckets per method and channel.

    Args:
        scale: 2.0 allows twice as much; None switches the limits off.
    """

    def __init__(self, clock: Callable[[], float], scale: float | None = 1.0) -> None:
        self.scale = scale
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait_for(self, method: str, tier: Tier, channel: str, *, slow_history: bool = False) -> int:
        """Count one call. Return 0 if it may run, else the seconds of ``Retry-After``.

        With `slow_history`, histories can be read once a minute, whatever the scale.
        """
        if slow_history and method in SLOWED:
            return self._take(f"slow {method}", SLOW_PER_MINUTE, 1.0, 1.0)
        if self.scale is None:
            return 0
        if method == "chat.postMessage":
            here = self._take(f"post {channel}", POSTS_PER_MINUTE, POSTS_BURST)
            return here or self._take("post", WORKSPACE_PER_MINUTE, WORKSPACE_PER_MINUTE)
        if tier == "special":
            return 0
        # One call a minute would leave a bot without spare sockets; Slack lets the first few pass.
        burst = max(PER_MINUTE[tier], 10.0)
        return self._take(method, PER_MINUTE[tier], burst)

    def _take(self, key: str, per_minute: float, burst: float, scale: float | None = None) -> int:
        scale = scale or self.scale or 1.0
        rate, most, now = per_minute * scale / 60, burst * scale, self._clock()
        bucket = self._buckets.setdefault(key, _Bucket(most, now))
        bucket.left = min(most, bucket.left + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return max(1, math.ceil((1 - bucket.left) / rate))
