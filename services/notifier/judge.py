"""The judge: a record of matches becomes a story, alerts and deliveries, all or nothing.

Everything it decides is written in one transaction together with the consumed offset; a
judge that was stopped and overtaken fails there and starts over.
"""

from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from schemas.matches import ArticleMatches, RuleMatch
from schemas.topics import NOTIFIER_GROUP
from services.bus.port import Record
from services.notifier.counted import judging_starts_at_zero
from services.notifier.names import alert_id
from services.notifier.placing import Placed, Placing
from services.notifier.policy import audible, new_matches, told_elsewhere
from services.notifier.telling import Tale, Telling
from services.notifier.updating import Updating
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics
from services.runtime.wakeup import Wakeup
from services.store import judgements, stories
from services.store.database import Database
from services.store.judgements import Alert, Place

log = structlog.get_logger()


class Judge:
    """Turns matches into alerts and deliveries. One judge at a time has a partition."""

    def __init__(self, database: Database, metrics: Metrics, clock: Clock, wake: Wakeup) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._wake = wake
        self._consumed: dict[Place, int] = {}
        self._placing = Placing()
        self._telling = Telling()
        self._updating = Updating()
        judging_starts_at_zero(metrics)

    async def handle(self, record: Record) -> None:
        """Judge one record of `matches`; returns when the decision is durable.

        Raises MalformedMessageError for a record that is no message of matches,
        DatabaseUnavailableError, and OvertakenError where another judge has taken over.
        """
        await self.handle_all([record])

    async def handle_all(self, records: Sequence[Record]) -> None:
        """Judge records of one partition that follow each other, all or none of them."""
        messages = [ArticleMatches.decode(record.value) for record in records]
        record = records[-1]
        place = Place(NOTIFIER_GROUP, record.topic, record.partition)
        # Forgotten first: after a failure, and after being overtaken, the database is asked.
        expected = self._consumed.pop(place, None)
        try:
            async with self._database.write() as tx:
                if expected is None:
                    expected = await judgements.consumed(tx, place)
                await judgements.advance(tx, place, expected, record.offset)
                judged = [await self._judge(tx, message) for message in messages]
        except BaseException:
            # Whether the transaction was committed is not known, nor who else has judged.
            self._placing.forget()
            raise
        self._consumed[place] = record.offset
        for message, (raised, silenced) in zip(messages, judged, strict=True):
            self._metrics.alerts_silenced.inc(silenced)
            self._report(message, raised)

    async def _judge(
        self, tx: AsyncConnection, message: ArticleMatches
    ) -> tuple[list[RuleMatch], int]:
        now = self._clock()
        placed = await self._placing.place(tx, message.article, message.part, now)
        story = placed.story_id
        # A record that was judged before is judged again: it raises nothing that was raised,
        # and a replay that a mended or newer rule matches now is no mere repeat.
        unraised = new_matches(audible(message), await judgements.raised(tx, story))
        told = await self._told_elsewhere(tx, placed, unraised)
        alerts = [_alert(m, story, message, told.get(m.rule_id)) for m in unraised]
        await judgements.raise_alerts(tx, alerts, now)
        new = [m for m in unraised if m.rule_id not in told]
        reports = await stories.told_beside(tx, story) if new or placed.joined else ()
        silenced = await self._telling.tell(tx, Tale(message, story, new, reports), now)
        if placed.joined:
            await self._updating.update(tx, story, reports, now)
        # What the window learns is forgotten where the transaction fails.
        self._placing.settled(placed)
        return new, silenced

    async def _told_elsewhere(
        self, tx: AsyncConnection, placed: Placed, unraised: Sequence[RuleMatch]
    ) -> Mapping[str, str]:
        """Rules that a round-up meets only where it repeats a story that has alerted for them,
        each with that story."""
        if placed.report is None or not placed.held or not unraised:
            return {}
        raised = {story: await judgements.raised(tx, story) for story in placed.held}
        return told_elsewhere(unraised, placed.report, placed.held, raised)

    def _report(self, message: ArticleMatches, raised: Sequence[RuleMatch]) -> None:
        article = message.article
        self._metrics.observe_latency("seen", article.published_at, article.first_seen_at)
        self._metrics.observe_latency("matched", article.seen_at, message.matched_at)
        for match in raised:
            self._metrics.alerts.labels(match.severity.value).inc()
        if raised:
            self._wake.wake()
            log.info(
                "alert raised",
                rules=[m.rule_id for m in raised],
                source=article.source,
                title=article.title[:80],
            )


def _alert(match: RuleMatch, story: str, message: ArticleMatches, told_in: str | None) -> Alert:
    return Alert(
        alert_id=alert_id(match.rule_id, story),
        rule_id=match.rule_id,
        story_id=story,
        rule_version=match.version,
        severity=match.severity.value,
        article_id=message.article.article_id,
        revision=message.article.revision,
        told_in=told_in,
    )
