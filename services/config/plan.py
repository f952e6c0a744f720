"""What `apply` would do: the difference between what is stored and the folder.

Decides, for each kind, what is added, changed, removed and left alone. The rules:

- Apply touches only what apply created. An id of the folder that somebody created or
  changed elsewhere (a rule from the console, a feed added by command, a subscription
  somebody has left) is *left alone* when its content differs, and every plan says so:
  overwriting would silently end somebody's alerts or undo an unsubscription, while the
  author of the folder is there to read the line and to rename the item or remove the
  other. With equal content there is nothing to do, and it stays the other's.
- What apply created and the folder no longer holds is removed. Removing everything of a
  kind, or more than a fifth of what apply created of it, is refused without `prune`: it
  looks like a folder that was not mounted or a file that was moved away. Saved lists go
  without it: one that is missed is refused in any case, the others change no alert.

Carrying the plan out, in one transaction, is the store's business.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from pydantic import ValidationError

from schemas.folder import Written
from services.config.folder import Folder
from services.store.written import Kind, StoredItem

APPLY = "apply"
"""`managed_by` of what apply created."""

_NAMED = 10


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the items of one kind, by id, each in order.

    `upserts` holds what is to be stored for the ids in `added` and `changed`.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    upserts: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.added or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to the items of every kind."""

    changes: Mapping[Kind, Change]

    @property
    def empty(self) -> bool:
        """Whether nothing is to be written; something may still have been left alone."""
        return all(change.empty for change in self.changes.values())

    @property
    def lines(self) -> tuple[str, ...]:
        """For people: `rules: 1 added (iran), 1 changed (oil)`; no line for a kind at rest."""
        lines = (_line(kind, change) for kind, change in self.changes.items())
        return tuple(line for line in lines if line)


@dataclass(frozen=True, slots=True)
class Removal:
    """Too much of a kind would go: these ids, of so many that apply created."""

    kind: Kind
    removed: tuple[str, ...]
    stored: int

    def __str__(self) -> str:
        count = f"{len(self.removed)} of {self.stored} {self.kind}"
        return f"this would remove {count} ({_some(self.removed)}); if meant, say --prune"


@dataclass(frozen=True, slots=True)
class PruneRefused:
    """The folder is not applied: every kind of which too much would be removed."""

    removals: tuple[Removal, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """For people, a line for each kind."""
        return tuple(map(str, self.removals))


Stored = Mapping[Kind, Mapping[str, StoredItem]]


def plan(stored: Stored, folder: Folder, prune: bool) -> Plan | PruneRefused:
    """How to make the stored set what the folder says; `stored` is by kind and id."""
    changes = {kind: _change(stored.get(kind, {}), _items(folder, kind)) for kind in Kind}
    removals = tuple(
        Removal(kind, change.removed, count)
        for kind, change in changes.items()
        if kind is not Kind.LISTS
        and _too_many(len(change.removed), count := _applied(stored.get(kind, {})))
    )
    return PruneRefused(removals) if removals and not prune else Plan(changes)


def stored_form(spec: Written) -> dict[str, object]:
    """The item as JSON-able values, as it is stored; the tests of a rule stay in the folder."""
    return spec.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"tests"})


def _items(folder: Folder, kind: Kind) -> dict[str, Written]:
    match kind:
        case Kind.FEEDS:
            return {spec.id: spec for spec in folder.feeds}
        case Kind.RULES:
            return {spec.id: spec for spec in folder.rules}
        case Kind.LISTS:
            return {spec.id: spec for spec in folder.lists}
        case Kind.CHANNELS:
            return {spec.id: spec for spec in folder.channels}
        case Kind.SUBSCRIPTIONS:
            return {spec.id: spec for spec in folder.subscriptions}
        case _:
            assert_never(kind)


def _change(stored: Mapping[str, StoredItem], wanted: Mapping[str, Written]) -> Change:
    both = [name for name in wanted if name in stored]
    same = {name for name in both if _same(stored[name], wanted[name])}
    ours = {name for name, item in stored.items() if item.managed_by == APPLY}
    added = _ordered(name for name in wanted if name not in stored)
    changed = _ordered(name for name in both if name in ours and name not in same)
    return Change(
        added,
        changed,
        removed=_ordered(ours - wanted.keys()),
        unchanged=_ordered(same),
        left_alone=_ordered(name for name in both if name not in ours and name not in same),
        upserts={name: stored_form(wanted[name]) for name in (*added, *changed)},
    )


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))


def _same(stored: StoredItem, wanted: Written) -> bool:
    """Compared as models: a key that is absent means the same as its default."""
    try:
        known = type(wanted).model_validate(stored.spec)
    except ValidationError:
        return False
    return stored_form(known) == stored_form(wanted)


def _applied(stored: Mapping[str, StoredItem]) -> int:
    return sum(item.managed_by == APPLY for item in stored.values())


def _too_many(removed: int, stored: int) -> bool:
    """More than a fifth; of fewer than five items every single one is."""
    return removed * 5 > stored


def _line(kind: Kind, found: Change) -> str:
    parts = [
        _part("added", found.added),
        _part("changed", found.changed),
        _part("removed", found.removed),
        _part("left alone, because they were made or changed elsewhere", found.left_alone),
    ]
    told = ", ".join(part for part in parts if part)
    return f"{kind}: {told}" if told else ""


def _part(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what} ({_some(names)})" if names else ""


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
