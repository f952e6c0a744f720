"""Documents that break the parser cost themselves and nobody else."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from services.poller.extract import Extracted, NoText
from services.poller.pages import TextWorkers, WorkersClosedError
from services.poller.parse import ParsedFeed, ParseFailed, ParseReason

FEED = b"""<rss version="2.0"><channel><title>Wire</title>
<item><guid>1</guid><title>Ports reopen</title></item></channel></rss>"""
PAGE = b"<html><body><article>%s</article></body></html>" % b"".join(
    b"<p>Ships left the harbour at noon, the harbour master said on day %d.</p>" % day
    for day in range(9)
)
# Malformed, so that feedparser reads it; it looks for an address in every part of a long name.
ENDLESS = FEED.replace(b"</guid>", b"</guid><un:declared/><author>" + b"a" * 60_000 + b"@</author>")
URL = "https://wire.example/1"


@pytest.fixture
async def workers() -> AsyncIterator[TextWorkers]:
    short = timedelta(milliseconds=600)
    async with TextWorkers(workers=1, page_deadline=short, feed_deadline=short) as opened:
        yield opened


async def test_feeds_and_pages_come_back_as_the_same_values(workers: TextWorkers) -> None:
    feed = await workers.parse_feed(FEED, "application/rss+xml", URL)
    assert isinstance(feed, ParsedFeed)
    assert feed.entries[0].title == "Ports reopen"
    page = await workers.extract_page(PAGE, "text/html", URL)
    assert isinstance(page, Extracted)
    assert page.body.startswith("Ships left the harbour at noon")
    assert isinstance(await workers.parse_feed(b"no", None, URL), ParseFailed)
    assert isinstance(await workers.extract_page(b"no", None, URL), NoText)


async def test_a_document_past_its_deadline_fails_alone(workers: TextWorkers) -> None:
    failed = await workers.parse_feed(ENDLESS, None, URL)
    assert isinstance(failed, ParseFailed)
    assert failed.reason is ParseReason.TIMED_OUT
    assert isinstance(await workers.parse_feed(FEED, None, URL), ParsedFeed)


async def test_waiting_for_a_free_worker_is_not_counted(workers: TextWorkers) -> None:
    calls = [workers.parse_feed(ENDLESS, None, URL) for _ in range(2)]
    calls += [workers.parse_feed(FEED, None, URL) for _ in range(5)]
    results = await asyncio.gather(*calls)
    assert [type(result) for result in results] == [ParseFailed] * 2 + [ParsedFeed] * 5


async def test_a_worker_killed_at_work_fails_its_document_only(workers: TextWorkers) -> None:
    call = asyncio.create_task(workers.parse_feed(ENDLESS, None, URL))
    (pid,) = worker_pids(os.getpid())
    before = cpu_ticks(pid)
    await until(lambda: cpu_ticks(pid) > before + 5)
    os.kill(pid, signal.SIGKILL)
    failed = await call
    assert isinstance(failed, ParseFailed)
    assert failed.reason in {ParseReason.CRASHED, ParseReason.TIMED_OUT}
    page = await workers.extract_page(PAGE, "text/html", URL)
    assert isinstance(page, Extracted)


async def test_a_worker_killed_while_idle_is_replaced(workers: TextWorkers) -> None:
    (pid,) = worker_pids(os.getpid())
    os.kill(pid, signal.SIGKILL)
    await until(lambda: pid not in worker_pids(os.getpid()))
    assert isinstance(await workers.parse_feed(FEED, None, URL), ParsedFeed)


async def test_closing_leaves_no_worker_behind() -> None:
    workers = TextWorkers(workers=2)
    await workers.start()
    assert len(worker_pids(os.getpid())) == 2
    call = asyncio.create_task(workers.parse_feed(ENDLESS, None, URL))
    before = sum(map(cpu_ticks, worker_pids(os.getpid())))
    await until(lambda: sum(map(cpu_ticks, worker_pids(os.getpid()))) > before + 5)
    await workers.close()
    assert worker_pids(os.getpid()) == []
    with pytest.raises(WorkersClosedError):
        await call


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_workers_go_when_their_parent_is_killed(busy: bool, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import asyncio
            from services.poller.pages import TextWorkers

            async def main():
                workers = TextWorkers()
                await workers.start()
                if {busy}:
                    endless = b"<rss>" + b"<item><title>x</title></item>" * 300_000
                    asyncio.create_task(workers.parse_feed(endless, None, "http://x/"))
                    await asyncio.sleep(0.2)
                print("ready", flush=True)
                await asyncio.Event().wait()

            if __name__ == "__main__":
                asyncio.run(main())
            """
        )
    )
    with started(script) as parent:
        assert parent.stdout is not None
        await asyncio.to_thread(parent.stdout.readline)
        pids = worker_pids(parent.pid)
        assert len(pids) == 2
        parent.kill()
        # Sooner than the work itself or its alarm would end.
        await until(lambda: not any(map(is_alive, pids)), patience=8)


def started(script: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE)


def worker_pids(parent: int) -> list[int]:
    """The processes that `parent` spawned to work (not multiprocessing's tracker)."""
    return [pid for pid in children(parent) if b"spawn_main" in cmdline(pid) and is_alive(pid)]


def children(parent: int) -> list[int]:
    tasks = Path(f"/proc/{parent}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


async def until(condition: Callable[[], bool], patience: float = 20) -> None:
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110  # another process's end sets no event
            await asyncio.sleep(0.02)
