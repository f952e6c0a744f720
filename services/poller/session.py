"""The HTTP session of the poller: connections, identity towards servers, queueing.

Decides how many connections a host gets and what we say about ourselves. Which addresses
may be opened is the judgement of `netguard`, which sees every one really connected to.
"""

import asyncio
import ssl
from contextvars import ContextVar

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.tracing import Trace

from services.runtime.netguard import NOTHING_PRIVATE, Networks, guarded_sockets


class QueueClock:
    """Stops a time-out while a request waits for one of the host's few connections.

    Twenty new articles of one slow host share two connections; the last one's time must
    not run out while the first ones are read.
    """

    __slots__ = ("_left", "_timeout")

    def __init__(self, timeout: asyncio.Timeout) -> None:
        self._timeout = timeout
        self._left: float | None = None

    def stop(self) -> None:
        """The request has to wait for a connection."""
        when = self._timeout.when()
        self._left = None if when is None else when - asyncio.get_running_loop().time()
        self._timeout.reschedule(None)

    def go_on(self) -> None:
        """The request has its connection."""
        if self._left is not None:
            self._timeout.reschedule(asyncio.get_running_loop().time() + self._left)


def new_session(
    user_agent: str,
    *,
    allowed: Networks = NOTHING_PRIVATE,
    per_host: int = 2,
    total: int = 100,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
) -> aiohttp.ClientSession:
    """A session to be closed by the caller. `user_agent` names product, version, contact URL.

    It opens public addresses, and those of the `allowed` networks. `resolver` finds the
    addresses of names, `tls` verifies servers (default: the system's, both).
    """
    return aiohttp.ClientSession(
        connector=_QueueingConnector(
            limit=total,
            limit_per_host=per_host,
            socket_factory=guarded_sockets(allowed),
            resolver=resolver,
            ssl=tls or True,
        ),
        headers={"User-Agent": user_agent},
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        # News sites send policies and cookies past aiohttp's 8 kB.
        max_line_size=32_768,
        max_field_size=65_536,
    )


class _QueueingConnector(aiohttp.TCPConnector):
    # aiohttp tells of the queue by traces only, and a session that is traced takes a third
    # more CPU for every request (bench/poll). Tests see if this is called no more.
    async def _wait_for_available_connection(self, key: ConnectionKey, traces: list[Trace]) -> None:
        clock = _CLOCK.get()
        if clock is not None:
            clock.stop()
        await super()._wait_for_available_connection(key, traces)
        if clock is not None:
            clock.go_on()


def stop_while_queued(timeout: asyncio.Timeout) -> None:
    """Stop this time-out while a request of the task that runs waits for a connection."""
    _CLOCK.set(QueueClock(timeout))


_CLOCK: ContextVar[QueueClock | None] = ContextVar("clock", default=None)
