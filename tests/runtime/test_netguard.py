"""What only this machine or its network can reach is not opened, however it is written."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from services.runtime.netguard import (
    LOOPBACK,
    AddressRefusedError,
    Allowed,
    Refused,
    guarded_sockets,
    host_verdict,
    networks,
    opening_a_proxy,
    verdict,
)

PRIVATE = {
    "0.0.0.0": "unspecified",
    "0.1.2.3": "private",
    "10.0.0.1": "private",
    "10.255.255.255": "private",
    "100.64.0.1": "private",  # carrier-grade NAT
    "100.100.100.200": "private",  # metadata of one cloud
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "metadata",
    "169.254.0.1": "link-local",
    "169.254.169.254": "link-local",  # metadata of most clouds
    "172.16.0.1": "private",
    "172.31.255.255": "private",
    "192.0.0.1": "reserved",
    "192.0.0.192": "reserved",  # metadata of one cloud
    "192.0.2.1": "private",  # documentation
    "192.88.99.1": "reserved",
    "192.168.0.1": "private",
    "198.18.0.1": "private",  # measuring networks
    "198.51.100.1": "private",
    "203.0.113.1": "private",
    "224.0.0.1": "multicast",
    "239.255.255.250": "multicast",
    "240.0.0.1": "private",
    "255.255.255.255": "private",  # broadcast
    "::": "unspecified",
    "::1": "loopback",
    "::1%lo": "loopback",
    "::127.0.0.1": "reserved",  # IPv4-compatible
    "::8.8.8.8": "reserved",
    "::ffff:0:127.0.0.1": "reserved",  # IPv4-translated
    "::ffff:127.0.0.1": "loopback",
    "::ffff:10.0.0.1": "private",
    "::ffff:169.254.169.254": "link-local",
    "64:ff9b::127.0.0.1": "loopback",
    "64:ff9b::10.0.0.1": "private",
    "64:ff9b::a9fe:a9fe": "link-local",
    "64:ff9b:1::1": "reserved",  # NAT64 of one's own network
    "64:ff9b:1:a00:1::": "reserved",
    "100::1": "private",  # discarded
    "100:0:0:1::1": "reserved",
    "2001::1": "tunnel",  # Teredo
    "2001:0:a00:1:0:0:80ff:fffe": "tunnel",
    "2001:2::1": "reserved",
    "2001:10::1": "reserved",
    "2001:20::1": "reserved",
    "2001:db8::1": "private",  # documentation
    "2002:7f00:1::1": "loopback",  # 6to4
    "2002:a00:1::1": "private",
    "2002:a9fe:a9fe::": "link-local",
    "2606:4700::5efe:10.0.0.1": "private",  # ISATAP
    "2606:4700::200:5efe:127.0.0.1": "loopback",
    "3fff::1": "documentation",
    "4000::1": "reserved",
    "5f00::1": "reserved",  # segment routing
    "fc00::1": "private",
    "fd00:ec2::254": "private",  # metadata of one cloud
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "ff0e::1": "multicast",
}
PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "93.184.215.14",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "2606:4700::1111",
    "2a00:1450:4001:82a::200e",
)


@pytest.mark.parametrize(("text", "kind"), PRIVATE.items())
def test_what_is_not_public_is_refused_with_the_way_out(text: str, kind: str) -> None:
    judged = verdict(ip_address(text))
    assert isinstance(judged, Refused)
    assert f"is a {kind} address" in judged.reason or f"is an {kind} address" in judged.reason
    assert "WIREWATCH_ALLOWED_NETWORKS" in judged.reason
    assert str(ip_address(text)).split("%")[0] in judged.reason


@pytest.mark.parametrize("text", PUBLIC)
def test_what_is_public_is_opened(text: str) -> None:
    assert verdict(ip_address(text)) == Allowed()


@pytest.mark.parametrize(
    ("text", "allowed", "opened"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("64:ff9b::10.1.2.3", "10.1.0.0/16", True),
        ("fd00::1", "10.1.0.0/16, fd00::/8", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "127.0.0.0/8", False),
        ("169.254.169.254", "10.0.0.0/8,192.168.0.0/16", False),
    ],
)
def test_networks_that_the_operator_named_are_opened_and_no_others(
    text: str, allowed: str, opened: bool
) -> None:
    assert isinstance(verdict(ip_address(text), networks(allowed)), Allowed) is opened


@pytest.mark.parametrize("text", ["10.0.0.1/8", "10.0.0.0/33", "intranet", "10.0.0.0 fd00::/8"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is not a network") as caught:
        networks(f"127.0.0.0/8, {text}")
    assert repr(text) in str(caught.value)


HOSTS_OF_THIS_MACHINE = (
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "0",
    "0x7f.1",
    "0x7f000001",
    "0X7F.0.0.1",
    "0177.0.0.1",
    "017700000001",
    "2130706433",
    "[::1]",
    "::1",
    "[::ffff:7f00:1]",
    "[fe80::1%25eth0]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "printer.localhost",
)


@pytest.mark.parametrize("host", HOSTS_OF_THIS_MACHINE)
def test_hosts_are_judged_as_far_as_their_text_goes(host: str) -> None:
    judged = host_verdict(host)
    assert isinstance(judged, Refused)
    assert "WIREWATCH_ALLOWED_NETWORKS" in judged.reason


@pytest.mark.parametrize("host", ["example.org", "8.8.8.8", "134744072", "beef", "x", "fe.ed", ""])
def test_a_host_that_is_a_name_or_public_is_not_refused_by_its_text(host: str) -> None:
    assert host_verdict(host) == Allowed()


def test_a_host_of_an_allowed_network_is_not_refused_by_its_text() -> None:
    assert host_verdict("localhost", LOOPBACK) == Allowed()
    assert host_verdict("0x7f.1", LOOPBACK) == Allowed()


def _info(*sockaddr: object) -> tuple[int, int, int, str, Sequence[object]]:
    family = socket.AF_INET6 if ":" in str(sockaddr[0]) else socket.AF_INET
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", sockaddr


def test_a_socket_to_a_private_address_is_not_made() -> None:
    make = guarded_sockets()
    for sockaddr in [("127.0.0.1", 80), ("fe80::1", 80, 0, 3), ("::ffff:10.0.0.1", 80, 0, 0)]:
        with pytest.raises(AddressRefusedError, match="WIREWATCH_ALLOWED_NETWORKS"):
            make(_info(*sockaddr))  # type: ignore[arg-type]
    with pytest.raises(AddressRefusedError, match="not an address"):
        make(_info("no address", 80))  # type: ignore[arg-type]
    made = make(_info("8.8.8.8", 80))  # type: ignore[arg-type]
    made.close()


def test_a_proxy_may_be_private_and_only_while_it_is_opened() -> None:
    make = guarded_sockets()
    with opening_a_proxy():
        make(_info("10.0.0.1", 3128)).close()  # type: ignore[arg-type]
    with pytest.raises(AddressRefusedError):
        make(_info("10.0.0.1", 3128))  # type: ignore[arg-type]
