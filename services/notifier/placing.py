"""Which story a report is placed in: the window of the last days beside the database.

The window is a copy of what the database says, made anew whenever the two may differ: at the start,
after a transaction that failed, and when another judge has been at work.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article
from schemas.matches import ArticleMatches
from services.notifier import clean
from services.notifier.links import safe_link
from services.notifier.names import story_of
from services.notifier.stories.report import LONGEST_OUTLET, Report, headline_of, report_of
from services.notifier.stories.shared import Span, shared_spans
from services.notifier.stories.stored import packed, unpacked
from services.notifier.stories.window import (
    LONGEST_STORY,
    WINDOW,
    Container,
    Copy,
    Fresh,
    StoryWindow,
)
from services.store import judgements, stories
from services.store.judgements import Placement
from services.store.stories import Beginning, ReportKind, StoredReport

log = structlog.get_logger()

REPORTS_KEPT = timedelta(days=45)  # a replay of the last month finds its stories
_SWEEP_EVERY = timedelta(hours=1)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A report in its story.

    `held` are the stories that it repeats, with the parts of `report`'s text that do. `joined`:
    the story was there before, and this report of it was not.
    """

    story_id: str
    report: Report | None = None
    held: Mapping[str, Sequence[Span]] | None = None
    joined: bool = False


@dataclass(frozen=True, slots=True)
class _Draft:
    """A report as it is to be written down. `likest`: a story whose group it joins."""

    article: Article
    part: int
    placed: Placed
    kind: ReportKind | None = None  # None: it stands there already
    likest: str | None = None


@dataclass(slots=True)
class _Known:
    """The stories of messages, and of articles, that were placed before."""

    messages: dict[tuple[str, str, int], str]
    articles: dict[str, str]

    def note(self, draft: _Draft) -> None:
        article, story = draft.article, draft.placed.story_id
        self.messages[article.article_id, article.revision, draft.part] = story
        self.articles[article.article_id] = story


class Placing:
    """Places reports in stories."""

    def __init__(self) -> None:
        self._window: StoryWindow | None = None
        self._swept_at: datetime | None = None

    async def place(
        self, tx: AsyncConnection, messages: Sequence[ArticleMatches], now: datetime
    ) -> Sequence[Placed]:
        """For each, in this order, the story that it was placed in before, or is placed in now.

        The window learns of them at once: call `forget` where the transaction fails.
        """
        known = await _known(tx, {message.article.article_id for message in messages})
        window = await self._current(tx, now, min(min(now, m.article.seen_at) for m in messages))
        drafts = []
        for message in messages:
            draft = _draft(window, known, message.article, message.part)
            known.note(draft)
            drafts.append(draft)
            await asyncio.sleep(0)  # others of the process have their turn, too
        await _write(tx, [draft for draft in drafts if draft.kind is not None], now)
        return [draft.placed for draft in drafts]

    def forget(self) -> None:
        """What the database says may be something else: it is read again."""
        self._window = None

    async def _current(
        self, tx: AsyncConnection, now: datetime, reported_at: datetime
    ) -> StoryWindow:
        # By the reports' clock: what waited out an outage of days is compared with what came
        # right before it.
        if self._window is None:
            self._window = await _read(tx, reported_at)
            log.info("stories of the last days read", stories=len(self._window))
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._window.sweep(reported_at)
            await stories.forget(tx, now - 2 * LONGEST_STORY, now - REPORTS_KEPT)
            self._swept_at = now
        return self._window


async def _read(tx: AsyncConnection, now: datetime) -> StoryWindow:
    window = StoryWindow()
    async for stored in stories.traces_since(tx, now - WINDOW):
        trace = unpacked(stored)
        if trace is not None:
            container = stored.kind == ReportKind.CONTAINER
            window.add(trace, stored.story_id, container=container)
    window.sweep(now)
    return window


async def _known(tx: AsyncConnection, article_ids: Collection[str]) -> _Known:
    """What was placed before, also where its report is forgotten, or there was none yet."""
    placements = await judgements.placements(tx, article_ids)
    messages = {(p.article_id, p.revision, p.part): p.story_id for p in placements}
    latest = {p.article_id: p.story_id for p in placements}
    return _Known(messages, latest | dict(await stories.stories_of_articles(tx, article_ids)))


def _draft(window: StoryWindow, known: _Known, article: Article, part: int) -> _Draft:
    story = known.messages.get((article.article_id, article.revision, part))
    if story is not None:
        return _Draft(article, part, Placed(story))
    report = report_of(article)
    story = known.articles.get(article.article_id)
    verdict = Copy(story) if story is not None else window.judge(report)
    match verdict:
        case Copy(story):
            draft = _Draft(article, part, Placed(story, report, joined=True), ReportKind.COPY)
        case Container(held):
            spans = {other: shared_spans(report, mask) for other, mask in held}
            placed = Placed(story_of(article), report, spans)
            draft = _Draft(article, part, placed, ReportKind.CONTAINER, held[0][0])
        case Fresh():
            likest = next(iter(window.related(report.trace)), None)
            draft = _Draft(
                article, part, Placed(story_of(article), report), ReportKind.FIRST, likest
            )
        case _:
            assert_never(verdict)
    container = draft.kind is ReportKind.CONTAINER
    window.add(report.trace, draft.placed.story_id, container=container)
    return draft


async def _write(tx: AsyncConnection, drafts: Sequence[_Draft], now: datetime) -> None:
    new = [draft for draft in drafts if draft.kind is not ReportKind.COPY]
    likest = {draft.likest for draft in new if draft.likest is not None}
    groups = dict(await stories.groups_of(tx, likest)) if likest else {}
    await stories.begin(tx, [_beginning(draft, groups) for draft in new])
    await stories.save_reports(tx, [_stored(draft) for draft in drafts])
    await judgements.place_in_stories(tx, [_placement(draft) for draft in drafts], now)


def _beginning(draft: _Draft, groups: dict[str, str]) -> Beginning:
    """A story that begins; `groups` learns its group, for those that follow."""
    story = draft.placed.story_id
    group = groups.get(draft.likest or "", story)
    groups.setdefault(story, group)
    return Beginning(story, group, draft.article.first_seen_at)


def _placement(draft: _Draft) -> Placement:
    article = draft.article
    return Placement(article.article_id, article.revision, draft.part, draft.placed.story_id)


def _stored(draft: _Draft) -> StoredReport:
    article, report, kind = draft.article, draft.placed.report, draft.kind
    assert report is not None and kind is not None
    trace = report.trace
    return StoredReport(
        article_id=article.article_id,
        story_id=draft.placed.story_id,
        kind=kind.value,
        outlet=trace.outlet[:LONGEST_OUTLET],
        source=clean.line(article.source, _LONGEST_NAME) or article.feed_id,
        title=headline_of(article, trace.short),
        page=trace.url,
        seen_at=article.first_seen_at,
        trace=packed(trace),
        url=safe_link(article.url),
    )
