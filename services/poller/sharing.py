"""How several pollers share the feeds: every host belongs to one living poller.

Pollers tell the database that they live; a host's owner is chosen among the living by
rendezvous hashing, so that one poller's coming or going moves only its own hosts. While
the pollers disagree for a moment a feed may be polled by two: readers drop the repeat.
"""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlsplit

from services.runtime.clock import utc_now
from services.store import pollers
from services.store.database import Database

ALIVE_FOR = timedelta(seconds=20)  # without a sign of life a poller's hosts go to others
SIGN_OF_LIFE_EVERY = timedelta(seconds=4)


class Share(Protocol):
    """Which feeds are this poller's to poll."""

    async def refresh(self, polled: Collection[str]) -> bool:
        """Look who lives; whether the share has changed. Raises DatabaseUnavailableError.

        `polled` are the feeds being polled: their hosts are not handed over meanwhile.
        """

    def has(self, url: str) -> bool:
        """Whether the feed at `url` may be polled by this poller."""

    def holds(self, url: str) -> bool:
        """Whether a poll under way there may go on."""

    async def give_up(self) -> None:
        """Leave, so that others take over at once."""


class Everything:
    """The share of a poller that is alone."""

    async def refresh(self, polled: Collection[str]) -> bool:
        """Nothing changes."""
        return False

    def has(self, url: str) -> bool:
        """Every feed."""
        return True

    def holds(self, url: str) -> bool:
        """Every feed."""
        return True

    async def give_up(self) -> None:
        """Nobody is there to take over."""


class HostShare:
    """The hosts that belong to one poller among several."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._me = secrets.token_hex(8)
        self._living: frozenset[str] = frozenset()
        self._signed_at: datetime | None = None

    async def refresh(self, polled: Collection[str]) -> bool:
        """Give a sign of life now and then, and look who else did."""
        now = utc_now()
        if self._signed_at is not None and now - self._signed_at < SIGN_OF_LIFE_EVERY:
            return False
        async with self._database.write() as tx:
            await pollers.sign(tx, self._me, now)
            await pollers.forget(tx, now - ALIVE_FOR)
            living = frozenset(await pollers.living(tx))
        self._signed_at = now
        changed, self._living = living != self._living, living
        return changed

    def has(self, url: str) -> bool:
        """Whether the URL's host is this poller's."""
        return owner_of(urlsplit(url).hostname or "", self._living) == self._me

    def holds(self, url: str) -> bool:
        """Whatever has begun may end."""
        return True

    async def give_up(self) -> None:
        """Leave the living."""
        async with self._database.write() as tx:
            await pollers.leave(tx, self._me)


def owner_of(host: str, living: Collection[str]) -> str | None:
    """The poller that a host belongs to: the one with the highest hash of both. PURE."""
    return max(living, key=lambda poller: _weight(host, poller), default=None)


def _weight(host: str, poller: str) -> bytes:
    return hashlib.sha256(f"{host}\x00{poller}".encode()).digest()
