"""The desk: what every outlet has published so far, and who has seen it.

Decides slugs, links, versions and what counts as seen. It holds state and does no I/O;
time comes in with every change.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.embedded.demo.ailment import Ailment
from services.embedded.demo.freshness import Version
from services.embedded.demo.piece import Piece
from services.embedded.demo.rendering import Entry, Outlet


class UnknownPlaceError(Exception):
    """There is no such feed or page; the message lists what there is."""


class TakenError(Exception):
    """There already is a feed or page of that name."""


@dataclass(slots=True)
class Shelf:
    """An outlet with its entries (by slug, oldest first) and what its feed's readers saw."""

    outlet: Outlet
    version: Version
    entries: dict[str, Entry] = field(default_factory=dict)
    ailment: Ailment = field(default_factory=Ailment)
    page_ailments: dict[str, Ailment] = field(default_factory=dict)
    last_fetched_at: datetime | None = None
    seen_version: int = 0

    def newest_first(self) -> list[Entry]:
        """What the feed shows."""
        return list(reversed(self.entries.values()))[: self.outlet.window]

    @property
    def seen(self) -> bool:
        """Whether the feed has been fetched since it last changed."""
        return self.last_fetched_at is not None and self.seen_version == self.version.number


class Desk:
    """All outlets of the newsroom."""

    def __init__(self) -> None:
        self._shelves: dict[str, Shelf] = {}

    def open(self, outlet: Outlet, now: datetime) -> None:
        """Found an outlet with an empty feed."""
        if outlet.id in self._shelves:
            raise TakenError(f'there already is a feed "{outlet.id}"')
        self._shelves[outlet.id] = Shelf(outlet, Version(1, now))

    def shelf(self, outlet_id: str) -> Shelf:
        """The shelf of an outlet."""
        try:
            return self._shelves[outlet_id]
        except KeyError:
            known = ", ".join(self._shelves) or "none yet"
            raise UnknownPlaceError(f'no feed "{outlet_id}"; there are: {known}') from None

    def shelves(self) -> Iterator[Shelf]:
        """All shelves, in the order they were opened."""
        yield from self._shelves.values()

    def entry(self, outlet_id: str, slug: str) -> Entry:
        """A published entry."""
        shelf = self.shelf(outlet_id)
        if slug not in shelf.entries:
            raise UnknownPlaceError(f'"{outlet_id}" has published nothing as "{slug}"')
        return shelf.entries[slug]

    def publish(self, entry: Entry, now: datetime) -> None:
        """Put a new entry on top of its feed."""
        shelf = self.shelf(entry.outlet_id)
        if entry.slug in shelf.entries:
            raise TakenError(f'"{entry.outlet_id}" already has a page "{entry.slug}"; edit it')
        shelf.entries[entry.slug] = entry
        shelf.version = shelf.version.next(now, was_seen=shelf.seen)

    def edit(self, edited: Entry, now: datetime) -> None:
        """Replace an entry where it stands; its page and its feed become new versions."""
        old = self.entry(edited.outlet_id, edited.slug)
        shelf = self.shelf(edited.outlet_id)
        version = old.version.next(now, was_seen=True)
        shelf.entries[edited.slug] = replace(edited, version=version)
        shelf.version = shelf.version.next(now, was_seen=shelf.seen)

    def fetched(self, outlet_id: str, version: Version, now: datetime) -> None:
        """Note that a reader has the feed in this version."""
        shelf = self.shelf(outlet_id)
        shelf.last_fetched_at = now
        shelf.seen_version = max(shelf.seen_version, version.number)

    def all_fetched(self, outlet_ids: Collection[str]) -> bool:
        """Whether each of these feeds has been fetched at least once."""
        return all(self.shelf(name).last_fetched_at is not None for name in outlet_ids)

    def free_slug(self, outlet_id: str, title: str) -> str:
        """A slug made from a title that no page of the outlet has."""
        taken = self.shelf(outlet_id).entries
        slug = slug_of(title)
        numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
        return slug if slug not in taken else next(s for s in numbered if s not in taken)


def slug_of(title: str) -> str:
    """The words of a title, joined by dashes as in a URL; `untitled` where it has none."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower()))[:80] or "untitled"


def entry_of(outlet: Outlet, slug: str, piece: Piece, now: datetime) -> Entry:
    """An entry as an orderly outlet publishes it: with link, guid and today's date."""
    return Entry(
        outlet_id=outlet.id,
        slug=slug,
        piece=piece,
        version=Version(1, now),
        published_at=now,
        guid=f"tag:{outlet.domain},2024:{slug}",
        claimed_at=now,
    )
