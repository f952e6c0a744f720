"""The judge: records of matches become stories, alerts and deliveries, all or nothing.

Everything it decides is written in one transaction together with the consumed offset; a
judge that was stopped and overtaken fails there and starts over. Records that are judged together
share each question to the database and each answer to it, in the order in which they came.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class _Judged:
    """A message and what its story had not met before.

    `told` are the rules that a round-up meets only where it repeats a story that has alerted for
    them, each with that story; `new` are the others.
    """

    message: ArticleMatches
    placed: Placed
    unraised: Sequence[RuleMatch]
    told: Mapping[str, str]
    new: Sequence[RuleMatch]

    @property
    def story_id(self) -> str:
        return self.placed.story_id


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
                judged, silenced = await self._judge(tx, messages)
        except BaseException:
            # Whether the transaction was committed is not known, nor who else has judged.
            self._placing.forget()
            raise
        self._consumed[place] = record.offset
        self._metrics.alerts_silenced.inc(silenced)
        for one in judged:
            self._report(one.message, one.new)

    async def _judge(
        self, tx: AsyncConnection, messages: Sequence[ArticleMatches]
    ) -> tuple[Sequence[_Judged], int]:
        """What is new in each, and how many messages a silence held."""
        now = self._clock()
        placed = await self._placing.place(tx, messages, now)
        raised = await judgements.raised_by(tx, {story for p in placed for story in _stories(p)})
        judged = _judged(messages, placed, raised)
        await judgements.raise_alerts(tx, [alert for one in judged for alert in _alerts(one)], now)
        joined = {one.story_id for one in judged if one.placed.joined}
        named = joined | {one.story_id for one in judged if one.new}
        reports = await stories.told_beside_each(tx, named)
        tales = [Tale(o.message, o.story_id, o.new, reports[o.story_id]) for o in judged if o.new]
        silenced = await self._telling.tell(tx, tales, now)
        await self._updating.update(tx, {story: reports[story] for story in joined}, now)
        return judged, silenced

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


def _stories(placed: Placed) -> Iterable[str]:
    return (placed.story_id, *(placed.held or ()))


def _judged(
    messages: Sequence[ArticleMatches],
    placed: Sequence[Placed],
    raised: Mapping[str, set[str]],
) -> Sequence[_Judged]:
    """What is new in each; `raised` has the rules of each story, and learns of these."""
    judged = []
    for message, place in zip(messages, placed, strict=True):
        # A record that was judged before is judged again: it raises nothing that was raised,
        # and a replay that a mended or newer rule matches now is no mere repeat.
        unraised = new_matches(audible(message), raised[place.story_id])
        told: Mapping[str, str] = {}
        if place.report is not None and place.held and unraised:
            told = told_elsewhere(unraised, place.report, place.held, raised)
        new = [match for match in unraised if match.rule_id not in told]
        judged.append(_Judged(message, place, unraised, told, new))
        raised[place.story_id].update(match.rule_id for match in unraised)
    return judged


def _alerts(judged: _Judged) -> Iterable[Alert]:
    return (_alert(match, judged) for match in judged.unraised)


def _alert(match: RuleMatch, judged: _Judged) -> Alert:
    article, story = judged.message.article, judged.story_id
    return Alert(
        alert_id=alert_id(match.rule_id, story),
        rule_id=match.rule_id,
        story_id=story,
        rule_version=match.version,
        severity=match.severity.value,
        article_id=article.article_id,
        revision=article.revision,
        told_in=judged.told.get(match.rule_id),
    )
