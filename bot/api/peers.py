"""The peer of a connection or a request: the socket's address, or the one that a trusted proxy forwards."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

FORWARDED = b"x-forwarded-for"
IPV6_PREFIX = 64
"""One subscriber usually has all addresses with the same prefix of this many bits, so they are one peer."""


class Peers:
    """Names peers. `trusted` are the networks of proxies whose X-Forwarded-For is believed."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)

    def is_proxy(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        found = _address(address)
        return found is not None and self._believes(found)

    def of_socket(self, address: str) -> str:
        """Return the name of the peer at an address."""
        found = _address(address)
        return _name(found) if found is not None else address

    def of_request(self, address: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """Return the name of the peer that a request came from: the last address that is not a trusted proxy.

        Only the addresses that trusted proxies appended are read; anybody could have written the ones before.
        """
        found = _address(address)
        if found is None or not self._believes(found):
            return self.of_socket(address)
        named = b",".join(value for name, value in headers if name == FORWARDED).decode("latin-1")
        for part in reversed(named.split(",")[-len(self._trusted) - MOST_PROXIES :]):
            before = _address(part.strip())
            if before is None:
                break
            found = before
            if not self._believes(before):
                break
        return _name(found)

    def _believes(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)


MOST_PROXIES = 10
"""Length of a chain of proxies that is read."""


def _address(text: str) -> Address | None:
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _name(address: Address) -> str:
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)
