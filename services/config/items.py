"""From the values of a file to checked items, each knowing where it stands.

Decides that a file is one key with a list below it (a file of rules may also have saved
lists, each under its name) and that every item fits its model.
What items say about each other is `crosscheck`'s business.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

from pydantic import ValidationError

from schemas.folder import ChannelSpec, ConsoleSpec, EmailSpec, SlackSpec, Written
from services.config.plain_words import mistakes_in, unknown_word
from services.config.problem import Level, Problem
from services.config.wording import did_you_mean, listed, quoted
from services.config.yaml_lines import Located, Path

Kind = Literal["feed", "rule", "list", "channel", "subscription"]
_LISTS = "lists"
SpecT = TypeVar("SpecT", bound=Written)
SpecT_co = TypeVar("SpecT_co", bound=Written, covariant=True)
_ChannelModel = type[ConsoleSpec] | type[SlackSpec] | type[EmailSpec]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it was written, not checked yet; `path` is its place in the file."""

    kind: Kind
    file: str
    located: Located
    number: int = 1

    @property
    def declared_id(self) -> str | None:
        """The id it claims, valid or not."""
        return self.text_at("id")

    def text_at(self, *path: str) -> str | None:
        """The text at `path`, where there is one, whatever else is wrong with the item."""
        found = self.value_at(*path)
        return found if isinstance(found, str) else None

    def value_at(self, *path: str) -> object:
        """The value at `path`, None where there is none."""
        found = self.located.value
        for part in path:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found

    @property
    def place(self) -> str:
        """`rules/iran.yaml:12`, the first line of the item."""
        return f"{self.file}:{self.located.line_of(())}"

    def problem(self, message: str, path: Path = (), level: Level = "error") -> Problem:
        """A problem with the key at `path` inside this item."""
        name = self.declared_id
        label = quoted(name) if name is not None else f"number {self.number}"
        line = self.located.line_of(path)
        return Problem(self.file, line, f"{self.kind} {label}: {message}", level)


@dataclass(frozen=True, slots=True)
class Item(Generic[SpecT_co]):
    """A checked item and where it was written."""

    spec: SpecT_co
    entry: Entry


@dataclass(frozen=True, slots=True)
class Listing(Generic[SpecT_co]):
    """All items of a kind in the folder.

    `entries` holds also those that did not pass; `complete` says that every file could
    be read, so that what is not among the entries is nowhere.
    """

    entries: tuple[Entry, ...]
    items: tuple[Item[SpecT_co], ...]
    complete: bool

    @property
    def flawless(self) -> bool:
        """Whether every file could be read and every item passed."""
        return self.complete and len(self.items) == len(self.entries)


def entries_in(located: Located, kind: Kind, file: str) -> tuple[list[Entry], list[Problem]]:
    """The items of a file, and what is wrong with its shape."""
    key = f"{kind}s"
    keys = {key, _LISTS} if kind == "rule" else {key}
    value = located.value
    if not isinstance(value, Mapping):
        what = "empty" if value is None else "of the wrong shape"
        message = f'the file is {what}; begin it with "{key}:" and a list of items below'
        return [], [Problem(file, located.line_of(()), message)]
    problems = [
        Problem(file, located.line_of((each,)), _unknown_top(each, sorted(keys, reverse=True)))
        for each in value
        if each not in keys
    ]
    entries, wrong = _entries_below(located, kind, file) if key in value else ([], [])
    lists, misshapen = _lists_below(located, file) if keys & {_LISTS} & value.keys() else ([], [])
    if keys.isdisjoint(value) and not problems:
        wrong = [Problem(file, 1, f'"{key}:" is missing; write it with a list of items below')]
    return entries + lists, problems + wrong + misshapen


def check(entry: Entry, model: type[SpecT]) -> Item[SpecT] | list[Problem]:
    """The item as a `model`, or everything that keeps it from being one.

    Strict, so that `port: yes` is a mistake and not port 1; by way of JSON, where strict
    still lets a list be a tuple and a word a member of an enumeration.
    """
    try:
        spec = model.model_validate_json(json.dumps(entry.located.value), strict=True)
    except ValidationError as error:
        mistakes = mistakes_in(model, entry.located, error)
        return [entry.problem(mistake.message, mistake.path) for mistake in mistakes]
    return Item(spec, entry)


def check_channel(entry: Entry) -> Item[ChannelSpec] | list[Problem]:
    """The same for a channel, whose `type` says which model it is of."""
    models = _channel_models()
    value = entry.located.value
    if not isinstance(value, Mapping):
        return check(entry, ConsoleSpec)
    type_ = value.get("type")
    if isinstance(type_, str) and type_ in models:
        return check(entry, models[type_])
    return [entry.problem(_no_type(value, list(models)), ("type",))]


def _channel_models() -> dict[str, _ChannelModel]:
    union = get_args(ChannelSpec)[0]
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in get_args(union)}


def _no_type(value: Mapping[str, object], known: Sequence[str]) -> str:
    if "type" not in value:
        return f'"type" is missing; write {listed(known, "or")}'
    if isinstance(value["type"], str):
        return unknown_word("type", value["type"], known)
    return f'"type" must be {listed(known, "or")}'


def _unknown_top(key: str, wanted: Sequence[str]) -> str:
    known = listed([f'"{each}"' for each in wanted])
    which = f"the keys {known}" if len(wanted) > 1 else f"one key, {known}"
    hint = did_you_mean(key, wanted) or f"; the file holds {which}"
    return f"unknown key {quoted(key)}{hint}"


def _entries_below(located: Located, kind: Kind, file: str) -> tuple[list[Entry], list[Problem]]:
    key = f"{kind}s"
    line = located.line_of((key,))
    below = located.value[key] if isinstance(located.value, Mapping) else None
    if below is None:
        message = f'"{key}:" has nothing below it; write "{key}: []" if there are to be none'
        return [], [Problem(file, line, message)]
    if not isinstance(below, list):
        return [], [Problem(file, line, f'"{key}:" must be a list; begin each item with "- "')]
    parts = located.below(key, below)
    return [Entry(kind, file, part, n) for n, part in enumerate(parts, 1)], []


def _lists_below(located: Located, file: str) -> tuple[list[Entry], list[Problem]]:
    below = located.value[_LISTS] if isinstance(located.value, Mapping) else None
    if not isinstance(below, Mapping):
        message = f'"{_LISTS}:" must be names with expressions, as in ports: [Rotterdam, "Hull"]'
        return [], [Problem(file, located.line_of((_LISTS,)), message)]
    parts = located.below_names(_LISTS, below, "items")
    return [Entry("list", file, part, n) for n, part in enumerate(parts, 1)], []
