"""The guard of the network for libraries that make their sockets themselves.

Python tells an audit hook of every connection before it is made, with the address that a name
has led to, of each redirect, too (https://docs.python.org/3/library/audit_events.html). So
nothing of the library need be replaced. What may be opened is decided in `netguard`.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from services.runtime.netguard import (
    NOTHING_PRIVATE,
    AddressRefusedError,
    Networks,
    Refused,
    Verdict,
    verdict,
)


@dataclass(slots=True)
class Watched:
    """What a foreign library was kept from opening, in the order in which it tried."""

    allowed: Networks
    proxies: frozenset[tuple[str, int]]
    refused: list[Refused]

    def check(self, address: Any) -> None:
        """Raises AddressRefusedError for what must not be opened."""
        if isinstance(address, tuple) and address[:2] in self.proxies:
            return
        judged = self._judge(address)
        if isinstance(judged, Refused):
            self.refused.append(judged)
            raise AddressRefusedError(judged.reason)

    def _judge(self, address: Any) -> Verdict:
        try:
            return verdict(ip_address(address[0]), self.allowed)
        except (ValueError, TypeError):  # a name, or the path of a local socket
            return Refused("a socket to something that is not an address of the network")


@contextmanager
def watching_sockets(allowed: Networks = NOTHING_PRIVATE) -> Iterator[Watched]:
    """Within it, no socket of this thread is connected to what must not be opened.

    Proxies that the environment names may be opened; what they open, only they know. Blocks:
    the names of proxies are looked up.
    """
    _install_hook()
    watched = Watched(allowed, _proxy_addresses(), [])
    token = _watched.set(watched)
    try:
        yield watched
    finally:
        _watched.reset(token)


_watched: ContextVar[Watched | None] = ContextVar("watched", default=None)
_CONNECTIONS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event in _CONNECTIONS and (watched := _watched.get()) is not None and args[1] is not None:
        watched.check(args[1])


@cache
def _install_hook() -> None:
    sys.addaudithook(_hook)  # there is no way to take it out again


def _proxy_addresses() -> frozenset[tuple[str, int]]:
    found: set[tuple[str, int]] = set()
    for name, url in getproxies().items():
        if name in {"http", "https", "all"}:
            with suppress(OSError, ValueError):
                parts = urlsplit(url)
                port = parts.port or (443 if parts.scheme == "https" else 80)
                infos = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
                found |= {(str(info[4][0]), int(info[4][1])) for info in infos}
    return frozenset(found)
