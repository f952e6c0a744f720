"""A process that polls hosts by its leases, as a poller would, and says when it does.

`python -m tests.poller.leaseholder DATABASE_URL`: a line for each poll, its host, begin and end.
"""

import asyncio
import sys
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from services.poller.sharing import Clocks, HostShare, seconds_passed
from services.store import leases
from services.store.database import open_database

HOSTS = [f"news{number}.example" for number in range(6)]
FASTER = 6  # a lease's term passes in five seconds


def here() -> float:
    """The process's clock: as everywhere, but faster."""
    return seconds_passed() * FASTER


async def there(tx: AsyncConnection) -> datetime:
    """The database's clock: as fast."""
    await leases.begin(tx)
    return datetime(2026, 3, 5, 12, tzinfo=UTC) + timedelta(seconds=here())


async def poll(share: HostShare, host: str) -> None:
    """Poll a host again and again while it is ours."""
    while True:
        if share.has(f"https://{host}/feed"):
            begin = seconds_passed()
            await asyncio.sleep(0.03)
            sys.stdout.write(f"poll {host} {begin} {seconds_passed()}\n")
            sys.stdout.flush()
        else:
            await asyncio.sleep(0.01)


async def main(url: str) -> None:
    """Until the process is ended."""
    async with open_database(url) as database:
        share = HostShare(database, Clocks(here, there))
        polling = [asyncio.create_task(poll(share, host)) for host in HOSTS]
        while all(not task.done() for task in polling):
            await share.refresh(())
            await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
