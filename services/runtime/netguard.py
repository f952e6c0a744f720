"""Which addresses of the network may be opened.

Everything that follows an address somebody else wrote (feeds, article pages, hubs,
webhooks) opens its sockets through `guarded_sockets`, which sees the address really
connected to: of a name, of a literal, of each redirect. What must not be opened is what
only this machine or its network can reach. Spelling of addresses is the fetcher's business.
"""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]
# (family, type, protocol, canonical name, socket address), as getaddrinfo gives it.
AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]
SocketFactory = Callable[[AddressInfo], socket.socket]

WAY_OUT = "if that is meant, add its network to WIREWATCH_ALLOWED_NETWORKS"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The address may be opened."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The address must not be opened; `reason` names it and says the way out."""

    reason: str


Verdict = Allowed | Refused


class AddressRefusedError(OSError):
    """A socket to an address that must not be opened was asked for."""

    # No error of the system. What connects to a name with several addresses makes one
    # OSError of several, and keeps of them the number that they share.
    NUMBER = 1_000_403

    def __init__(self, reason: str) -> None:
        super().__init__(self.NUMBER, reason)

    def __str__(self) -> str:
        return str(self.strerror)


def refusal_in(error: OSError) -> Refused | None:
    """The refusal that a failed connection comes from; None if it has another cause."""
    if error.errno != AddressRefusedError.NUMBER:
        return None
    return Refused(str(error.strerror).removeprefix("Multiple exceptions: "))


def networks(text: str) -> Networks:
    """The networks in a list with commas, such as `10.1.0.0/16, fd00::/8`.

    Raises ValueError that names the part which is no network.
    """
    return tuple(_network(part.strip()) for part in text.split(",") if part.strip())


NOTHING_PRIVATE: Networks = ()
LOOPBACK: Networks = (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))

_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_GLOBAL_V6 = IPv6Network("2000::/3")  # all that IANA has given out so far
# What `ipaddress` calls global and is not, or is not for everybody.
_NOT_PUBLIC: Mapping[IPv4Network | IPv6Network, str] = {
    IPv4Network("192.0.0.0/24"): "reserved",  # one cloud has its metadata at 192.0.0.192
    IPv4Network("192.88.99.0/24"): "reserved",  # relays of 6to4, withdrawn by RFC 7526
    # https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
    IPv4Network("168.63.129.16/32"): "metadata",
    IPv6Network("3fff::/20"): "documentation",  # RFC 9637
    IPv6Network("2001::/32"): "tunnel",  # Teredo: leads through a server of its own choice
    # Python's versions disagree on these: IETF's own assignments, NAT64 of one's own network.
    IPv6Network("2001::/23"): "reserved",
    IPv6Network("64:ff9b:1::/48"): "reserved",
}


def verdict(address: Address, allowed: Networks = NOTHING_PRIVATE) -> Verdict:
    """Whether `address` may be opened. PURE.

    An IPv6 address that carries an IPv4 one is judged by what it carries.
    """
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        address = IPv6Address(int(address))
    if any(address.version == network.version and address in network for network in allowed):
        return Allowed()
    carried = _carried(address) if isinstance(address, IPv6Address) else None
    if carried is not None:
        return _as_carried(address, verdict(carried, allowed))
    kind = _kind(address)
    if kind is None:
        return Allowed()
    article = "an" if kind[0] in "aeiou" else "a"
    return Refused(f"{address} is {article} {kind} address; {WAY_OUT}")


def host_verdict(host: str, allowed: Networks = NOTHING_PRIVATE) -> Verdict:
    """Whether the host of a URL is refused as it is written. PURE.

    For requests through a proxy, which opens the address itself. A name may still lead
    to an address of the proxy's own network: only the proxy can know.
    """
    bare = host.strip("[]").rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return _named(host, verdict(IPv4Address("127.0.0.1"), allowed))
    try:
        return verdict(ip_address(bare.replace("%25", "%")), allowed)
    except ValueError:
        return _numeric(host, bare, allowed)


def guarded_sockets(allowed: Networks = NOTHING_PRIVATE) -> SocketFactory:
    """A socket factory for aiohttp's TCPConnector that refuses what must not be opened.

    It raises AddressRefusedError. Of a name with several addresses, the others are tried.
    """

    def make(info: AddressInfo) -> socket.socket:
        family, kind, protocol, _, sockaddr = info
        if not _to_proxy.get():
            judged = _judge(str(sockaddr[0]), allowed)
            if isinstance(judged, Refused):
                raise AddressRefusedError(judged.reason)
        return socket.socket(family=family, type=kind, proto=protocol)

    return make


@contextmanager
def opening_a_proxy() -> Iterator[None]:
    """While a request goes through a proxy: the one address it opens is the proxy's.

    The operator named the proxy, so it may stand in a private network.
    """
    token = _to_proxy.set(True)
    try:
        yield
    finally:
        _to_proxy.reset(token)


_to_proxy: ContextVar[bool] = ContextVar("to_proxy", default=False)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError as error:
        raise ValueError(
            f"{text!r} is not a network ({error}); write one like 10.1.0.0/16 or fd00::/8"
        ) from None


def _judge(text: str, allowed: Networks) -> Verdict:
    try:
        return verdict(ip_address(text), allowed)
    except ValueError:
        return Refused(f"{text} is not an address of the network")


def _carried(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for or is tunnelled to."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    if address.sixtofour is not None:
        return address.sixtofour
    # ISATAP (RFC 5214): an interface identifier of 0000:5efe or 0200:5efe and the address.
    if (int(address) >> 32) & 0xFDFFFFFF == 0x5EFE and address in _GLOBAL_V6:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _as_carried(address: Address, judged: Verdict) -> Verdict:
    if isinstance(judged, Refused):
        return Refused(f"{address} leads to an IPv4 address: {judged.reason}")
    return judged


def _kind(address: Address) -> str | None:
    """What keeps an address from being public, in a word; None if it is public."""
    for network, kind in _NOT_PUBLIC.items():
        if address.version == network.version and address in network:
            return kind
    kinds = {
        "unspecified": address.is_unspecified,
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "multicast": address.is_multicast,
        "site-local": isinstance(address, IPv6Address) and address.is_site_local,
        "private": not address.is_global,
        "reserved": address.is_reserved
        or (isinstance(address, IPv6Address) and address not in _GLOBAL_V6),
    }
    return next((kind for kind, holds in kinds.items() if holds), None)


def _named(host: str, judged: Verdict) -> Verdict:
    if isinstance(judged, Refused):
        return Refused(f"{host} is this machine; {WAY_OUT}")
    return judged


def _numeric(host: str, bare: str, allowed: Networks) -> Verdict:
    """A name, or one of the spellings of IPv4 that only resolvers know (0x7f.1, 017…)."""
    if not bare or not set(bare) <= set("0123456789abcdefx."):
        return Allowed()
    try:
        meant = IPv4Address(socket.inet_aton(bare))
    except OSError:
        return Allowed()
    judged = verdict(meant, allowed)
    return Refused(f"{host}: {judged.reason}") if isinstance(judged, Refused) else judged
