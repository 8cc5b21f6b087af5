"""The bot calls its monitor only while it is healthy."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.heartbeat import Heartbeat


class Monitor:
    def __init__(self, status: int = 200) -> None:
        self.calls = 0
        self._status = status
        app = web.Application()
        app.router.add_get("/beat", self._take)
        self.server = TestServer(app)

    async def _take(self, _: web.Request) -> web.Response:
        self.calls += 1
        return web.Response(status=self._status)


async def test_the_monitor_is_called_while_the_bot_is_healthy() -> None:
    monitor = Monitor()
    async with monitor.server as server:
        assert await Heartbeat(str(server.make_url("/beat")), dict).beat()
    assert monitor.calls == 1


async def test_the_monitor_is_not_called_when_a_sweep_has_stopped() -> None:
    monitor = Monitor()
    async with monitor.server as server:
        beat = Heartbeat(str(server.make_url("/beat")), lambda: {"expire": "has not succeeded for 40 s"})
        assert not await beat.beat()
    assert monitor.calls == 0


async def test_a_refusing_or_unreachable_monitor_harms_nothing() -> None:
    monitor = Monitor(status=500)
    async with monitor.server as server:
        url = str(server.make_url("/beat"))
        assert not await Heartbeat(url, dict).beat()
    assert not await Heartbeat(url, dict).beat()
