"""The client behind a proxy is read only from the header part that trusted proxies write."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from bot.api.connections import RESERVE, most_connections
from bot.api.peers import Peers

PEERS = Peers([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


@pytest.mark.parametrize(
    ("socket", "forwarded", "peer"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["junk"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, junk"], "10.0.0.1"),
        ("10.0.0.1", [","], "10.0.0.1"),
        ("10.0.0.1", ["é" * 9000], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("fd00::1", ["2001:db8:1:2:ffff::"], "2001:db8:1:2::/64"),
        ("", ["198.51.100.1"], ""),
    ],
)
def test_a_peer_is_named_by_what_trusted_proxies_say(socket: str, forwarded: list[str], peer: str) -> None:
    headers = [(b"x-forwarded-for", each.encode("latin-1")) for each in forwarded]
    assert PEERS.of_request(socket, headers) == peer


@pytest.mark.parametrize(("limit", "most"), [(20_000, 1000), (1024, 1024 - RESERVE), (256, 128), (20, 16)])
def test_connections_leave_file_descriptors_for_the_rest(limit: int, most: int) -> None:
    assert most_connections(1000, limit) == most
