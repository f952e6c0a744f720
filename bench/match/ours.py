"""The rule engine under the benchmark: the one place that knows how it is called."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas.article import Article
from schemas.rule import WatchRule
from services.engine.ruleset import RuleSet
from services.matcher import set_files

ENGINE = "compiled kernel"
SAVES = True
"""Whether `save` and `load` are there: a worker that starts again need not compile."""


class Ours:
    """Rules that articles are matched against."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules

    @classmethod
    def of(cls, rules: Iterable[WatchRule], articles: Iterable[Article]) -> "Ours":
        """Compiled rules. Document frequencies may be counted in `articles`."""
        return cls(RuleSet.of(rules, kernel=True, sample=articles))

    def ids(self, article: Article) -> Sequence[str]:
        """The rules that match, nothing else; an id becomes text when it is looked at."""
        return self._rules.matching(article)

    def offsets(self, article: Article) -> Sequence[str]:
        """The rules that match, with the places of their words in rows; see `ids_in`."""
        return self._rules.matching(article, places=True)

    def ids_in(self, found: Sequence[str]) -> Sequence[str]:
        """The rules in what `offsets` answered."""
        return found

    def update(self, rule: WatchRule) -> None:
        """Changes or adds one rule; the next article meets it."""
        self._rules = self._rules.changed([rule], ())

    def save(self, folder: Path) -> None:
        """Writes the compiled rules to an empty folder."""
        set_files.save(folder, self._rules, {})

    @classmethod
    def load(cls, folder: Path) -> "Ours":
        """What `save` wrote, mapped into memory."""
        rules, _ = set_files.load(folder)
        rules.use_kernel()
        return cls(rules)
