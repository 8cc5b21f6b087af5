"""The address that the API listens on."""

from __future__ import annotations

import asyncio
import socket

import pytest

from bot.api.http_server import bound
from bot.errors import SettingsError


async def test_each_write_is_sent_at_once() -> None:
    """Asyncio disables Nagle's algorithm only for sockets declared as TCP: 40 ms of each answer."""
    said = asyncio.get_running_loop().create_future()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken = writer.get_extra_info("socket")
        said.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with bound("127.0.0.1", 0) as listening:
        async with await asyncio.start_server(serve, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await said
            writer.close()
            await writer.wait_closed()


def test_a_taken_address_is_a_setting_to_change() -> None:
    with bound("127.0.0.1", 0) as first:
        first.listen()
        port = first.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=f"127.0.0.1:{port} .*MEMBRANE_PORT"),
            bound("127.0.0.1", port),
        ):
            pass
