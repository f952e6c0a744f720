"""Feeds and pages as text: RSS 2.0, Atom 1.0 and HTML, from the templates beside this file.

Decides what of an entry a reader gets to see. Pure: equal arguments give equal bytes, so
the entity tag can be taken from them.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from pathlib import Path

import jinja2
from pydantic import Field

from schemas.folder import Id, Written
from services.embedded.demo.freshness import Version
from services.embedded.demo.piece import Piece, Template


class FeedFormat(StrEnum):
    """The formats a feed may have."""

    RSS = "rss"
    ATOM = "atom"

    @property
    def media_type(self) -> str:
        """What the feed is served as."""
        return f"application/{self.value}+xml"


class Outlet(Written):
    """An outlet; its feed bears its id. `window` is how many entries the feed shows."""

    id: Id
    title: str
    domain: str = "newsroom.example"
    format: FeedFormat = FeedFormat.RSS
    template: Template = Template.COURIER
    window: int | None = Field(default=None, ge=1)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """How the page of an entry is served."""

    status: int = 200
    content_type: str = "text/html"


@dataclass(frozen=True, slots=True)
class Entry:
    """A published piece. `claimed_at` is the feed's own date, `published_at` the truth."""

    outlet_id: str
    slug: str
    piece: Piece
    version: Version
    published_at: datetime
    guid: str | None
    claimed_at: datetime | None
    linked: bool = True
    content: str | None = None  # HTML that the feed itself carries
    page: PageAnswer = PageAnswer()
    archived: bool = False  # stood in the feed when the server started

    @property
    def path(self) -> str:
        """Where the page is served."""
        return f"/{self.outlet_id}/{self.slug}.html"


def render_feed(
    outlet: Outlet, entries: Sequence[Entry], changed_at: datetime, base_url: str
) -> bytes:
    """The feed with `entries` in the order given."""
    template = _TEMPLATES.get_template(f"{outlet.format.value}.xml")
    return template.render(
        outlet=outlet, entries=entries, changed_at=changed_at, base_url=base_url
    ).encode()


def render_page(outlet: Outlet, entry: Entry, base_url: str) -> bytes:
    """The page of an entry, with the furniture of its outlet unless it brings its own."""
    furniture = entry.piece.furniture
    dated = entry.published_at + timedelta(days=furniture.dated_days_later)
    name = (furniture.template or outlet.template).value
    return (
        _TEMPLATES.get_template(f"{name}.html")
        .render(
            outlet=outlet,
            piece=entry.piece,
            furniture=furniture,
            url=base_url + entry.path,
            dated=dated,
            json_ld=_json_ld(outlet, entry, dated),
        )
        .encode()
    )


def render_index(shelves: Sequence[tuple[Outlet, Sequence[Entry]]]) -> bytes:
    """The page that a curious person sees: every feed and its newest entries."""
    return _TEMPLATES.get_template("index.html").render(shelves=shelves).encode()


def render_consent() -> bytes:
    """A consent page, the thing servers send with status 200 in place of what was asked for."""
    return _TEMPLATES.get_template("consent.html").render().encode()


def as_html(paragraphs: Sequence[str]) -> str:
    """Paragraphs as the HTML that feeds carry in their content element."""
    return "\n".join(f"<p>{html.escape(text, quote=False)}</p>" for text in paragraphs)


def _json_ld(outlet: Outlet, entry: Entry, dated: datetime) -> dict[str, object]:
    return {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": entry.piece.title,
        "datePublished": _iso(dated),
        "dateModified": _iso(dated),
        "publisher": {"@type": "NewsMediaOrganization", "name": outlet.title},
        "isAccessibleForFree": True,
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _rfc822(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["iso"] = _iso
    environment.filters["rfc822"] = _rfc822
    return environment


_TEMPLATES = _environment()
