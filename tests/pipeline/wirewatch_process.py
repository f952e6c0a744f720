"""`wirewatch run` as a user starts it: a process, a folder, a state, and its endpoint."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
import yaml
from prometheus_client.parser import text_string_to_metric_families

from schemas.article import Article
from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, NOTIFIER_GROUP
from services.bus.sqlite import open_bus

PATIENCE_SECONDS = 40.0

HURRY = {
    "WIREWATCH_HTTP_PORT": "0",
    "WIREWATCH_PUBLIC_URL": "http://wirewatch.invalid",
    "WIREWATCH_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
    "WIREWATCH_LOG_FORMAT": "json",
    "WIREWATCH_LOG_LEVEL": "debug",
    "WIREWATCH_POLL_MIN_INTERVAL_SECONDS": "0.2",
    "WIREWATCH_POLL_MAX_INTERVAL_SECONDS": "0.2",
    "WIREWATCH_FIRST_FETCH_WINDOW_HOURS": "0",
    "WIREWATCH_TEXT_WORKERS": "1",
    "WIREWATCH_DELIVERY_RETRY_FIRST_SECONDS": "0.2",
    "WIREWATCH_FETCH_TIMEOUT_SECONDS": "5",
}


async def until(
    condition: Callable[[], Awaitable[bool]], what: str, within: float = PATIENCE_SECONDS
) -> None:
    """Wait for a condition that lies in another process."""
    try:
        async with asyncio.timeout(within):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"waited {within:g} s in vain for {what}") from None


class Installation(Protocol):
    """What a timeline asks of an installation, whichever way it runs."""

    def write(self, name: str, content: object) -> None:
        """Write a file of the operator's folder."""

    async def start_ready(self) -> None:
        """Start; return when every part is ready and every feed has been looked at."""

    async def until_metric(self, name: str, at_least: float, **labels: str) -> None:
        """Wait until a metric has grown by so much since the start."""

    async def handled(self, urls: set[str]) -> bool:
        """Whether these articles are on the bus, and nothing is left to do behind them."""


@dataclass(slots=True)
class WirewatchProcess:
    """One installation: it may be started, killed and started again on the same state."""

    config: Path
    state: Path
    client: aiohttp.ClientSession
    env: Mapping[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | None = None
    url: str = ""
    starts: int = 0

    def write(self, name: str, content: object) -> None:
        """Write a file of the operator's folder."""
        path = self.config / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content)
        path.write_text(text)

    async def start(self) -> None:
        """Start and wait until the endpoint answers."""
        self.starts += 1
        with self._log_path().open("wb") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "services.cli", "run"),
                *("--config", str(self.config), "--state", str(self.state)),
                env={**_clean_environment(), **HURRY, **self.env},
                stdout=log,
                stderr=log,
            )
        await until(self._has_started, "the endpoint's address in the log")

    async def start_ready(self) -> None:
        """Start and wait until every part is ready and every feed has been looked at."""
        await self.start()
        await self.until_ready()
        await until(self._has_looked, "a first look at every feed")

    async def until_ready(self) -> None:
        """Wait until every part is ready."""
        await until(self.ready, f"readiness; the log:\n{self._log_path().read_text()[-3000:]}")

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """SIGTERM; the exit code."""
        return await self._end(signal.SIGTERM)

    async def ready(self) -> bool:
        """Whether /readyz says yes."""
        status, _ = await self.get("/readyz")
        return status == 200

    async def get(self, path: str) -> tuple[int, str]:
        """An answer of the process's own endpoint."""
        async with self.client.get(self.url + path) as response:
            return response.status, await response.text()

    async def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that carry these labels."""
        _, text = await self.get("/metrics")
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    async def until_metric(self, name: str, at_least: float, **labels: str) -> None:
        """Wait until a metric has reached a value."""

        async def reached() -> bool:
            return await self.metric(name, **labels) >= at_least

        await until(reached, f"{name}{labels} >= {at_least}")

    async def handled(self, urls: set[str]) -> bool:
        """Whether these articles are on the bus, and nothing is left to do behind them."""
        async with open_bus(self.state / "bus.sqlite") as bus:
            records = await bus.tail(ARTICLES, 10_000)
            if not urls <= {url_of(record.value) for record in records}:
                return False
            if (await bus.lag(ARTICLES, MATCHER_GROUP)).records:
                return False
            if (await bus.lag(MATCHES, NOTIFIER_GROUP)).records:
                return False
        return await self.metric("wirewatch_deliveries_pending") == 0

    def logged(self, event: str, **facts: object) -> list[dict[str, object]]:
        """The log lines of this start with this event and these facts."""
        lines = self._log_path().read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            line for line in parsed if line.get("event") == event and facts.items() <= line.items()
        ]

    def everything_said(self) -> str:
        """All output of all starts."""
        return "".join(path.read_text() for path in self.state.parent.glob("run-*.log"))

    async def _has_looked(self) -> bool:
        feeds = await self.metric("wirewatch_feeds")
        return feeds > 0 and await self.metric("wirewatch_feeds", state="new") == 0

    async def _has_started(self) -> bool:
        assert self.process is not None
        if self.process.returncode is not None:
            raise AssertionError(f"it ended: {self._log_path().read_text()[-3000:]}")
        started = self.logged("wirewatch runs")
        self.url = str(started[0]["url"]) if started else ""
        return bool(started)

    async def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.process.wait()

    def _log_path(self) -> Path:
        return self.state.parent / f"run-{self.starts}.log"


@asynccontextmanager
async def wirewatch_process(folder: Path) -> AsyncIterator[WirewatchProcess]:
    """An installation in `folder`, not started yet; killed in the end."""
    async with aiohttp.ClientSession() as client:
        installation = WirewatchProcess(folder / "config", folder / "state", client)
        try:
            yield installation
        finally:
            if installation.process is not None:
                await installation.kill()


def url_of(value: bytes | None) -> str | None:
    """The URL of the article in a record; None if there is no article in it."""
    try:
        return Article.decode(value).url
    except Exception:
        return None  # a test put rubbish there


def _clean_environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith("WIREWATCH_")}
