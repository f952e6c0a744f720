"""The HTTP session of the poller: connections, identity towards servers, queueing.

Decides how many connections a host gets and what we say about ourselves. Which addresses
may be opened is the judgement of `netguard`, which sees every one really connected to.
"""

import ssl

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.tracing import Trace

from services.poller.deadline import deadline_of_task
from services.runtime.netguard import NOTHING_PRIVATE, Networks, guarded_sockets


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
        deadline = deadline_of_task()
        if deadline is not None:
            deadline.stop()
        await super()._wait_for_available_connection(key, traces)
        if deadline is not None:
            deadline.go_on()
