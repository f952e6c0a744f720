"""What a rule may be given beside its expression.

`stem` of the rule language is not here: no stemmer is installed with the engine, and an
option that silently did nothing would be worse than none.
"""

from dataclasses import dataclass

from services.engine.errors import RuleError
from services.engine.languages import language_of


@dataclass(frozen=True, slots=True)
class Options:
    """`languages` restricts a rule to articles in one of them (empty: no restriction).

    `clitics` lets Arabic and Hebrew words match behind their one-letter particles.
    """

    languages: frozenset[str] = frozenset()
    clitics: bool = False

    def __post_init__(self) -> None:
        for code in sorted(self.languages):
            if language_of(code) != code:
                message = f'"{code}" is no language code of ISO 639-1; write one like en or ar'
                raise RuleError(message, 0, code)


DEFAULT_OPTIONS = Options()
