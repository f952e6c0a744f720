"""A process that is really stopped and continued polls nothing that has become another's."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest

from services.poller.sharing import seconds_passed
from tests.poller.leaseholder import HOSTS
from tests.servers.patience import until

pytestmark = pytest.mark.slow


@dataclass
class Holder:
    """A process with leases, and the polls that it told of: host, begin, end."""

    process: asyncio.subprocess.Process
    polls: list[tuple[str, float, float]] = field(default_factory=list)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            match line.decode().split():
                case ["poll", host, begin, end]:
                    self.polls.append((host, float(begin), float(end)))

    async def until_polling(self, hosts: int, since: float) -> None:
        """Until it has polled so many of the hosts since a time."""

        async def polling() -> bool:
            return len({host for host, begin, _ in self.polls if begin > since}) >= hosts

        await until(polling, f"polls of {hosts} hosts")


@asynccontextmanager
async def holder(url: str) -> AsyncIterator[Holder]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.poller.leaseholder", url), stdout=asyncio.subprocess.PIPE
    )
    running = Holder(process)
    listening = asyncio.create_task(running.listen())
    try:
        yield running
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        await listening


async def test_stopped_until_another_has_its_hosts_it_begins_nothing_when_it_goes_on(
    postgres_url: str,
) -> None:
    async with holder(postgres_url) as first:
        await first.until_polling(len(HOSTS), since=0)
        first.process.send_signal(signal.SIGSTOP)
        stopped = seconds_passed()
        async with holder(postgres_url) as second:
            await second.until_polling(len(HOSTS), since=stopped)
            first.process.send_signal(signal.SIGCONT)
            continued = seconds_passed()
            await first.until_polling(1, since=continued)
    later = [poll for poll in first.polls if poll[1] > stopped]
    assert later, "it has a part again"
    for host, begin, end in later:
        there = [p for p in second.polls if p[0] == host and p[1] < end and begin < p[2]]
        assert not there, f"both polled {host}"
