"""The saved lists of a folder, read with the engine's eyes.

Decides what is wrong with each item, at its line, and with what an expression can be read:
a list with a mistake stands for any word, so that the mistake is told once.
"""

from collections.abc import Sequence

from schemas.folder import ListSpec
from schemas.rule import TermList
from schemas.topics import MAX_RECORD_BYTES
from services.config.items import Item, Listing
from services.config.problem import Problem
from services.config.saved_lists import list_tokens, reached, used_first
from services.config.wording import nearest
from services.engine.errors import RuleError
from services.engine.parse import parse

_ANY_WORD = ("word",)
_ROOM = 10_000  # for what a record holds beside its value
_TOO_LARGE = "the list is too large to be broadcast; split it, and name the parts in another list"


class Readable:
    """Lists that expressions may name, and the problems found on the way to them."""

    def __init__(self, listing: Listing[ListSpec]) -> None:
        self.problems: list[Problem] = []
        self.sound: dict[str, tuple[str, ...]] = {}
        """The lists without a mistake."""
        self._complete = listing.complete
        names = [entry.declared_id for entry in listing.entries]
        self._lists: dict[str, Sequence[str]] = {name: _ANY_WORD for name in names if name}
        items = {item.spec.id: item for item in reversed(listing.items)}
        written = {name: item.spec.items for name, item in items.items()}
        for name in used_first(written):
            self._read(items[name], written)

    def trouble_with(self, expression: str) -> str | None:
        """Why the expression cannot be read, for people; None if it can."""
        unknown = [t.text for t in list_tokens(expression) if t.text not in self._lists]
        if unknown and not self._complete:
            return None  # the list may stand in the file that could not be read
        try:
            parse(expression, self._lists)
        except RuleError as error:
            near = nearest(unknown[0], self._lists) if unknown else None
            hint = f'did you mean "@{near}"?' if near else ""
            return _with_hint(error, hint).replace("\n", "\n    ")
        return None

    def _read(self, item: Item[ListSpec], written: dict[str, tuple[str, ...]]) -> None:
        name = item.spec.id
        troubles = [
            item.entry.problem(trouble, ("items", number))
            for number, expression in enumerate(item.spec.items)
            if (trouble := self._trouble_in_list(name, expression, written))
        ]
        if _is_too_large(item.spec):
            troubles.append(item.entry.problem(_TOO_LARGE))
        self.problems += troubles
        if not troubles:
            self._lists[name] = self.sound[name] = item.spec.items

    def _trouble_in_list(
        self, name: str, expression: str, written: dict[str, tuple[str, ...]]
    ) -> str | None:
        if name in reached(written, [expression]):
            return "the list uses itself here, directly or through others"
        return self.trouble_with(expression)


def _is_too_large(spec: ListSpec) -> bool:
    """Whether the bus would refuse it."""
    sent = TermList(name=spec.id, version=1, items=spec.items)
    return len(sent.encode()) > MAX_RECORD_BYTES - _ROOM


def _with_hint(error: RuleError, hint: str) -> str:
    if not hint or "saved list" not in error.message:
        return str(error)
    return str(RuleError(f"{error.message}; {hint}", error.offset, error.query))
