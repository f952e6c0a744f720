"""The poller's memory: each feed's state, every identity seen, pages to try again."""

import hashlib
import json
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.store.tables import entry_titles, feed_states, page_retries, seen_entries
from services.store.upsert import (
    given_rows,
    stored_time,
    update_json,
    upsert_each,
    upsert_json,
)

# Both databases take a limited number of bound values.
_IN_ONE_STATEMENT = 500
_SHOWN = (seen_entries, entry_titles)

WRITTEN_WITHIN = timedelta(days=1)
"""What was written down so lately need not be again: most of a document is known."""


@dataclass(frozen=True, slots=True)
class FeedState:
    """What is remembered of a feed between polls; the validators belong to `url`."""

    feed_id: str
    url: str
    etag: str | None
    last_modified: str | None
    body_hash: str | None
    first_fetched_at: datetime | None
    next_due_at: datetime
    health: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenEntry:
    """The article that an alias belongs to, and the hash of its text in the feed.

    `late` says that it was dated long before it appeared, `last_seen_at` when that was last
    written down; None for what is still to be.
    """

    article_id: str
    text_hash: str
    first_seen_at: datetime
    late: bool = False
    last_seen_at: datetime | None = field(default=None, compare=False)


NOT_PUBLISHED = -1


@dataclass(frozen=True, slots=True)
class PageRetry:
    """An article published with its summary only; `attempt` counts the tries so far.

    NOT_PUBLISHED in its place is a revision that waits for its turn.
    """

    article_id: str
    feed_id: str
    article: bytes
    attempt: int
    due_at: datetime


async def states(tx: AsyncConnection) -> dict[str, FeedState]:
    """All feeds' states by feed id."""
    rows = await tx.execute(select(feed_states))
    return {r.feed_id: FeedState(**r._mapping) for r in rows}


async def state_pages(tx: AsyncConnection, size: int) -> AsyncIterator[list[FeedState]]:
    """All feeds' states, `size` at a time, so that nobody is deaf while he reads them."""
    last = ""
    while True:
        rows = await tx.execute(
            select(feed_states)
            .where(feed_states.c.feed_id > last)
            .order_by(feed_states.c.feed_id)
            .limit(size)
        )
        page = [FeedState(**r._mapping) for r in rows]
        if page:
            yield page
        if len(page) < size:
            return
        last = page[-1].feed_id


async def state(tx: AsyncConnection, feed_id: str) -> FeedState | None:
    """The state of one feed."""
    rows = await tx.execute(select(feed_states).where(feed_states.c.feed_id == feed_id))
    return next((FeedState(**r._mapping) for r in rows), None)


async def states_of(tx: AsyncConnection, feed_ids: Collection[str]) -> dict[str, FeedState]:
    """The states of some feeds by feed id."""
    found: dict[str, FeedState] = {}
    wanted = sorted(feed_ids)
    for start in range(0, len(wanted), _IN_ONE_STATEMENT):
        some = wanted[start : start + _IN_ONE_STATEMENT]
        rows = await tx.execute(select(feed_states).where(feed_states.c.feed_id.in_(some)))
        found |= {r.feed_id: FeedState(**r._mapping) for r in rows}
    return found


async def save_state(tx: AsyncConnection, state: FeedState) -> None:
    """Store a feed's state."""
    await save_states(tx, [state])


async def save_states(tx: AsyncConnection, states: Collection[FeedState]) -> None:
    """Store many feeds' states, of each feed one, by one statement."""
    if not states:
        return
    # Always in the same order, so that two pollers cannot deadlock.
    rows = [_row(state) for state in sorted(states, key=lambda state: state.feed_id)]
    # Half a surrogate pair is no text to any database; escaped, SQLite would take it for one.
    given = {"rows": json.dumps(rows, ensure_ascii=False)}
    await tx.execute(upsert_json(tx, feed_states, FeedState.__slots__, "feed_id"), given)


@dataclass(frozen=True, slots=True)
class Again:
    """A feed was polled and only this has changed; `health` are the members that did."""

    feed_id: str
    next_due_at: datetime
    health: Mapping[str, Any]


async def save_again(tx: AsyncConnection, polled: Collection[Again]) -> None:
    """Store of feeds that have a state what has changed; a feed that has none keeps none."""
    if not polled:
        return
    rows = [
        {
            "feed_id": again.feed_id,
            "next_due_at": stored_time(again.next_due_at),
            "health": again.health,
        }
        for again in sorted(polled, key=lambda again: again.feed_id)
    ]
    given = {"rows": json.dumps(rows, ensure_ascii=False)}
    await tx.execute(update_json(tx, feed_states, Again.__slots__, "feed_id"), given)


def _row(state: FeedState) -> Mapping[str, Any]:
    return {
        "feed_id": state.feed_id,
        "url": state.url,
        "etag": state.etag,
        "last_modified": state.last_modified,
        "body_hash": state.body_hash,
        "first_fetched_at": stored_time(state.first_fetched_at),
        "next_due_at": stored_time(state.next_due_at),
        "health": json.dumps(dict(state.health)),
    }


async def forget_feeds(tx: AsyncConnection, feed_ids: Iterable[str]) -> None:
    """Drop the polling state of feeds that are gone; what they showed stays seen."""
    for feed_id in sorted(feed_ids):  # in the order of `save_states`
        await tx.execute(delete(feed_states).where(feed_states.c.feed_id == feed_id))
        await tx.execute(delete(page_retries).where(page_retries.c.feed_id == feed_id))


async def seen(tx: AsyncConnection, feed_id: str, aliases: Collection[str]) -> dict[str, SeenEntry]:
    """What is known of these aliases in this feed."""
    (found,) = await seen_of_each(tx, [(feed_id, aliases)])
    return found


async def seen_of_each(
    tx: AsyncConnection, asked: Sequence[tuple[str, Collection[str]]]
) -> Sequence[dict[str, SeenEntry]]:
    """What is known of some aliases in some feeds, of each feed in turn."""
    by_name = {(i, _name(alias)): alias for i, aliases in asked for alias in aliases}
    found: dict[str, dict[str, SeenEntry]] = {feed_id: {} for feed_id, _ in asked}
    given = json.dumps([{"feed_id": i, "alias": name} for i, name in by_name])
    for r in await tx.execute(_seen(tx), {"rows": given}) if by_name else ():
        entry = SeenEntry(r.article_id, r.text_hash, r.first_seen_at, r.late, r.last_seen_at)
        found[r.feed_id][by_name[r.feed_id, r.alias]] = entry
    return [{a: e for a, e in found[i].items() if a in aliases} for i, aliases in asked]


def _seen(tx: AsyncConnection) -> Select[Any]:
    mine = seen_entries.c
    given = given_rows(tx, mine.feed_id, mine.alias)
    same = (mine.feed_id == given.c.feed_id) & (mine.alias == given.c.alias)
    return select(seen_entries).select_from(given.join(seen_entries, same))


async def count_seen(tx: AsyncConnection, feed_id: str) -> int:
    """How many entries of a feed are known."""
    articles = func.count(seen_entries.c.article_id.distinct())
    # What several entries share belongs to none, and has no text.
    of_entries = (seen_entries.c.feed_id == feed_id) & (seen_entries.c.text_hash != "")
    number: int | None = await tx.scalar(select(articles).where(of_entries))
    return number or 0


async def remember(
    tx: AsyncConnection,
    shown: Mapping[str, Iterable[tuple[Collection[str], SeenEntry]]],
    now: datetime,
) -> None:
    """Remember entries of some feeds under all their aliases, as last seen now."""
    rows = {
        (feed_id, name := _name(alias)): {
            "feed_id": feed_id,
            "alias": name,
            "article_id": entry.article_id,
            "text_hash": entry.text_hash,
            "first_seen_at": entry.first_seen_at,
            "last_seen_at": now,
            "late": entry.late,
        }
        for feed_id, entries in shown.items()
        for aliases, entry in entries
        for alias in aliases
    }
    # Always in the same order, so that two pollers of one feed cannot deadlock.
    ordered = [rows[key] for key in sorted(rows)]
    if ordered:
        names, key, keep = tuple(ordered[0]), ("feed_id", "alias"), ("first_seen_at",)
        await tx.execute(upsert_each(tx, seen_entries, names, key, keep), ordered)


async def keep_seen(tx: AsyncConnection, feed_ids: Collection[str], now: datetime) -> None:
    """Count what feeds showed in their last document as seen until now, before it is forgotten.

    Called when other documents were read; needless where some of it was written down within a
    day (`WRITTEN_WITHIN`). A feed that answers "not modified" for months still shows what it
    showed; only what it shows no more grows old.
    """
    if not feed_ids:
        return
    last = func.max(seen_entries.c.last_seen_at)
    shown = select(seen_entries.c.feed_id, last.label("newest")).group_by(seen_entries.c.feed_id)
    rows = await tx.execute(shown.where(seen_entries.c.feed_id.in_(sorted(feed_ids))))
    for row in rows.all():
        if now - row.newest > WRITTEN_WITHIN:
            await _keep_shown(tx, row.feed_id, row.newest, now)


async def _keep_shown(tx: AsyncConnection, feed_id: str, newest: datetime, now: datetime) -> None:
    # Not as new as what it still shows: next time only that is kept.
    until = now - WRITTEN_WITHIN - timedelta(seconds=1)
    for table in _SHOWN:
        last_seen_at = table.c.last_seen_at
        shown = (table.c.feed_id == feed_id) & (last_seen_at >= newest - WRITTEN_WITHIN)
        await tx.execute(update(table).where(shown).values(last_seen_at=until))


async def forget_seen(tx: AsyncConnection, feed_ids: Collection[str], before: datetime) -> None:
    """Forget the identities and titles of feeds that were last seen before a time."""
    for table in _SHOWN:
        old = table.c.feed_id.in_(sorted(feed_ids)) & (table.c.last_seen_at < before)
        await tx.execute(delete(table).where(old))


async def forget_lost(tx: AsyncConnection, before: datetime) -> None:
    """Forget what feeds showed that are polled no more, last seen before a time."""
    for table in _SHOWN:
        polled = select(feed_states.c.feed_id)
        old = table.c.feed_id.not_in(polled) & (table.c.last_seen_at < before)
        await tx.execute(delete(table).where(old))


async def due_retries(
    tx: AsyncConnection,
    now: datetime,
    limit: int,
    wanted: Callable[[str], bool] = lambda feed_id: True,
) -> Sequence[PageRetry]:
    """Pages of wanted feeds that are to be tried again by now, the longest due first."""
    keys = (page_retries.c.due_at, page_retries.c.article_id)
    found: list[str] = []
    last: tuple[Any, ...] | None = None
    while len(found) < limit:
        due = select(*keys, page_retries.c.feed_id).where(page_retries.c.due_at <= now)
        if last is not None:
            due = due.where(tuple_(*keys) > last)
        rows = (await tx.execute(due.order_by(*keys).limit(_IN_ONE_STATEMENT))).all()
        found += [row.article_id for row in rows if wanted(row.feed_id)]
        if len(rows) < _IN_ONE_STATEMENT:
            break
        last = (rows[-1].due_at, rows[-1].article_id)
    if not found:
        return []
    mine = select(page_retries).where(page_retries.c.article_id.in_(found[:limit])).order_by(*keys)
    return [PageRetry(**r._mapping) for r in await tx.execute(mine)]


async def schedule_retry(tx: AsyncConnection, retry: PageRetry) -> None:
    """Store a retry in place of the article's earlier one."""
    await schedule_retries(tx, [retry])


async def schedule_retries(tx: AsyncConnection, retries: Iterable[PageRetry]) -> None:
    """The same for many, of each article one."""
    rows = [{name: getattr(retry, name) for name in PageRetry.__slots__} for retry in retries]
    if rows:
        statement = upsert_each(tx, page_retries, PageRetry.__slots__, ("article_id",))
        await tx.execute(statement, sorted(rows, key=lambda row: str(row["article_id"])))


async def end_retries(tx: AsyncConnection, article_ids: Collection[str]) -> None:
    """The pages of these articles need no further try."""
    ordered = sorted(article_ids)
    for start in range(0, len(ordered), _IN_ONE_STATEMENT):
        some = ordered[start : start + _IN_ONE_STATEMENT]
        await tx.execute(delete(page_retries).where(page_retries.c.article_id.in_(some)))


async def finish_retry(tx: AsyncConnection, retry: PageRetry) -> bool:
    """This very retry is done; False where another has taken its place meanwhile."""
    done = await tx.execute(
        delete(page_retries).where(
            page_retries.c.article_id == retry.article_id,
            page_retries.c.attempt == retry.attempt,
            page_retries.c.article == retry.article,
        )
    )
    return done.rowcount == 1


def _name(alias: str) -> str:
    """An alias as it is stored: some guids are longer than any key may be."""
    return hashlib.sha256(alias.encode("utf-8", "surrogatepass")).hexdigest()[:32]
