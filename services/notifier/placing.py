"""Which story a report is placed in: the window of the last days beside the database.

The window is a copy of what the database says, made anew whenever the two may differ: at the start,
after a transaction that failed, and when another judge has been at work.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.article import Article
from services.notifier import clean
from services.notifier.links import safe_link
from services.notifier.names import story_of
from services.notifier.stories.report import LONGEST_OUTLET, Report, Trace, headline_of, report_of
from services.notifier.stories.shared import Span, shared_spans
from services.notifier.stories.stored import packed, unpacked
from services.notifier.stories.window import (
    LONGEST_STORY,
    WINDOW,
    Container,
    Copy,
    Fresh,
    StoryWindow,
    Verdict,
)
from services.store import judgements, stories
from services.store.stories import ReportKind, StoredReport

log = structlog.get_logger()

REPORTS_KEPT = timedelta(days=45)  # a replay of the last month finds its stories
_SWEEP_EVERY = timedelta(hours=1)
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Placed:
    """A report in its story.

    `held` are the stories that it repeats, with the parts of `report`'s text that do. `trace`
    is what the window has to learn, None if nothing. `joined`: the story was there before, and
    this report of it was not.
    """

    story_id: str
    report: Report | None = None
    held: Mapping[str, Sequence[Span]] | None = None
    trace: Trace | None = None
    container: bool = False
    joined: bool = False


class Placing:
    """Places reports in stories."""

    def __init__(self) -> None:
        self._window: StoryWindow | None = None
        self._swept_at: datetime | None = None

    async def place(
        self, tx: AsyncConnection, article: Article, part: int, now: datetime
    ) -> Placed:
        """The story that this report was placed in before, or is placed in now."""
        identity = (article.article_id, article.revision, part)
        known = await judgements.story_of(tx, *identity)
        if known is not None:
            return Placed(known)
        placed = await self._place(tx, article, now)
        await judgements.place_in_story(tx, placed.story_id, identity, now)
        return placed

    def settled(self, placed: Placed) -> None:
        """What is placed next is compared with this report, too; see `forget`."""
        if self._window is not None and placed.trace is not None:
            self._window.add(placed.trace, placed.story_id, container=placed.container)

    def forget(self) -> None:
        """What the database says may be something else: it is read again."""
        self._window = None

    async def _place(self, tx: AsyncConnection, article: Article, now: datetime) -> Placed:
        window = await self._current(tx, now, min(now, article.seen_at))
        report = report_of(article)
        story = await stories.story_of_article(tx, article.article_id)
        if story is not None:
            await _save(tx, article, report.trace, story, ReportKind.COPY)
            return Placed(story, report, trace=report.trace, joined=True)
        return await self._place_new(tx, article, report, window.judge(report))

    async def _place_new(
        self, tx: AsyncConnection, article: Article, report: Report, verdict: Verdict
    ) -> Placed:
        match verdict:
            case Copy(story):
                await _save(tx, article, report.trace, story, ReportKind.COPY)
                return Placed(story, report, trace=report.trace, joined=True)
            case Container(held):
                story = await self._begin(tx, article, report, ReportKind.CONTAINER, held[0][0])
                spans = {other: shared_spans(report, mask) for other, mask in held}
                return Placed(story, report, spans, report.trace, container=True)
            case Fresh():
                story = await self._begin(tx, article, report, ReportKind.FIRST, None)
                return Placed(story, report, trace=report.trace)

    async def _begin(
        self,
        tx: AsyncConnection,
        article: Article,
        report: Report,
        kind: ReportKind,
        holds: str | None,
    ) -> str:
        story = story_of(article)
        assert self._window is not None
        likest = holds or next(iter(self._window.related(report.trace)), None)
        group = await stories.group_of(tx, likest) if likest else None
        await stories.begin(tx, story, group or story, article.first_seen_at)
        await _save(tx, article, report.trace, story, kind)
        return story

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


async def _save(
    tx: AsyncConnection, article: Article, trace: Trace, story: str, kind: ReportKind
) -> None:
    await stories.save_report(
        tx,
        StoredReport(
            article_id=article.article_id,
            story_id=story,
            kind=kind.value,
            outlet=trace.outlet[:LONGEST_OUTLET],
            source=clean.line(article.source, _LONGEST_NAME) or article.feed_id,
            title=headline_of(article, trace.short),
            page=trace.url,
            seen_at=article.first_seen_at,
            trace=packed(trace),
            url=safe_link(article.url),
        ),
    )
