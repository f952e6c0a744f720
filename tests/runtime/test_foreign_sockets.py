"""Libraries that make their own sockets open nothing that only this machine can reach."""

import socket
import threading
from collections.abc import Iterator

import pytest

from services.runtime.foreign_sockets import watching_sockets
from services.runtime.netguard import LOOPBACK, AddressRefusedError
from tests.notifier.free_ports import closed_port


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_connection_to_this_machine_is_refused_before_it_is_made(
    host: str, listening: int
) -> None:
    with watching_sockets() as watched, pytest.raises(AddressRefusedError, match="loopback"):
        socket.create_connection((host, listening))
    assert watched.refused


def test_a_datagram_to_this_machine_is_refused() -> None:
    with (
        watching_sockets(),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        pytest.raises(AddressRefusedError),
    ):
        sender.sendto(b"log this", ("127.0.0.1", 514))


def test_a_local_socket_is_refused() -> None:
    with (
        watching_sockets(),
        socket.socket(socket.AF_UNIX) as client,
        pytest.raises(AddressRefusedError),
    ):
        client.connect("/run/some.sock")


def test_what_the_operator_allows_is_opened(listening: int) -> None:
    with watching_sockets(LOOPBACK) as watched:
        socket.create_connection(("127.0.0.1", listening)).close()
    assert watched.refused == []


def test_afterwards_and_in_other_threads_nothing_is_refused(listening: int) -> None:
    def connect() -> None:
        socket.create_connection(("127.0.0.1", listening)).close()
        opened.append(True)

    opened: list[bool] = []
    with watching_sockets():
        other = threading.Thread(target=connect)
        other.start()
        other.join()
    connect()
    assert opened == [True, True]


def test_a_proxy_of_the_environment_may_be_opened_and_no_other_port(
    listening: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://localhost:{listening}")
    with watching_sockets():
        socket.create_connection(("127.0.0.1", listening)).close()
        with pytest.raises(AddressRefusedError):
            socket.create_connection(("127.0.0.1", closed_port()))
