"""Limits on open connections, per peer and in total, so that descriptors remain for Slack and the store."""

from __future__ import annotations

import resource
from collections import Counter
from typing import Protocol

from bot.api.peers import Peers

RESERVE = 256
"""Descriptors kept for everything but the API's connections: Slack, the databases, hosted graphs."""
LEAST = 16
"""Connections that are allowed under any limit of descriptors."""
PEER_SHARE = 2
"""One peer may hold at most half of all connections."""


class Connection(Protocol):
    """One connection, as its server sees it."""

    def idle(self) -> bool:
        """Whether it has no request in progress."""
        ...

    def drop(self) -> None:
        """Close it."""
        ...


def descriptors() -> int:
    """Return how many descriptors this process may open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int, limit: int | None = None) -> int:
    """Return the maximum number of connections under a descriptor limit, by default this process's."""
    limit = descriptors() if limit is None else limit
    left = limit - RESERVE
    return max(LEAST, min(wanted, max(limit // 2, left)))


class Connections:
    """The open connections, by peer.

    A connection of a trusted proxy carries requests of many peers, so only the total limit applies to it.
    `begin` and `end` count the requests of each peer behind a proxy.
    """

    def __init__(self, most: int, most_of_peer: int, peers: Peers | None = None) -> None:
        self.peers = peers or Peers()
        self._most = most
        self._most_of_peer = max(1, min(most_of_peer, most // PEER_SHARE))
        self._open: dict[str, dict[Connection, None]] = {}
        self._count = 0
        self._requests: Counter[str] = Counter()

    def enter(self, connection: Connection, address: str) -> bool:
        """Admit a new connection. Returns False if there are too many and the caller must close it.

        If all places are taken, an idle connection of the peer with the most connections is closed.
        """
        peer = self.peers.of_socket(address)
        own = self._open.get(peer, {})
        if len(own) >= self._most_of_peer and not self.peers.is_proxy(address):
            return False
        if self._count >= self._most and not self._make_room():
            return False
        self._open.setdefault(peer, {})[connection] = None
        self._count += 1
        return True

    def _make_room(self) -> bool:
        peer = max(self._open, key=lambda each: len(self._open[each]))
        idle = next((each for each in self._open[peer] if each.idle()), None)
        if idle is None:
            return False
        self._forget(idle, peer)
        idle.drop()
        return True

    def leave(self, connection: Connection, address: str) -> None:
        """Remove a closed connection. One that was dropped or never admitted changes nothing."""
        self._forget(connection, self.peers.of_socket(address))

    def _forget(self, connection: Connection, peer: str) -> None:
        own = self._open.get(peer, {})
        if connection in own:
            del own[connection]
            self._count -= 1
            if not own:
                del self._open[peer]

    def begin(self, peer: str) -> bool:
        """Count a request of a peer. Returns False if the peer has too many in progress."""
        if self._requests[peer] >= self._most_of_peer:
            return False
        self._requests[peer] += 1
        return True

    def end(self, peer: str) -> None:
        """Count a request of a peer as answered."""
        self._requests[peer] -= 1
        if self._requests[peer] <= 0:
            del self._requests[peer]
