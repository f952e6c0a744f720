"""What both ways to Slack share: guarded connections, a silent SDK, what no answer means.

The SDK is told to try nothing again: that is the sender's business. It logs addresses and
arguments at debug level, hence a logger of its own that hands nothing on.
"""

import logging
from collections.abc import Collection

import aiohttp

from services.notifier.channels.detail import detail
from services.notifier.outcome import Reason, TryLater
from services.runtime.netguard import Networks, guarded_sockets


class SlackConnection:
    """A session that opens public addresses, and the `allowed` networks, only."""

    def __init__(self, timeout: float, allowed: Networks) -> None:
        self._timeout = timeout
        self._allowed = allowed
        self._session: aiohttp.ClientSession | None = None

    def session(self) -> aiohttp.ClientSession:
        """The session, opened when it is first needed."""
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=guarded_sockets(self._allowed)),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def silent_logger() -> logging.Logger:
    """A logger that says nothing."""
    return logging.Logger("slack", level=logging.CRITICAL + 1)


def lost(error: Exception, secrets: Collection[str]) -> TryLater:
    """What a connection that failed means: it may have arrived if it failed once it stood."""
    uncertain = not isinstance(error, aiohttp.ClientConnectorError)
    return TryLater(Reason.UNREACHABLE, None, detail(str(error), secrets), uncertain)


def not_heard_of_in(seconds: float) -> TryLater:
    """What no answer means: it may have arrived."""
    told = f"no answer within {seconds:g} s"
    return TryLater(Reason.TIMED_OUT, None, told, uncertain=True)
