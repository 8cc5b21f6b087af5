"""The HTTP API for agents, operators and monitoring."""

from bot.api.assembly import build_api
from bot.api.health import Check, Health
from bot.api.thread_routes import Host

__all__ = ["Check", "Health", "Host", "build_api"]
