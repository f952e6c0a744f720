"""Matchers as processes on a real Kafka, and what goes in and comes out of them."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from schemas.article import Article, TextOrigin, TextReason, revision_of
from schemas.matches import ArticleMatches
from schemas.rule import RulesManifest, WatchRule
from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, TOPICS, WATCH_RULES, Topic
from services.bus.kafka import KafkaBus, open_kafka_bus
from services.bus.kafka_topics import create_topics
from services.bus.port import Outgoing

PATIENCE_SECONDS = 30.0
ROOT = Path(__file__).parents[2]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
REAL = ("services.matcher",)

Identity = tuple[str, str]


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


def article(number: int, title: str = "Report") -> Article:
    """An article that the rule `rule(…)` matches."""
    body = f"Columns of ground forces crossed the river, says report {number}."
    return Article(
        article_id=f"article-{number}",
        revision=revision_of(title, body, ""),
        feed_id="wire",
        source="Wire",
        title=title,
        body=body,
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=NOON,
        seen_at=NOON,
    )


def rule(version: int = 1, query: str = '"ground forces"') -> WatchRule:
    """The rule of these tests."""
    return WatchRule(rule_id="forces", version=version, name="Forces", query=query)


@dataclass(slots=True)
class MatcherProcess:
    """One matcher."""

    process: asyncio.subprocess.Process
    log: Path
    client: aiohttp.ClientSession

    def logged(self, event: str) -> list[dict[str, object]]:
        """The log lines with this event."""
        lines = self.log.read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line.get("event") == event]

    async def get(self, path: str) -> tuple[int, str]:
        """An answer of its endpoint; 0 while it has none."""
        started = self.logged("wirewatch runs")
        if not started:
            return 0, ""
        async with self.client.get(f"{started[-1]['url']}{path}") as response:
            return response.status, await response.text()

    async def ready(self) -> bool:
        """Whether it says that it is ready."""
        assert self.process.returncode is None, f"it ended: {self.log.read_text()[-3000:]}"
        return (await self.get("/readyz"))[0] == 200

    async def until_ready(self, within: float = PATIENCE_SECONDS) -> None:
        """Wait until it is ready."""
        await until(self.ready, f"{self.log.name} to be ready", within)

    async def metric(self, name: str) -> float:
        """A metric's sum over its labels."""
        _, text = await self.get("/metrics")
        families = text_string_to_metric_families(text)
        return sum(s.value for family in families for s in family.samples if s.name == name)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)

    @property
    def partitions(self) -> list[int]:
        """The partitions it was given last."""
        lines = self.logged("partitions assigned")
        return list(lines[-1]["partitions"]) if lines else []  # type: ignore[call-overload]


@dataclass(slots=True)
class Desk:
    """Topics of this test alone, and the matchers at work on them."""

    servers: str
    folder: Path
    bus: KafkaBus
    client: aiohttp.ClientSession
    matchers: list[MatcherProcess] = field(default_factory=list)
    published: list[Article] = field(default_factory=list)
    settings: dict[str, str] = field(default_factory=dict)
    announcement: int = 7

    async def start(self, *arguments: str, wait: bool = True) -> MatcherProcess:
        """A matcher; `arguments` go to the one whose stage may fail."""
        own = ("tests.matcher.matcher_process", str(self.folder), *arguments)
        return await self.start_module(*own, wait=wait)

    async def start_module(self, *module: str, wait: bool = True) -> MatcherProcess:
        """A process of this module."""
        log = self.folder / f"matcher-{len(self.matchers)}.log"
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *module),
                cwd=ROOT,
                env=_environment(self.servers) | self.settings,
                stdout=out,
                stderr=out,
            )
        matcher = MatcherProcess(process, log, self.client)
        self.matchers.append(matcher)
        if wait:
            await matcher.until_ready()
        return matcher

    async def apply(self, generation: int, *rules: WatchRule) -> None:
        """Broadcast a generation of rules."""
        manifest = RulesManifest(
            generation=generation, rules=len(rules), announcement=self.announcement
        )
        messages: list[WatchRule | RulesManifest] = [*rules, manifest]
        await self.bus.send_all([Outgoing(WATCH_RULES, m.key, m.encode()) for m in messages])

    async def publish(self, articles: Iterable[Article]) -> None:
        """Send articles, one after another."""
        for one in articles:
            await self.bus.send(Outgoing(ARTICLES, one.article_id, one.encode()))
            self.published.append(one)

    async def matched(self) -> Counter[Identity]:
        """How often each revision came out."""
        records = await self.bus.tail(MATCHES, 100_000)
        messages = [ArticleMatches.decode(record.value) for record in records]
        return Counter((m.article.article_id, m.article.revision) for m in messages)

    async def expect_all(self) -> Counter[Identity]:
        """Wait until everything published came out; how often each did."""
        wanted = {(one.article_id, one.revision) for one in self.published}

        async def there() -> bool:
            return wanted <= set(await self.matched())

        await until(there, "every article to be matched")
        found = await self.matched()
        assert set(found) == wanted
        return found

    async def until_committed(self, behind: int = 0) -> None:
        """Wait until the group has committed all but so many records."""

        async def committed() -> bool:
            return (await self.bus.lag(ARTICLES, MATCHER_GROUP)).records == behind

        await until(committed, f"a lag of {behind}")


@asynccontextmanager
async def matcher_desk(servers: str, folder: Path) -> AsyncIterator[Desk]:
    """A desk on fresh topics; its matchers are killed in the end."""
    await fresh_topics(servers)
    async with open_kafka_bus(servers) as bus, aiohttp.ClientSession() as client:
        desk = Desk(servers, folder, bus, client)
        try:
            yield desk
        finally:
            for matcher in desk.matchers:
                await matcher.end(signal.SIGKILL)


async def fresh_topics(servers: str, topics: Sequence[Topic] = TOPICS) -> None:
    """All declared topics, empty; those among `topics` as they are there."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        declared = {topic.name for topic in TOPICS}
        if present := declared & set(await admin.list_topics()):
            await admin.delete_topics(sorted(present))

        async def gone() -> bool:
            return not declared & set(await admin.list_topics())

        await until(gone, "the topics of the test before to be gone")
    finally:
        await admin.close()
    given = {topic.name: topic for topic in topics}
    await create_topics(servers, [given.get(topic.name, topic) for topic in TOPICS])


def _environment(servers: str) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WIREWATCH_")}
    return {
        **inherited,
        "WIREWATCH_KAFKA_SERVERS": servers,
        "WIREWATCH_HTTP_PORT": "0",
        "WIREWATCH_LOG_FORMAT": "json",
    }
