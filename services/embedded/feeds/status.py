"""`wirewatch feeds status`: how the feeds fare, the worst first.

Reads the database beside whatever is running. 0: every feed can be read; 1: one is broken,
silent or gone; 2: the question could not be answered.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.folder import FeedSpec
from services.config.wording import did_you_mean
from services.embedded.commands import must_exist, open_database_in
from services.embedded.feeds.standing import TROUBLED, Standing, for_machines, in_lines, notice_line
from services.poller import memory as remembered
from services.poller.addresses import host_of
from services.poller.assembly import episode_policy
from services.poller.health.episodes import EpisodePolicy
from services.poller.health.ledger import Ledger
from services.poller.health.states import STATES
from services.runtime.settings import Settings
from services.store import feeds, notices, pauses, websub, written
from services.store.written import Kind

_MOST_NOTICES = 10
_WIDEST_ID = 28
_QUIET = Style(dim=True)
_STYLES = {
    "broken": Style(color="red", bold=True),
    "gone": Style(color="red"),
    "silent": Style(color="yellow", bold=True),
    "failing": Style(color="yellow"),
}
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class NoFeedError(Exception):
    """There is no such feed; the text says so."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be shown: one feed, all, or those that do not fare well; for whom."""

    feed_id: str | None = None
    failing: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether every feed fares well, and what is to be printed."""

    well: bool
    lines: Sequence[RenderableType]


async def status(state: Path, settings: Settings, asked: Asked, now: datetime) -> Answer:
    """How the feeds fare. Raises NoFeedError, NoStateError and DatabaseUnavailableError."""
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.read() as tx:
        everything = await _standings(tx, episode_policy(settings), now)
        if asked.feed_id is not None:
            return await _one(tx, everything, asked.feed_id, as_json=asked.as_json)
        cut_off = Ledger(await notices.episodes(tx)).down_since
    if not asked.as_json:
        return _table(everything, cut_off, now, failing=asked.failing)
    chosen = _chosen(everything, failing=asked.failing)
    said = {
        "cut_off_since": cut_off.isoformat(timespec="seconds") if cut_off else None,
        "feeds": [for_machines(one) for one in chosen],
    }
    return Answer(_well(everything), [_json(said)])


async def _standings(tx: AsyncConnection, policy: EpisodePolicy, now: datetime) -> list[Standing]:
    """All feeds that are configured, the worst first."""
    stored = await written.items(tx, Kind.FEEDS)
    states = await feeds.states(tx)
    paused, hubs = await pauses.live(tx, now), await websub.states(tx)
    ledger = Ledger(await notices.episodes(tx))
    found = []
    for feed_id, item in stored.items():
        spec = _spec(feed_id, item.spec)
        memory = remembered.from_state(states[feed_id]) if feed_id in states else None
        host = host_of(memory.address if memory else spec.url)
        found.append(
            Standing(
                spec,
                memory,
                policy,
                now,
                paused_until=paused.get(host),
                hub=hubs.get(feed_id),
                episodes={kind.value: one for kind, one in ledger.of(feed_id).items()},
            )
        )
    return sorted(found, key=lambda one: one.rank)


def _spec(feed_id: str, stored: Mapping[str, Any]) -> FeedSpec:
    """A feed as far as it is shown, also one that this version would not take."""
    try:
        return FeedSpec.model_validate(dict(stored))
    except ValidationError:
        return FeedSpec.model_construct(id=feed_id, url=stored["url"], name="(not valid any more)")


async def _one(
    tx: AsyncConnection, everything: Sequence[Standing], feed_id: str, *, as_json: bool
) -> Answer:
    one = next((one for one in everything if one.spec.id == feed_id), None)
    if one is None:
        near = did_you_mean(feed_id, [each.spec.id for each in everything])
        raise NoFeedError(f'there is no feed "{feed_id}"{near}')
    seen = await feeds.count_seen(tx, feed_id)
    told = await notices.recent(tx, _MOST_NOTICES, feed_id)
    well = one.state not in TROUBLED
    if as_json:
        more = {"entries_seen": seen, "notices": [notice_line(notice) for notice in told]}
        return Answer(well, [_json(for_machines(one) | more)])
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style=_QUIET)
    grid.add_column(overflow="fold")
    for name, said in in_lines(one, seen, told):
        grid.add_row(name, Text(said, style=_style(one) if name == "state" else Style()))
    title = Text(one.spec.id, style=Style(bold=True))
    if one.spec.name:
        title.append(f"  {one.spec.name}", style=_QUIET)
    return Answer(well, [title, grid])


def _table(
    everything: Sequence[Standing], cut_off: datetime | None, now: datetime, *, failing: bool
) -> Answer:
    lines: list[RenderableType] = [_summary(everything)]
    if cut_off is not None:
        ago = _short(now - cut_off)
        words = f"most feeds cannot be read since {ago}: look at the network of this machine"
        lines.append(Text(words, style=_STYLES["broken"]))
    chosen = _chosen(everything, failing=failing)
    if chosen:
        lines += [Text(), *_rows(chosen, now)]
    return Answer(_well(everything), lines)


def _summary(everything: Sequence[Standing]) -> Text:
    counts = Counter(one.state for one in everything)
    told = ", ".join(f"{counts[state]:,} {state}" for state in STATES if counts[state])
    number = len(everything)
    return Text(f"{number:,} feed{'' if number == 1 else 's'}" + (f": {told}" if told else ""))


def _rows(chosen: Sequence[Standing], now: datetime) -> Iterator[Text]:
    wide = min(_WIDEST_ID, max(4, *(len(one.spec.id) for one in chosen)))
    yield Text(_row("state", "feed", wide, *_HEADS), style=_QUIET)
    for one in chosen:
        memory = one.memory
        cells = (
            _ago(memory.last_success_at if memory else None, now),
            _ago(memory.vitals.last_new_at if memory else None, now),
            _due(one, now),
            _short(memory.interval) if memory and memory.interval else "",
            "" if one.text_rate is None else f"{one.text_rate:.0%}",
        )
        line = Text(_row(one.state, one.spec.id, wide, *cells))
        line.stylize(_style(one), 0, len(one.state))
        yield line
        if one.error:
            yield Text(f"{'':9}{one.error}", style=_QUIET)


_HEADS = ("answered", "new", "next", "every", "text")


def _row(state: str, feed_id: str, wide: int, *cells: str) -> str:
    name = feed_id if len(feed_id) <= wide else f"{feed_id[: wide - 1]}…"
    return f"{state:<8} {name:<{wide}} " + " ".join(f"{cell:>8}" for cell in cells)


def _chosen(everything: Sequence[Standing], *, failing: bool) -> list[Standing]:
    return [one for one in everything if not failing or one.state not in {"ok", "new"}]


def _well(everything: Sequence[Standing]) -> bool:
    return not any(one.state in TROUBLED for one in everything)


def _style(one: Standing) -> Style:
    return _STYLES.get(one.state, Style())


def _ago(moment: datetime | None, now: datetime) -> str:
    return f"{_short(now - moment)}" if moment else "never"


def _due(one: Standing, now: datetime) -> str:
    due = one.memory.next_due_at if one.memory else now
    if due is None:
        return "never"
    due = max(due, one.paused_until or due)
    return _short(due - now) if due > now else "now"


def _short(length: timedelta) -> str:
    """A length of time in one unit: `34 min`."""
    seconds = max(0, round(length.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size * (2 if unit in {"d", "h"} else 1):
            return f"{seconds // size} {unit}"
    return "0 s"


def _json(said: object) -> Text:
    return Text(json.dumps(said, indent=2, ensure_ascii=False))
