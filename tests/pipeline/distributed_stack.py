"""The distributed way as a person starts it: deploy/stack.py, with the compose file's topology."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, NOTIFIER_GROUP
from services.bus.kafka import open_kafka_bus
from services.store import written
from services.store.database import open_database
from tests.pipeline.newsroom_desk import NewsroomDesk
from tests.pipeline.wirewatch_process import HURRY, until, url_of

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180.0  # the first start on a machine fetches Kafka


@dataclass(slots=True)
class RunningStack:
    """All processes of one stack."""

    folder: Path
    webhook: Path
    process: subprocess.Popen[bytes]

    @property
    def processes(self) -> dict[str, dict[str, str | int]]:
        """What runs: pid and URL by name."""
        found: dict[str, dict[str, str | int]] = json.loads(
            (self.folder / "processes.json").read_text()
        )
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The settings of its processes, for a command beside them."""
        found: dict[str, str] = json.loads((self.folder / "environment.json").read_text())
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process and all that it has started."""
        os.killpg(int(self.processes[name]["pid"]), number)

    def endpoints(self, prefix: str = "") -> list[str]:
        """The URLs of the Wirewatch processes whose name begins so."""
        found = self.processes.items()
        return [
            str(one["url"])
            for name, one in found
            if name.startswith(prefix or ("poller", "matcher", "notifier"))
        ]


@contextmanager
def running_stack(*arguments: str) -> Iterator[RunningStack]:
    """A stack on free ports, ended in the end."""
    # Not below pytest's own folder: PostgreSQL's user could not enter it.
    folder = Path(tempfile.mkdtemp(prefix="wirewatch-stack-"))
    folder.chmod(0o755)
    webhook = folder / "webhook-url"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WIREWATCH_")}
    hurry = {k: v for k, v in HURRY.items() if k != "WIREWATCH_HTTP_PORT"}
    with (folder / "stack.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "deploy/stack.py", "--free-ports", "--folder", str(folder)),
                *("--without", "prometheus", *arguments),
            ],
            cwd=ROOT,
            env={**environment, **hurry},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_up(folder, process)
        yield RunningStack(folder, webhook, process)
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_up(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while "Everything runs" not in (folder / "stack.log").read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            logs = [f"{p.name}:\n{p.read_text()[-1500:]}" for p in folder.glob("*.log")]
            raise AssertionError("the stack is not up\n" + "\n".join(logs))
        time.sleep(0.1)


@dataclass(slots=True)
class Watch:
    """One test's watch on a running stack: a folder of its own, applied in place of the last."""

    stack: RunningStack
    config: Path
    newsroom: NewsroomDesk
    feed_id: str = field(default_factory=lambda: f"wire-{secrets.token_hex(4)}")
    start: Mapping[str, float] = field(default_factory=dict)

    def write(self, name: str, content: object) -> None:
        """Write a file of the operator's folder."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))

    async def start_ready(self) -> None:
        """Apply the folder and wait until all processes work with it."""
        self.start = {"wirewatch_articles_total": await self.metric("wirewatch_articles_total")}
        await self.apply()
        await until(self.ready, "every process to be ready")
        await until(self._has_looked, "a first look at every feed")

    async def apply(self) -> None:
        """`wirewatch apply`."""
        await self.command("apply", "--prune", "--config", str(self.config))

    async def command(self, *words: str) -> str:
        """What a command says that succeeds."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", *words),
            env=self.stack.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def ready(self) -> bool:
        """Whether every process says that it is ready, with the rules that were applied."""
        answers = [await self._get(f"{url}/readyz") for url in self.stack.endpoints()]
        if not all(status == 200 for status, _ in answers):
            return False
        generations = {
            await self._sum([url], "wirewatch_rules_generation", {})
            for url in self.stack.endpoints("matcher")
        }
        return generations == {await self._generation()}

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric over all processes."""
        return await self._sum(self.stack.endpoints(), name, labels)

    async def until_metric(self, name: str, at_least: float, **labels: str) -> None:
        """Wait until a metric has grown by so much since the start."""

        async def reached() -> bool:
            return await self.metric(name, **labels) - self.start.get(name, 0) >= at_least

        await until(reached, f"{name}{labels} >= {at_least}")

    async def handled(self, urls: set[str]) -> bool:
        """Whether these articles are on the bus, and nothing is left to do behind them."""
        servers = self.stack.environment["WIREWATCH_KAFKA_SERVERS"]
        async with open_kafka_bus(servers, client_id="tests") as bus:
            records = await bus.tail(ARTICLES, 10_000)
            if not urls <= {url_of(record.value) for record in records}:
                return False
            if (await bus.lag(ARTICLES, MATCHER_GROUP)).records:
                return False
            if (await bus.lag(MATCHES, NOTIFIER_GROUP)).records:
                return False
        return await self.metric("wirewatch_deliveries_pending") == 0

    async def _has_looked(self) -> bool:
        state = await self.newsroom.state()
        return bool(state["all_polled"]) and await self.metric("wirewatch_feeds", state="ok") == 1

    async def _generation(self) -> float:
        async with (
            open_database(self.stack.environment["WIREWATCH_DATABASE_URL"]) as database,
            database.read() as tx,
        ):
            return float(await written.counter(tx, written.GENERATION))

    async def _sum(self, urls: list[str], name: str, labels: Mapping[str, str]) -> float:
        texts = [text for _, text in [await self._get(f"{url}/metrics") for url in urls]]
        return sum(
            sample.value
            for text in texts
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def _get(self, url: str) -> tuple[int, str]:
        # A process that was stopped by a signal accepts connections and never answers.
        patience = aiohttp.ClientTimeout(total=5)
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self.newsroom.client.get(url, timeout=patience) as response:
                return response.status, await response.text()
        return 0, ""
