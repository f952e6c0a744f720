"""What the bus and the database know of an article; nothing is decided here."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article
from schemas.dead_letter import DeadLetter
from schemas.folder import FeedSpec, SubscriptionSpec
from schemas.matches import ArticleMatches
from schemas.message import MalformedMessageError
from schemas.rule import WatchRule
from schemas.topics import ARTICLES, MATCHER_GROUP, MATCHES, NOTIFIER_GROUP, Topic, dead_letters_of
from services.bus.port import Bus, BusUnavailableError, Lag, Record
from services.config.announcing import watch_rule
from services.embedded.why.addresses import address_of, aliases_of, is_part_of, needles_of
from services.poller import memory as remembered
from services.poller.identity import SHARED
from services.poller.memory import Memory
from services.store import feeds, lookups, silences, unsubscribed, written
from services.store.database import Database
from services.store.feeds import PageRetry, SeenEntry
from services.store.lookups import JudgedRevision, RaisedAlert, StoryDelivery, StoryHeld
from services.store.silences import Silence
from services.store.written import Kind

_SUBSCRIPTION: TypeAdapter[SubscriptionSpec] = TypeAdapter(SubscriptionSpec)
_MOST_SIMILAR = 20
_TRIES = 20
_PAUSE_SECONDS = 0.5
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A revision of an article as it lies on the bus."""

    article: Article
    written_at: datetime


@dataclass(frozen=True, slots=True)
class World:
    """What is in force: feeds with their health, rules with their lists, subscriptions.

    `left` are the subscriptions that somebody has unsubscribed wholly.
    """

    feeds: Mapping[str, FeedSpec]
    memories: Mapping[str, Memory]
    rules: Mapping[str, WatchRule]
    lists: Mapping[str, Sequence[str]]
    rules_changed_at: Mapping[str, datetime]
    subscriptions: Sequence[SubscriptionSpec]
    left: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class History:
    """What became of one article. `feed_id` and `article_id` name it.

    `matched` are the rules that were said to match, by the matcher, at the time; `dead` the
    reasons of its dead letters by topic.
    """

    feed_id: str
    article_id: str
    entry: SeenEntry | None = None
    retry: PageRetry | None = None
    kept: tuple[Kept, ...] = ()
    matched: frozenset[str] = frozenset()
    dead: tuple[tuple[str, str], ...] = ()
    judged: tuple[JudgedRevision, ...] = ()
    alerts: tuple[RaisedAlert, ...] = ()
    deliveries: tuple[StoryDelivery, ...] = ()
    held: tuple[StoryHeld, ...] = ()
    silences: Mapping[str, Silence] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the matcher and the judge are behind, and since when the bus keeps articles."""

    matcher: Lag
    judge: Lag
    oldest_kept: datetime | None


@dataclass(slots=True)
class OnBus:
    """What looking through `articles` gave: by address, by identity, and by a part of it."""

    found: dict[str, list[Kept]] = field(default_factory=dict)
    similar: dict[str, Article] = field(default_factory=dict)
    oldest: datetime | None = None


async def world_of(tx: AsyncConnection) -> World:
    """What is in force, as the database keeps it."""
    stored = {kind: await written.items(tx, kind) for kind in Kind}
    states = await feeds.states(tx)
    return World(
        {i: FeedSpec.model_validate(dict(one.spec)) for i, one in stored[Kind.FEEDS].items()},
        {i: remembered.from_state(state) for i, state in states.items()},
        {i: watch_rule(i, one.spec, one.version) for i, one in stored[Kind.RULES].items()},
        {name: tuple(one.spec["items"]) for name, one in stored[Kind.LISTS].items()},
        await lookups.changed_at(tx, Kind.RULES),
        [_SUBSCRIPTION.validate_python(dict(o.spec)) for o in stored[Kind.SUBSCRIPTIONS].values()],
        await unsubscribed.wholly(tx),
    )


async def entries_of(tx: AsyncConnection, url: str, world: World) -> list[History]:
    """The entries with this link that the feeds have shown."""
    histories: dict[str, History] = {}
    for feed_id in sorted(world.feeds.keys() | world.memories.keys()):
        aliases = aliases_of(url, _address_of_feed(feed_id, world))
        for entry in (await feeds.seen(tx, feed_id, aliases)).values():
            if entry.article_id == SHARED:
                continue
            histories.setdefault(entry.article_id, History(feed_id, entry.article_id, entry))
    return list(histories.values())


async def look_for(bus: Bus, asked: str, known_ids: frozenset[str]) -> OnBus:
    """The revisions on the bus with this address or one of these ids. Streams the topic."""
    looked = OnBus()
    needles = needles_of(asked)
    async for record in _all(bus, ARTICLES):
        looked.oldest = looked.oldest or record.written_at
        value = (record.value or b"").lower()
        # Reading every article of a month takes minutes, looking for some bytes seconds.
        if record.key in known_ids or any(needle in value for needle in needles):
            _take(looked, record, asked, known_ids)
    return looked


async def told_of(bus: Bus, history: History) -> History:
    """The history with what the matcher said of the article, and with its dead letters."""
    matched: set[str] = set()
    async for record in _all(bus, MATCHES):
        if record.key == history.article_id:
            matched |= _matched_in(record)
    dead = [
        (topic.name, _reason(record))
        for topic in (ARTICLES, MATCHES)
        async for record in _all(bus, dead_letters_of(topic))
        if record.key == history.article_id
    ]
    return replace(history, matched=frozenset(matched), dead=tuple(dead))


async def outcome_of(database: Database, history: History) -> History:
    """The history with what the database says of the article's story."""
    async with database.read() as tx:
        judged = await lookups.judged(tx, history.article_id)
        stories = {one.story_id for one in judged}
        held = await lookups.held_of(tx, stories)
        silenced = {row.silence_id for row in held if row.silence_id is not None}
        return replace(
            history,
            held=tuple(held),
            silences=await silences.by_id(tx, sorted(silenced)),
            retry=await lookups.page_retry(tx, history.article_id),
            judged=tuple(judged),
            alerts=tuple(await lookups.alerts_of(tx, stories)),
            deliveries=tuple(await lookups.deliveries_of(tx, stories)),
        )


async def progress_of(bus: Bus, oldest: datetime | None) -> Progress:
    """How far the steps behind the bus are."""
    matcher = await _lag(bus, ARTICLES, MATCHER_GROUP)
    return Progress(matcher, await _lag(bus, MATCHES, NOTIFIER_GROUP), oldest)


async def _lag(bus: Bus, topic: Topic, group: str) -> Lag:
    """A broker that has just started says for some seconds that it does not know yet."""
    for _ in range(_TRIES - 1):
        try:
            return await bus.lag(topic, group)
        except BusUnavailableError:
            await asyncio.sleep(_PAUSE_SECONDS)
    return await bus.lag(topic, group)


def _address_of_feed(feed_id: str, world: World) -> str:
    spec = world.feeds.get(feed_id)
    return spec.url if spec else world.memories[feed_id].url


def _take(looked: OnBus, record: Record, asked: str, known_ids: frozenset[str]) -> None:
    try:
        article = Article.decode(record.value)
    except MalformedMessageError:
        return
    address, wanted = address_of(article.url or ""), address_of(asked)
    if article.article_id in known_ids or (address is not None and address == wanted):
        kept = looked.found.setdefault(article.article_id, [])
        if all(one.article.revision != article.revision for one in kept):
            kept.append(Kept(article, record.written_at))
    elif address is not None and is_part_of(asked, address) and len(looked.similar) < _MOST_SIMILAR:
        looked.similar[article.article_id] = article


def _matched_in(record: Record) -> set[str]:
    try:
        return {match.rule_id for match in ArticleMatches.decode(record.value).matches}
    except MalformedMessageError:
        return set()


def _reason(record: Record) -> str:
    try:
        return DeadLetter.from_headers(record.headers).error
    except MalformedMessageError as error:
        return str(error)


async def _all(bus: Bus, topic: Topic) -> AsyncIterator[Record]:
    async with aclosing(bus.since(topic, _EVER)) as batches:
        async for batch in batches:
            for record in batch:
                yield record
