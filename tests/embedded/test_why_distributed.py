"""`wirewatch why` where the bus is Kafka and the database PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta

from schemas.article import Article, revision_of
from schemas.dead_letter import DeadLetter
from schemas.matches import ArticleMatches
from schemas.rule import WatchRule
from schemas.topics import ARTICLES, ARTICLES_DLQ, MATCHES
from services.bus.kafka import open_kafka_bus
from services.bus.kafka_topics import create_topics
from services.bus.port import Outgoing
from services.engine.ruleset import RuleSet
from services.store import deliveries, judgements, written
from services.store.database import open_database
from services.store.judgements import Alert, Placement
from services.store.written import Kind
from tests.embedded.command_line import an_empty_place, typed
from tests.engine.newsroom import article
from tests.servers.kafka_server import kafka_server

__all__ = ["an_empty_place", "kafka_server"]

NOW = datetime.now(UTC)
NAME = f"why-{NOW.timestamp()}"  # the Kafka is shared with other tests
RULE = WatchRule(rule_id="drones", version=1, name="Drones", query="drones NEAR/1 harbour")
TOLD = article(
    "Drones over harbour walls.",
    article_id=NAME,
    revision=revision_of("Drones", "Drones over harbour walls.", ""),
    title="Drones",
    url=f"https://example.org/{NAME}",
    first_seen_at=NOW - timedelta(minutes=2),
    seen_at=NOW - timedelta(minutes=2),
)


async def _put_on_kafka(servers: str, told: Article) -> None:
    await create_topics(servers)
    matches = RuleSet.of([RULE]).match(told).matches
    found = ArticleMatches(article=told, matches=matches, matched_at=NOW)
    letter = DeadLetter(
        topic="articles",
        partition=0,
        offset=1,
        error="rule x: broke",
        attempts=1,
        first_failure=NOW,
    )
    async with open_kafka_bus(servers) as bus:
        await bus.send(Outgoing(ARTICLES, told.article_id, told.encode()))
        await bus.send(Outgoing(MATCHES, told.article_id, found.encode()))
        await bus.send(Outgoing(ARTICLES_DLQ, told.article_id, told.encode(), letter.to_headers()))


async def _put_into_database(url: str) -> None:
    async with open_database(url) as database, database.write() as tx:
        feed = {"id": "coast-wire", "url": "https://example.org/feed"}
        await written.put(tx, Kind.FEEDS, {"coast-wire": feed}, "apply", NOW)
        rule = {"id": "drones", "name": "Drones", "query": RULE.query}
        await written.put(tx, Kind.RULES, {"drones": rule}, "apply", NOW - timedelta(days=1))
        await judgements.place_in_stories(tx, [Placement(NAME, TOLD.revision, 1, "story")], NOW)
        alert = Alert("alert", "drones", "story", 1, "normal", NAME, TOLD.revision)
        await judgements.raise_alerts(tx, [alert], NOW)
        new = deliveries.NewDelivery("delivery", "story", "all", 1, "desk", b"message")
        await deliveries.enqueue(tx, [new], NOW)
        await deliveries.record_delivered(tx, "delivery", "ok", NOW)


async def test_the_way_is_told_from_kafka_and_postgresql(
    kafka_server: str, postgres_url: str
) -> None:
    await _put_on_kafka(kafka_server, TOLD)
    await _put_into_database(postgres_url)
    env = {"WIREWATCH_KAFKA_SERVERS": kafka_server, "WIREWATCH_DATABASE_URL": postgres_url}
    said = await asyncio.to_thread(typed, "why", f"example.org/{NAME}", **env)
    assert said.exit_code == 0, said.output
    assert said.stdout.startswith(f"told  {TOLD.url}: told to all\n")
    assert "coast-wire: not polled yet" in said.stdout
    assert "drones (Drones) matches" in said.stdout
    assert "articles: rule x: broke" in said.stdout
    nothing = await asyncio.to_thread(typed, "why", "https://example.org/unheard-of", **env)
    assert nothing.exit_code == 1
    assert "no feed has shown it, and it is not on the bus" in nothing.stdout
