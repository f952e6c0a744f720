"""Who is told what: the new alerts of a story, and the messages they make. PURE."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from schemas.folder import SubscriptionSpec
from schemas.matches import ArticleMatches, RuleMatch


def audible(message: ArticleMatches) -> Sequence[RuleMatch]:
    """The matches that may alert: those of an article that appeared long after its date do not.

    They raise nothing, so a copy or a revision that is not late alerts as if it were the first.
    """
    return () if message.article.late else message.matches


def new_matches(matches: Iterable[RuleMatch], raised: Collection[str]) -> list[RuleMatch]:
    """The matches whose rule has not yet raised an alert for the story."""
    return [m for m in matches if m.rule_id not in raised]


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
