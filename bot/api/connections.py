"""How many connections there may be, of one peer and in all: descriptors are kept for Slack and the store."""

from __future__ import annotations

import resource
from collections import Counter
from typing import Protocol

from bot.api.peers import Peers

RESERVE = 256
"""Descriptors kept for everything but the API's connections: Slack, the databases, hosted graphs."""
LEAST = 16
PEER_SHARE = 2
"""One peer has at most a half of all connections."""


class Connection(Protocol):
    """One connection, as its server sees it."""

    def idle(self) -> bool:
        """Whether no request of it is being worked on."""
        ...

    def drop(self) -> None:
        """Close it."""
        ...


def descriptors() -> int:
    """Return how many descriptors this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1_000_000 if soft == resource.RLIM_INFINITY else soft


def most_connections(wanted: int, limit: int | None = None) -> int:
    """Return how many connections there may be at once under a limit of descriptors (this process's)."""
    limit = descriptors() if limit is None else limit
    left = limit - RESERVE
    return max(LEAST, min(wanted, max(limit // 2, left)))


class Connections:
    """The connections that are open, by peer.

    A trusted proxy's connections are many peers', so they count in all only; `begin` and `end` count the
    requests of who stands behind it.
    """

    def __init__(self, most: int, most_of_peer: int, peers: Peers | None = None) -> None:
        self.peers = peers or Peers()
        self._most = most
        self._most_of_peer = max(1, min(most_of_peer, most // PEER_SHARE))
        self._open: dict[str, dict[Connection, None]] = {}
        self._count = 0
        self._requests: Counter[str] = Counter()

    def enter(self, connection: Connection, address: str) -> bool:
        """Note a new connection. False: there are too many, and it is to be closed.

        Where all places are taken, an idle one of the peer that has most makes room.
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
        """Note that a connection is gone; one that was dropped, or never entered, changes nothing."""
        self._forget(connection, self.peers.of_socket(address))

    def _forget(self, connection: Connection, peer: str) -> None:
        own = self._open.get(peer, {})
        if connection in own:
            del own[connection]
            self._count -= 1
            if not own:
                del self._open[peer]

    def begin(self, peer: str) -> bool:
        """Note a request of a peer. False: it has too many under way."""
        if self._requests[peer] >= self._most_of_peer:
            return False
        self._requests[peer] += 1
        return True

    def end(self, peer: str) -> None:
        """Note that a request of a peer was answered."""
        self._requests[peer] -= 1
        if self._requests[peer] <= 0:
            del self._requests[peer]
