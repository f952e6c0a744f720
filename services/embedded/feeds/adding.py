"""A feed added and removed by command, in the operator's folder or in the database.

A folder is its feeds' one source: what is added there is written into its feeds.yaml. Without
one the feed is kept in the database, marked as added by command, and no apply removes it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.config.announcing import News, announce
from services.config.crosscheck import same_address
from services.config.opml import slug
from services.config.plan import APPLY, stored_form
from services.embedded.commands import FAILED, INVALID, OK, Said, must_exist, open_database_in
from services.embedded.feeds.finding import FeedFinder, FoundFeed, NoFeed, SeveralFeeds
from services.embedded.feeds.folder import append_feeds, feeds_of
from services.poller.assembly import open_session
from services.poller.pages import TextWorkers
from services.runtime.clock import utc_now
from services.runtime.redact import shown_url
from services.runtime.settings import Settings
from services.store import feeds, written
from services.store.written import Kind, StoredItem

COMMAND = "command"
"""`managed_by` of what a command created."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody typed: an address, and what they want to call the feed there."""

    url: str
    feed_id: str | None = None
    name: str | None = None
    choose: int | None = None


async def add_feed(wish: Wish, config: Path | None, state: Path, settings: Settings) -> Said:
    """Find the feed that is meant, see that it can be read, and have it polled."""
    url = _address(wish.url)
    if isinstance(url, Said):
        return url
    if config is None:
        must_exist(state, settings)
    async with TextWorkers(1) as workers, open_session(settings) as session:
        found = await FeedFinder(session, workers).find(url, wish.choose)
    if isinstance(found, NoFeed):
        return Said(FAILED, (), [found.why, "nothing was added"])
    if isinstance(found, SeveralFeeds):
        return _which(found)
    spec = _spec(wish, found)
    if isinstance(spec, Said):
        return spec
    if config is None:
        return await _into_database(spec, found, state, settings)
    return _into_folder(spec, found, config)


def _address(text: str) -> str | Said:
    url = re.sub(r"^feed:(?://)?", "", text.strip())  # what some pages put before addresses
    if "://" not in url:
        url = f"https://{url}"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  raises where it is none
    except ValueError:
        return Said(INVALID, (), ["not an address; write one like https://example.org"])
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return Said(INVALID, (), [f"{url}: an address starts with http:// or https://"])
    if parts.username is not None or parts.password is not None:
        said = "an address must not carry a user name or password; in feeds.yaml, basic: has them"
        return Said(INVALID, (), [f"{parts.hostname}: {said}"])
    return url


def _which(several: SeveralFeeds) -> Said:
    lines = [
        f"{number}. {shown_url(feed.url)}{f'  {feed.title}' if feed.title else ''}"
        for number, feed in enumerate(several.feeds, 1)
    ]
    return Said(INVALID, lines, ["the page declares several feeds; say which with --choose NUMBER"])


def _spec(wish: Wish, found: FoundFeed) -> FeedSpec | Said:
    host = urlsplit(found.url).hostname or "feed"
    name = wish.name or found.title[:200] or None
    feed_id = wish.feed_id or slug(name or "") or slug(host) or "feed"
    try:
        return FeedSpec(id=feed_id, url=found.url, name=name)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        return Said(INVALID, (), [*told, "nothing was added; --id and --name say it otherwise"])


def _into_folder(spec: FeedSpec, found: FoundFeed, config: Path) -> Said:
    listing = feeds_of(config)
    if isinstance(listing, Said):
        return listing
    places = {item.spec.id: item.entry.place for item in listing.items}
    there = _there(spec, {item.spec.id: item.spec for item in listing.items}, places)
    if there is not None:
        return there
    written_to = append_feeds(config, [spec])
    if isinstance(written_to, Said):
        return written_to
    return Said(OK, [f"{written_to}: {_added(spec, found)}"], _remarks(spec))


async def _into_database(spec: FeedSpec, found: FoundFeed, state: Path, settings: Settings) -> Said:
    async with open_database_in(state, settings) as database, database.write() as tx:
        generation = await written.begin_change(tx)
        stored = await written.items(tx, Kind.FEEDS)
        specs = {i: FeedSpec.model_validate(dict(item.spec)) for i, item in stored.items()}
        there = _there(spec, specs, {i: _maker(item) for i, item in stored.items()})
        if there is not None:
            return there
        await written.put(tx, Kind.FEEDS, {spec.id: stored_form(spec)}, COMMAND, utc_now())
        await feeds.forget_feeds(tx, [spec.id])  # left by a poll that ended after its removal
        await _announce(tx, generation)
    return Said(OK, [_added(spec, found)], _remarks(spec))


async def _announce(tx: AsyncConnection, generation: int) -> None:
    # The poller takes feeds over with the generation of rules that they were written with.
    await written.set_counter(tx, written.GENERATION, generation + 1)
    await announce(tx, generation + 1, News(), News())


def _maker(item: StoredItem) -> str:
    return "the folder" if item.managed_by == APPLY else f"the database, by {item.managed_by}"


def _there(
    spec: FeedSpec, stored: Mapping[str, FeedSpec], places: Mapping[str, str]
) -> Said | None:
    """What to say where a feed of this address or id is there already."""
    for other in stored.values():
        if same_address(other.url) == same_address(spec.url):
            return Said(
                OK, [f"{shown_url(spec.url)} is feed {other.id} already ({places[other.id]})"]
            )
    if spec.id in stored:
        taken = f"feed {spec.id} is another one already ({places[spec.id]})"
        return Said(INVALID, (), [f"{taken}; name this one with --id; nothing was added"])
    return None


def _added(spec: FeedSpec, found: FoundFeed) -> str:
    entries = "1 entry" if found.entries == 1 else f"{found.entries} entries"
    address = shown_url(spec.url)
    return f"added {spec.id} ({spec.name or address}), {address}, {entries}"


def _remarks(spec: FeedSpec) -> list[str]:
    if shown_url(spec.url) == spec.url:
        return []
    return [f"{spec.id}: the address holds a key, it seems; query: in feeds.yaml keeps it apart"]


async def remove_feed(feed_id: str, state: Path, settings: Settings) -> Said:
    """Poll a feed no more that was added by command; what it showed stays seen."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.write() as tx:
        generation = await written.begin_change(tx)
        stored = await written.items(tx, Kind.FEEDS)
        if feed_id not in stored:
            return Said(INVALID, (), [_unknown(feed_id, stored)])
        if stored[feed_id].managed_by == APPLY:
            said = f"{feed_id} comes from the folder; remove it from its feeds.yaml"
            return Said(INVALID, (), [f"{said}, where an apply would bring it back"])
        await written.remove(tx, Kind.FEEDS, [feed_id])
        await feeds.forget_feeds(tx, [feed_id])
        await _announce(tx, generation)
    return Said(OK, [f"removed {feed_id}"])


def _unknown(feed_id: str, stored: Mapping[str, StoredItem]) -> str:
    ours: Iterable[str] = (i for i, item in stored.items() if item.managed_by != APPLY)
    return f"no feed {feed_id}; added by command: {', '.join(ours) or 'none'}"
