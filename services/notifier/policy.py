"""Who is told what: the new alerts of a story, and the messages they make. PURE."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from schemas.folder import SubscriptionSpec
from schemas.matches import ArticleMatches, RuleMatch
from services.notifier.stories.report import Report
from services.notifier.stories.shared import Span, is_inside


def audible(message: ArticleMatches) -> Sequence[RuleMatch]:
    """The matches that may alert: those of an article that appeared long after its date do not.

    They raise nothing, so a copy or a revision that is not late alerts as if it were the first.
    """
    return () if message.article.late else message.matches


def new_matches(matches: Iterable[RuleMatch], raised: Collection[str]) -> list[RuleMatch]:
    """The matches whose rule has not yet raised an alert for the story."""
    return [m for m in matches if m.rule_id not in raised]


def told_elsewhere(
    matches: Iterable[RuleMatch],
    report: Report,
    held: Mapping[str, Sequence[Span]],
    raised: Mapping[str, Collection[str]],
) -> Mapping[str, str]:
    """The rules that a report meets only where it repeats stories that have alerted for them.

    `held` has the parts of the report's text that repeat each story, `raised` the rules that each
    story has raised. Each rule comes with the first of its stories.
    """
    found: dict[str, str] = {}
    for match in matches:
        stories = [story for story in held if match.rule_id in raised.get(story, ())]
        spans = [span for story in stories for span in held[story]]
        if stories and is_inside(match, report, spans):
            found[match.rule_id] = stories[0]
    return found


def addressed(
    subscriptions: Iterable[SubscriptionSpec], new: Sequence[RuleMatch]
) -> Mapping[SubscriptionSpec, tuple[str, ...]]:
    """For each subscription that is to be told: the ids of its newly met rules.

    All the rules that one subscription watches and one story meets make one message.
    """
    chosen = {
        s: tuple(m.rule_id for m in new if s.selects(m.rule_id, m.tags, m.severity))
        for s in subscriptions
    }
    return {s: rules for s, rules in chosen.items() if rules}
