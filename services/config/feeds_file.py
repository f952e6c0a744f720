"""New feeds for feeds.yaml: which of them are new, and the text of the file with them. PURE.

What stands in the file stays as it is, comments and all: new feeds are appended below the
last. Where that cannot be done without doubt the file is left alone, and its author is told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import yaml

from schemas.folder import FeedSpec
from services.config.crosscheck import same_address
from services.config.items import Item, Listing, check, entries_in
from services.config.plan import stored_form
from services.config.wording import quoted
from services.config.yaml_lines import Located, load

_ITEM = re.compile(r"(\s*)-(?:\s|$)")
_NO_FEEDS = re.compile(r"^feeds:[ \t]*\[[ \t]*\](?=[ \t]*(?:#|\r?$))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sifted:
    """Feeds to bring along: those that are new, and those that are there, each with its id.

    `clashes` are those that cannot be told to be either.
    """

    new: tuple[FeedSpec, ...] = ()
    known: tuple[tuple[FeedSpec, str], ...] = ()
    clashes: tuple[str, ...] = ()


def sift(wanted: Iterable[Item[FeedSpec]], there: Listing[FeedSpec]) -> Sifted:
    """Which of the wanted feeds are new beside those that are there."""
    by_address = {same_address(item.spec.url): item for item in there.items}
    by_id = {item.spec.id: item for item in there.items}
    new: list[FeedSpec] = []
    known: list[tuple[FeedSpec, str]] = []
    clashes: list[str] = []
    for item in wanted:
        spec = item.spec
        if (same := by_address.get(same_address(spec.url))) is not None:
            known.append((spec, same.spec.id))
            continue
        if (other := by_id.get(spec.id)) is not None:
            clashes.append(
                f"{item.entry.place}: feed {quoted(spec.id)} is another one in "
                f"{other.entry.place}; give one of them another id"
            )
            continue
        new.append(spec)
        by_address[same_address(spec.url)] = by_id[spec.id] = item
    return Sifted(tuple(new), tuple(known), tuple(clashes))


def as_yaml(feeds: Sequence[FeedSpec]) -> str:
    """A feeds.yaml of these feeds."""
    return f"feeds:\n{_items(feeds, '  ')}" if feeds else "feeds: []\n"


def with_feeds(text: str, feeds: Sequence[FeedSpec]) -> str | None:
    """The text of feeds.yaml with these feeds at its end; None where it is not that plain."""
    before = load(text, "feeds.yaml")
    if not isinstance(before, Located) or not isinstance(before.value, Mapping):
        return None
    after = _appended(text, before, feeds)
    if after is None or _specs(after) != [*(_specs(text) or ()), *feeds]:
        return None
    return after


def _appended(text: str, before: Located, feeds: Sequence[FeedSpec]) -> str | None:
    newline = "\r\n" if "\r\n" in text else "\n"
    written = before.value.get("feeds") if isinstance(before.value, Mapping) else None
    if not written:
        block = as_yaml(feeds).rstrip("\n").replace("\n", newline)
        plain, found = _NO_FEEDS.subn(lambda _: "feeds:", text, count=1)
        if not found:
            return None
        block = block.removeprefix(f"feeds:{newline}")
        return _closed(plain, newline) + block + newline
    line = text.splitlines()[before.line_of(("feeds", 0)) - 1]
    found_indent = _ITEM.match(line)
    if found_indent is None:
        return None
    return _closed(text, newline) + _items(feeds, found_indent[1]).replace("\n", newline)


def _closed(text: str, newline: str) -> str:
    return text if text.endswith("\n") else text + newline


def _items(feeds: Sequence[FeedSpec], indent: str) -> str:
    values = [stored_form(feed) for feed in feeds]
    given = [_given(feed, value) for feed, value in zip(feeds, values, strict=True)]
    text: str = yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"{indent}{line}\n" for line in text.splitlines())


def _given(feed: FeedSpec, value: Mapping[str, object]) -> dict[str, object]:
    """Without what says the default."""
    return {key: each for key, each in value.items() if key in feed.model_fields_set}


def _specs(text: str) -> list[FeedSpec] | None:
    located = load(text, "feeds.yaml")
    if not isinstance(located, Located):
        return None
    entries, problems = entries_in(located, "feed", "feeds.yaml")
    checked = [check(entry, FeedSpec) for entry in entries]
    items = [item.spec for item in checked if isinstance(item, Item)]
    return items if not problems and len(items) == len(checked) else None
