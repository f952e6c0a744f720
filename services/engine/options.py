"""What a rule may be given beside its expression."""

from dataclasses import dataclass

from schemas.rule import WatchRule
from services.engine.errors import RuleError
from services.engine.languages import language_of


@dataclass(frozen=True, slots=True)
class Options:
    """`languages` restricts a rule to articles in one of them (empty: no restriction).

    `stem` compares words also by their stem, in the article's language; `clitics` lets
    Arabic and Hebrew words match behind their one-letter particles.
    """

    languages: frozenset[str] = frozenset()
    stem: bool = False
    clitics: bool = False

    @classmethod
    def of_rule(cls, rule: WatchRule) -> "Options":
        """The options of a stored rule; raises RuleError for an unknown language."""
        if not (rule.languages or rule.stem or rule.clitics):
            return DEFAULT_OPTIONS
        return cls(frozenset(rule.languages), rule.stem, rule.clitics)

    def __post_init__(self) -> None:
        for code in sorted(self.languages):
            if language_of(code) != code:
                message = f'"{code}" is no language code of ISO 639-1; write one like en or ar'
                raise RuleError(message, 0, code)


DEFAULT_OPTIONS = Options()
