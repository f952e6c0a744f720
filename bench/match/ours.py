"""The rule engine under the benchmark: the one place that knows how it is called."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.article import Article
from schemas.matches import RuleMatch
from schemas.rule import WatchRule
from services.engine.ruleset import RuleSet

ENGINE = "RuleSet, every rule tried"
SAVES = False
"""Whether `save` and `load` are there: a worker that starts again need not compile."""


class Ours:
    """Rules that articles are matched against."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    @classmethod
    def of(cls, rules: Iterable[WatchRule], articles: Iterable[Article]) -> "Ours":
        """Compiled rules. Document frequencies may be counted in `articles`."""
        return cls(RuleSet.of(rules))

    def ids(self, article: Article) -> Sequence[str]:
        """The rules that match, nothing else."""
        return [match.rule_id for match in self._rules.match(article).matches]

    def offsets(self, article: Article) -> Sequence[RuleMatch]:
        """The rules that match, with the places of their words; see `ids_in`."""
        return self._rules.match(article).matches

    def ids_in(self, found: Sequence[RuleMatch]) -> Sequence[str]:
        """The rules in what `offsets` answered."""
        return [match.rule_id for match in found]

    def update(self, rule: WatchRule) -> None:
        """Changes or adds one rule; the next article meets it."""
        self._rules = self._rules.changed([rule], ())

    def save(self, folder: Path) -> None:
        """Writes the compiled rules to an empty folder."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> "Ours":
        """What `save` wrote, mapped into memory."""
        raise NotImplementedError
