"""The operator's folder, read and checked whole.

Decides nothing itself: finds and reads the files, has them checked, and says either what
the folder holds or everything that is wrong with it. Storing it is the caller's business.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from schemas.folder import (
    ChannelSpec,
    FeedSpec,
    ListSpec,
    RuleSpec,
    SubscriptionSpec,
    Written,
)
from services.config.crosscheck import Listings, cross_problems, repeated_ids
from services.config.files import FolderFiles, find_files, read_file
from services.config.items import Entry, Item, Kind, Listing, check, check_channel, entries_in
from services.config.opml import read_opml
from services.config.problem import Problem, has_errors, in_order
from services.config.queries import query_problems
from services.config.yaml_lines import load

SpecT = TypeVar("SpecT", bound=Written)
_Read = tuple[list[Entry], list[Problem]]

_MISSING: dict[Kind, tuple[str, str]] = {
    "feed": (
        "feeds.yaml",
        "missing; write it with a list of feeds, or put an OPML file (feeds.opml) here:\n"
        "    feeds:\n"
        "      - id: example\n"
        "        url: https://example.org/feed.xml",
    ),
    "rule": (
        "rules",
        "missing; make the folder rules/ with a file such as rules/first.yaml:\n"
        "    rules:\n"
        "      - id: first\n"
        "        query: Iran AND Syria",
    ),
    "channel": (
        "channels.yaml",
        "missing; say where alerts go, at the least:\n"
        "    channels:\n"
        "      - id: console\n"
        "        type: console",
    ),
    "subscription": (
        "subscriptions.yaml",
        "missing; say which rules go to which channel, at the least:\n"
        "    subscriptions:\n"
        "      - id: everything\n"
        "        channel: console\n"
        "        rules: all",
    ),
}


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that can be used, with what its author should still look at."""

    feeds: tuple[FeedSpec, ...]
    rules: tuple[RuleSpec, ...]
    channels: tuple[ChannelSpec, ...]
    subscriptions: tuple[SubscriptionSpec, ...]
    lists: tuple[ListSpec, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Broken:
    """A folder that cannot be used: every problem, warnings included, in order."""

    problems: tuple[Problem, ...]


def read_folder(path: Path) -> Folder | Broken:
    """What the folder at `path` holds. Blocks while it reads; raises nothing for its content."""
    files = find_files(path)
    if not files.names:
        return Broken(in_order(files.problems))
    problems = list(files.problems)
    listings = Listings(
        _list(_read_kind(path, files, "feed"), lambda entry: check(entry, FeedSpec), problems),
        *rules_and_lists(path, files, problems),
        _list(_read_kind(path, files, "channel"), check_channel, problems),
        _list(
            _read_kind(path, files, "subscription"),
            lambda entry: check(entry, SubscriptionSpec),
            problems,
        ),
    )
    problems += query_problems(listings.rules.entries, listings.lists) + cross_problems(listings)
    if has_errors(problems):
        return Broken(in_order(problems))
    return _folder(listings, in_order(problems))


def read_feeds(path: Path) -> tuple[Listing[FeedSpec], tuple[Problem, ...]]:
    """The feeds of the folder at `path`, and what is wrong with their files; none is no problem.

    Whatever else is in the folder, or is missing there, is not looked at.
    """
    files = find_files(path)
    problems = [problem for problem in files.problems if problem.level == "error"]
    read = _read_kind(path, files, "feed") if files.of("feed") else ([], [])
    listing = _list(read, lambda entry: check(entry, FeedSpec), problems)
    return listing, in_order(problem for problem in problems if problem.level == "error")


def read_opml_file(path: Path) -> tuple[Listing[FeedSpec], tuple[Problem, ...]]:
    """The same of one OPML file, whatever its name."""
    data = read_file(path.parent, path.name)
    if isinstance(data, Problem):
        return Listing((), (), complete=False), (data,)
    problems: list[Problem] = []
    read = _entries_of_opml(data, "feed", path.name)
    listing = _list(read, lambda entry: check(entry, FeedSpec), problems)
    problems += repeated_ids(listing.entries)
    return listing, in_order(problem for problem in problems if problem.level == "error")


def rules_and_lists(
    path: Path, files: FolderFiles, problems: list[Problem]
) -> tuple[Listing[RuleSpec], Listing[ListSpec]]:
    """What the rule files hold; adds what is wrong with its shape to `problems`."""
    read = _read_kind(path, files, "rule")
    return (
        _list(_only("rule", read), lambda entry: check(entry, RuleSpec), problems),
        _list(_only("list", read), lambda entry: check(entry, ListSpec), problems),
    )


def _folder(listings: Listings, warnings: tuple[Problem, ...]) -> Folder:
    return Folder(
        _specs(listings.feeds.items),
        _specs(listings.rules.items),
        tuple(item.spec for item in listings.channels.items),
        _specs(listings.subscriptions.items),
        _specs(listings.lists.items),
        warnings,
    )


def _specs(items: Iterable[Item[SpecT]]) -> tuple[SpecT, ...]:
    return tuple(item.spec for item in items)


def _only(kind: Kind, read: _Read) -> _Read:
    """What a file of rules and lists holds of one of the two."""
    entries, problems = read
    return [entry for entry in entries if entry.kind == kind], problems


def _list(
    read: _Read,
    checked: Callable[[Entry], Item[SpecT] | list[Problem]],
    problems: list[Problem],
) -> Listing[SpecT]:
    """All items of a kind; adds what is wrong with them to `problems`."""
    entries, found = read
    problems += found
    items = []
    for entry in entries:
        result = checked(entry)
        if isinstance(result, Item):
            items.append(result)
        else:
            problems += result
    return Listing(tuple(entries), tuple(items), complete=not has_errors(found))


def _read_kind(path: Path, files: FolderFiles, kind: Kind) -> _Read:
    names = files.of(kind)
    if not names:
        place, message = _MISSING[kind]
        return [], [] if _told(files, place) else [Problem(place, None, message)]
    entries: list[Entry] = []
    problems: list[Problem] = []
    for name in names:
        more, found = _read_entries(path, name, kind)
        entries += more
        problems += found
    if not problems and not any(entry.kind == kind for entry in entries):
        problems.append(Problem(names[0], None, f"there are no {kind}s in it", "warning"))
    return entries, problems


def _told(files: FolderFiles, place: str) -> bool:
    return any(problem.file == place for problem in files.problems)


def _read_entries(path: Path, name: str, kind: Kind) -> _Read:
    data = read_file(path, name)
    if isinstance(data, Problem):
        return [], [data]
    if name.lower().endswith(".opml"):
        return _entries_of_opml(data, kind, name)
    return _read_yaml(data, kind, name)


def _entries_of_opml(data: bytes, kind: Kind, name: str) -> _Read:
    items, problems = read_opml(data, name)
    return [Entry(kind, name, item, n) for n, item in enumerate(items, 1)], [*problems]


def _read_yaml(data: bytes, kind: Kind, name: str) -> _Read:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return [], [Problem(name, line, "not UTF-8; save the file as UTF-8")]
    located = load(text, name)
    return ([], [*located]) if isinstance(located, tuple) else entries_in(located, kind, name)
