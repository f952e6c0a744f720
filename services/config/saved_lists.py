"""Which saved lists use which, and who would miss one. PURE.

Decides the order in which lists are announced, which of them use themselves, and whether
what is stored would still be readable after a change of lists. What an expression means is
the engine's business.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.engine.errors import RuleError
from services.engine.parse import parse
from services.engine.tokens import Kind, Token, tokens_of

Lists = Mapping[str, Sequence[str]]

_NAMED = 10


def list_tokens(expression: str) -> list[Token]:
    """Where an expression names lists; none where it cannot be read so far."""
    if "@" not in expression:
        return []
    try:
        return [token for token in tokens_of(expression) if token.kind is Kind.LIST]
    except RuleError:
        return []


def named_in(expressions: Iterable[str]) -> list[str]:
    """The lists that the expressions name, each once, in order."""
    named = (token.text for expression in expressions for token in list_tokens(expression))
    return list(dict.fromkeys(named))


def reached(lists: Lists, expressions: Iterable[str]) -> frozenset[str]:
    """The lists that the expressions use, those inside other lists included."""
    found: set[str] = set()
    new = named_in(expressions)
    while new:
        name = new.pop()
        if name not in found:
            found.add(name)
            new += named_in(lists.get(name, ()))
    return frozenset(found)


def used_first(lists: Lists) -> list[str]:
    """The names of the lists, those that others use before these."""
    placed: dict[str, None] = {}
    begun: set[str] = set()
    waiting = sorted(lists, reverse=True)
    while waiting:
        name = waiting[-1]
        begun.add(name)
        inner = [one for one in named_in(lists[name]) if one in lists and one not in begun]
        if inner and name not in placed:
            waiting += inner
        else:
            placed.setdefault(waiting.pop())
    return list(placed)


@dataclass(frozen=True, slots=True)
class ListInUse:
    """The change is refused: something that stays would lose a list or could not be read."""

    lines: tuple[str, ...]
    """For people, a line for each trouble."""


def in_use(before: Lists, after: Lists, rules: Mapping[str, str]) -> ListInUse | None:
    """Why the saved lists cannot become `after` beside `rules` (queries by id), if so."""
    gone = sorted(before.keys() - after.keys())
    renewed = {name for name, items in after.items() if tuple(before.get(name, ())) != tuple(items)}
    lines = list(_missed(gone, after, rules))
    if renewed and not lines:
        lines += _broken(renewed, after, rules)
    return ListInUse(tuple(lines)) if lines else None


def _missed(gone: Sequence[str], lists: Lists, rules: Mapping[str, str]) -> Iterator[str]:
    """A line for each list that is gone and still named."""
    if not gone:
        return
    naming = [(f"rule {rule_id}", named_in([query])) for rule_id, query in rules.items()]
    naming += [(f"list {name}", named_in(items)) for name, items in lists.items()]
    for name in gone:
        users = [user for user, names in naming if name in names]
        if users:
            yield (
                f"list {name} cannot be removed while it is used by {_some(users)}; "
                "change or remove what uses it first"
            )


def _broken(renewed: set[str], lists: Lists, rules: Mapping[str, str]) -> Iterator[str]:
    """A line for each rule that cannot be read with the lists as they would be."""
    for rule_id, query in rules.items():
        if renewed.isdisjoint(reached(lists, [query])):
            continue
        try:
            parse(query, lists)
        except RuleError as error:
            yield f"rule {rule_id} cannot be read with the changed lists: {error.message}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
