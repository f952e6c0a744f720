"""`wirewatch demo`: the real pipeline, watching the bundled newsroom.

Everything runs as it does for real: a newsroom in a process of its own, feeds polled over
HTTP, pages read, rules matched, alerts delivered to the terminal. `--once` checks that
exactly the expected alerts came.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from schemas.article import Article
from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, NOTIFIER_GROUP
from services.bus.sqlite import SqliteBus, open_bus
from services.embedded.demo.expected import EXPECTED
from services.embedded.pipeline import Places, run_pipeline
from services.notifier.message import AlertMessage
from services.runtime.clock import utc_now
from services.runtime.dependency import DependencyUnavailableError
from services.runtime.http import PortTakenError
from services.runtime.lifecycle import stop_on_signals, wait_for_stop
from services.runtime.log import configure_logging
from services.runtime.process import CannotStartError
from services.runtime.settings import Settings
from services.store import deliveries
from services.store.database import Database, open_database, sqlite_url
from services.store.deliveries import DeliveryState

CONFIG = Path(__file__).parent / "config"
PATIENCE_SECONDS = 45.0
_LOOK_EVERY_SECONDS = 0.1

Found = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Newsroom:
    """The newsroom's address."""

    url: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The alerts that were delivered, as (rule, slug), and when the first one was."""

    found: Found
    first_at: datetime | None


async def run_demo(*, once: bool) -> int:
    """Run the demo; the exit code."""
    console = Console(highlight=False)
    configure_logging("warning", "pretty")
    with tempfile.TemporaryDirectory(prefix="wirewatch-demo-") as folder:
        async with stop_on_signals() as stop:
            started_at = utc_now()
            try:
                async with start_newsroom(once=once) as newsroom:
                    places = _lay_out(Path(folder), newsroom)
                    return await _watch(places, newsroom, console, stop, started_at, once=once)
            except (CannotStartError, PortTakenError, DependencyUnavailableError) as error:
                sys.stderr.write(f"the demo cannot start: {error}\n")
                return 1


@asynccontextmanager
async def start_newsroom(*, once: bool) -> AsyncIterator[Newsroom]:
    """The bundled newsroom in its own process, stopped in the end."""
    arguments = ["--port", "0", "--with-parent", *(["--once"] if once else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.embedded.demo.newsroom",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C in the terminal is for us; it ends with its stdin
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line:
            raise CannotStartError("the newsroom did not start")
        yield Newsroom(json.loads(line)["url"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def demo_settings() -> Settings:
    """The settings of the demo: the real ones, in a hurry."""
    return Settings(
        http_port=0,
        allowed_networks="127.0.0.0/8",
        poll_min_interval_seconds=0.5,
        poll_max_interval_seconds=0.5,
        text_workers=1,
        first_fetch_window_hours=0,
    )


def _lay_out(folder: Path, newsroom: Newsroom) -> Places:
    config = folder / "config"
    shutil.copytree(CONFIG, config)
    feeds = config / "feeds.yaml"
    feeds.write_text(feeds.read_text().replace("{newsroom}", newsroom.url))
    return Places(config, folder / "state")


async def _watch(
    places: Places,
    newsroom: Newsroom,
    console: Console,
    stop: asyncio.Event,
    started_at: datetime,
    *,
    once: bool,
) -> int:
    endpoint: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    pipeline = asyncio.create_task(
        run_pipeline(places, demo_settings(), stop, started=endpoint.set_result)
    )
    starting: set[asyncio.Future[Any]] = {pipeline, endpoint}
    await asyncio.wait(starting, return_when=asyncio.FIRST_COMPLETED)
    if pipeline.done():
        pipeline.result()
        return 0
    _greet(console, newsroom, endpoint.result(), once=once)
    outcome = await _until_done(places, newsroom, stop) if once else None
    if outcome is None:
        await stop.wait()
    stop.set()
    await pipeline
    return conclude(console, outcome, started_at) if outcome else _part(console)


async def _until_done(places: Places, newsroom: Newsroom, stop: asyncio.Event) -> Outcome:
    """Wait until everything published has gone all the way; what was delivered."""
    async with (
        aiohttp.ClientSession() as session,
        open_bus(places.bus) as bus,
        open_database(sqlite_url(places.database)) as database,
        asyncio.timeout(None) as patience,
    ):
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        patience.reschedule(deadline + 10)
        while asyncio.get_running_loop().time() < deadline:
            if await _all_gone_through(session, newsroom, bus, database):
                break
            if await wait_for_stop(stop, _LOOK_EVERY_SECONDS):
                break
        return await _delivered(database)


async def _all_gone_through(
    session: aiohttp.ClientSession, newsroom: Newsroom, bus: SqliteBus, database: Database
) -> bool:
    async with session.get(f"{newsroom.url}/_control/state") as response:
        state = await response.json()
    if not (state["script_done"] and state["all_polled"]):
        return False
    published = {entry["url"] for entry in state["published"]}
    articles = [Article.decode(r.value) for r in await bus.tail(ARTICLES, 1000)]
    if not published <= {article.url for article in articles}:
        return False
    if (await bus.lag(ARTICLES, MATCHER_GROUP)).records:
        return False
    if (await bus.lag(MATCHES, NOTIFIER_GROUP)).records:
        return False
    async with database.read() as tx:
        return (await deliveries.backlog(tx)).pending == 0


async def _delivered(database: Database) -> Outcome:
    async with database.read() as tx:
        rows = await deliveries.listed(tx, DeliveryState.DELIVERED, 1000)
    messages = [AlertMessage.decode(row.message) for row in rows]
    found = frozenset((rule.rule_id, _slug(m)) for m in messages for rule in m.rules)
    times = [row.finished_at for row in rows if row.finished_at is not None]
    return Outcome(found, min(times, default=None))


def _slug(message: AlertMessage) -> str:
    return Path(urlsplit(message.url or "").path).stem


def _greet(console: Console, newsroom: Newsroom, endpoint: str, *, once: bool) -> None:
    rules = yaml.safe_load((CONFIG / "rules" / "demo.yaml").read_text())["rules"]
    feeds = yaml.safe_load((CONFIG / "feeds.yaml").read_text())["feeds"]
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_row("newsroom", Text(newsroom.url, style="cyan"))
    table.add_row("metrics", Text(f"{endpoint}/metrics", style="cyan"))
    table.add_row("feeds", ", ".join(feed["name"] for feed in feeds))
    for number, rule in enumerate(rules):
        table.add_row("" if number else "rules", Text(rule["query"], style="bold"))
    title = Text("Wirewatch demo", style="bold")
    end = "ends by itself" if once else "Ctrl-C ends it"
    console.print(Panel(table, title=title, subtitle=end, border_style="dim", expand=False))
    console.print("Watching. The first report comes in a moment …\n", style="dim")


def conclude(console: Console, outcome: Outcome, started_at: datetime) -> int:
    """Say what is missing and what is too much; the exit code."""
    missing, extra = EXPECTED - outcome.found, outcome.found - EXPECTED
    for rule, slug in sorted(missing):
        console.print(f"missing: an alert of rule {rule} about {slug}", style="bold red")
    for rule, slug in sorted(extra):
        console.print(f"not expected: an alert of rule {rule} about {slug}", style="bold red")
    if missing or extra:
        return 1
    first = (outcome.first_at - started_at).total_seconds() if outcome.first_at else 0.0
    console.print(
        f"{len(EXPECTED)} of {len(EXPECTED)} expected alerts and no other; "
        f"the first came {first:.1f} s after the start.",
        style="bold green",
    )
    return 0


def _part(console: Console) -> int:
    console.print("\nNext: [bold]wirewatch run --config deploy/examples/config[/bold]")
    return 0
