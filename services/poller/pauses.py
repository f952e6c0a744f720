"""Hosts that asked to be left alone (429, 503): nothing is fetched from them meanwhile.

Decides whom a pause concerns, and that the feeds of a host do not all come back in the
moment it is over. How long a pause is, is `schedule`'s judgement.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from services.poller.addresses import host_of
from services.poller.schedule import Policy, first_due, pause
from services.store import pauses as stored
from services.store.database import Database

# How often other pollers' pauses are looked up: pages of one host are read by many pollers.
_LOOK_EVERY = timedelta(seconds=5)


class Pauses:
    """What is known in this process; `exchange` tells the database and hears from it."""

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()
        self._until: dict[str, datetime] = {}
        self._untold: dict[str, datetime] = {}
        self._looked_at: datetime | None = None

    def asked(
        self, host: str, retry_after: timedelta | None, now: datetime, jitter: float = 0
    ) -> None:
        """A host asked for a pause of this length, or of none in particular."""
        until = now + pause(retry_after, self._policy, jitter)
        if host and until > self._until.get(host, now):
            self._until[host] = self._untold[host] = until

    def over_at(self, url: str, now: datetime) -> datetime | None:
        """When the pause of the URL's host is over; None if there is none."""
        until = self._until_of(url, now)
        return until if until is not None and until > now else None

    def feed_goes_on_at(self, url: str, now: datetime) -> datetime | None:
        """When the feed at `url` may be polled again; None if it may be now.

        A little after the pause, each feed at its own moment: if the first of them hears
        that it was too early, the others have not asked yet.
        """
        until = self._until_of(url, now)
        if until is None:
            return None
        mine = first_due(url, self._policy.min_interval, until)
        return mine if mine > now else None

    def _until_of(self, url: str, now: datetime) -> datetime | None:
        until = self._until.get(host_of(url)) if self._until else None
        # No pause is that long: a clock that was ahead has set it, and was set back.
        return None if until is None or until - now > self._policy.max_wait else until

    async def exchange(self, database: Database, now: datetime) -> None:
        """Tell other processes, and hear from them. Raises DatabaseUnavailableError."""
        if self._untold:
            await self._tell(database, now)
        elif self._looked_at is not None and abs(now - self._looked_at) < _LOOK_EVERY:
            return
        async with database.read() as tx:
            heard = await stored.live(tx, now)
        self._until = merged(self._until, heard, now - self._policy.min_interval)
        self._looked_at = now

    async def _tell(self, database: Database, now: datetime) -> None:
        telling = dict(self._untold)
        async with database.write() as tx:
            await stored.put(tx, telling)
            await stored.forget(tx, now)
        self._untold = {h: u for h, u in self._untold.items() if telling.get(h) != u}


def merged(
    known: Mapping[str, datetime], heard: Mapping[str, datetime], before: datetime
) -> dict[str, datetime]:
    """All pauses, the longer one of each host, without those that ended before a time. PURE."""
    both = {h: max(u, known.get(h, u)) for h, u in heard.items()} | {
        h: u for h, u in known.items() if h not in heard
    }
    return {host: until for host, until in both.items() if until > before}
