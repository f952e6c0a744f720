"""Articles a second from the bytes of a page to `articles` on the bus: `python -m bench.pages`.

Two text workers, the SQLite bus with every record on disk, the database with its look-ups of
headlines and repeated lines; everything of a poll but fetching. Real pages (`pages.tar.gz`) are
read from a folder that is not part of the project.
"""

import asyncio
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench.extract import read_pages
from schemas.folder import FeedSpec
from schemas.topics import ARTICLES
from services.bus.sqlite import open_bus
from services.poller.articles import PageText, Sighting, article_of
from services.poller.extract import Extracted
from services.poller.fetch import FEED_LIMITS, PAGE_LIMITS
from services.poller.finishing import remember_lines
from services.poller.guards import ShortLines
from services.poller.ingest import Ingest
from services.poller.pages import TextWorkers
from services.poller.parse import FeedEntry
from services.poller.reading import PageReader
from services.poller.schedule import Policy
from services.poller.session import new_session
from services.poller.surroundings import PollingPolicy, Surroundings
from services.runtime.clock import utc_now
from services.runtime.metrics import Metrics
from services.store.database import open_database, sqlite_url

ROUNDS = 6
AT_ONCE = 8  # as of one document
WORKERS = 2


async def publish_all(around: Surroundings, pages: Mapping[str, bytes]) -> int:
    """Extract and publish every page once a round; the number of articles published."""
    policy = PollingPolicy(Policy(), FEED_LIMITS, Policy().max_interval)
    ingest, room = Ingest(around, policy), asyncio.Semaphore(AT_ONCE)
    feed = FeedSpec(id="bench", url="https://bench.example/feed")

    async def one(number: int, page: bytes) -> ShortLines | None:
        link = f"https://site{number % 10}.example/{number}"
        async with room:
            found = await around.workers.extract_page(page, "text/html", link)
            assert isinstance(found, Extracted)
            now = utc_now()
            article = article_of(
                feed,
                FeedEntry(link=link, title=f"The headline of article {number}"),
                PageText(found.body, found.title, found.lang, found.canonical_url),
                Sighting(f"{number:032x}", now, now),
                None,
            )
            return (await ingest.publish(article)).lines

    numbered = list(enumerate(list(pages.values()) * ROUNDS))
    for start in range(0, len(numbered), 26):  # a document of 26 new entries
        part = numbered[start : start + 26]
        lines = await asyncio.gather(*(one(number, page) for number, page in part))
        async with around.database.write() as tx:
            await remember_lines(tx, lines, datetime.now(UTC))
    return len(numbered)


async def measure(pages: Mapping[str, bytes], folder: Path) -> None:
    metrics = Metrics()
    async with (
        TextWorkers(WORKERS) as workers,
        open_bus(folder / "bus.sqlite") as bus,
        open_database(sqlite_url(folder / "database.sqlite")) as database,
        new_session("bench") as session,
    ):
        reader = PageReader(session, workers, PAGE_LIMITS, metrics, utc_now)
        around = Surroundings(session, workers, reader, bus, database, metrics, utc_now)
        for page in list(pages.values())[:20]:
            await workers.extract_page(page, "text/html", "https://bench.example/")
        start, own, theirs = time.perf_counter(), time.process_time(), workers_cpu()
        count = await publish_all(around, pages)
        took, own = time.perf_counter() - start, time.process_time() - own
        theirs = workers_cpu() - theirs
        assert len(await bus.tail(ARTICLES, count + 1)) == count
    size = sum(map(len, pages.values())) / len(pages) / 1_000
    print(f"{count} articles from pages of {size:.0f} kB on average, {WORKERS} text workers")
    print(f"{count / took:8.0f} articles a second, {took / count * 1e3:.1f} ms each")
    print(f"{own / count * 1e3:8.1f} ms CPU an article in the poller's own process")
    print(f"{theirs / count * 1e3:8.1f} ms CPU an article in the text workers")
    print(f"{2 * count / (own + theirs):8.0f} articles a second in the CPU time of two cores")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")


def workers_cpu() -> float:
    """CPU seconds of the text workers so far (Linux)."""
    stats = [Path(f"/proc/{child.pid}/stat") for child in multiprocessing.active_children()]
    fields = [stat.read_text().rpartition(")")[2].split() for stat in stats]
    return sum(int(f[11]) + int(f[12]) for f in fields) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    pages, _ = read_pages(folder / "pages.tar.gz")
    with tempfile.TemporaryDirectory() as state:
        asyncio.run(measure(pages, Path(state)))


if __name__ == "__main__":
    main()
