"""The match stage: one article in, at most one record of matches out.

The same stage runs under the bus loop and under a Faust agent. It keeps nothing but a
memory of what it handled last, so that a repeat from the bus is not matched again.
"""

from collections import OrderedDict

import structlog

from schemas.article import Article
from schemas.dead_letter import DeadLetter
from schemas.matches import ArticleMatches, RuleMatch
from schemas.topics import ARTICLES, ARTICLES_DLQ, MATCHES, MAX_RECORD_BYTES
from services.bus.port import Bus, Outgoing, Record
from services.engine.ruleset import RuleFailure
from services.matcher.rules import RulesInForce
from services.runtime.clock import Clock
from services.runtime.metrics import Metrics

log = structlog.get_logger()

REMEMBERED = 10_000


class MatchStage:
    """Matches articles against the rules in force."""

    def __init__(self, bus: Bus, rules: RulesInForce, metrics: Metrics, clock: Clock) -> None:
        self._bus = bus
        self._rules = rules
        self._metrics = metrics
        self._clock = clock
        self._handled: OrderedDict[tuple[str, str, int], None] = OrderedDict()
        metrics.dead_letters.labels(ARTICLES.name)
        for matched in ("yes", "no"):
            metrics.articles_matched.labels(matched)

    async def handle(self, record: Record) -> None:
        """Match one record of `articles`; returns when its matches are durable.

        Raises MalformedMessageError for a record that is no article and
        BusUnavailableError where the matches could not be sent.
        """
        article = Article.decode(record.value)
        rules = await self._rules.current()
        # A repeat under newer rules is matched again: they may be what it was replayed for.
        identity = (article.article_id, article.revision, self._rules.generation)
        if identity in self._handled:
            return
        result = rules.match(article)
        if result.index_error is not None:
            error = repr(result.index_error)
            log.error("the rule index failed on an article; tried every rule", error=error)
            self._metrics.rule_failures.inc()
        for failure in result.failures:
            await self._put_aside(record, failure)
        if result.matches:
            await self._bus.send_all(
                [
                    Outgoing(MATCHES, article.article_id, message.encode())
                    for message in split(article, result.matches, self._clock)
                ]
            )
        # Where a rule failed, a repeat is how it gets another chance (`wirewatch dlq retry`).
        if not result.failures:
            self._remember(identity)
        self._count(article, result.matches)

    async def _put_aside(self, record: Record, failure: RuleFailure) -> None:
        log.error("a rule failed on an article", rule=failure.rule_id, error=str(failure.error))
        self._metrics.rule_failures.inc()
        letter = DeadLetter(
            topic=ARTICLES.name,
            partition=record.partition,
            offset=record.offset,
            error=f"rule {failure.rule_id}: {failure.error}",
            attempts=1,
            first_failure=self._clock(),
        )
        await self._bus.send(Outgoing(ARTICLES_DLQ, record.key, record.value, letter.to_headers()))
        self._metrics.dead_letters.labels(ARTICLES.name).inc()

    def _remember(self, identity: tuple[str, str, int]) -> None:
        self._handled[identity] = None
        if len(self._handled) > REMEMBERED:
            self._handled.popitem(last=False)

    def _count(self, article: Article, matches: tuple[RuleMatch, ...]) -> None:
        self._metrics.articles_matched.labels("yes" if matches else "no").inc()
        self._metrics.matches.inc(len(matches))
        log.info(
            "matched" if matches else "no rule matched",
            source=article.source,
            title=article.title[:80],
            text=article.text.value,
            rules=[m.rule_id for m in matches],
        )


def split(article: Article, matches: tuple[RuleMatch, ...], clock: Clock) -> list[ArticleMatches]:
    """The matches of an article as messages that are each small enough for the bus."""
    room = max(1, MAX_RECORD_BYTES - len(article.encode()) - 1_000)
    groups: list[list[RuleMatch]] = [[]]
    used = 0
    for match in matches:
        size = len(match.encode()) + 1
        if groups[-1] and used + size > room:
            groups.append([])
            used = 0
        groups[-1].append(match)
        used += size
    now = clock()
    return [
        ArticleMatches(
            article=article, matches=tuple(group), matched_at=now, part=n, parts=len(groups)
        )
        for n, group in enumerate(groups, start=1)
    ]
