"""Feeds brought along from another reader, and given to one, as OPML."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from schemas.folder import FeedSpec
from services.config.feeds_file import Sifted, as_yaml, sift
from services.config.folder import read_opml_file
from services.config.items import Item, Listing
from services.config.opml import Outline, write_opml
from services.embedded.commands import INVALID, OK, Said, must_exist, open_database_in
from services.embedded.feeds.folder import append_feeds, feeds_of
from services.runtime.redact import names_secret, secrets_in_url
from services.runtime.settings import Settings
from services.store import written
from services.store.written import Kind

_NAMED = 10
_EMPTY: Listing[FeedSpec] = Listing((), (), complete=True)


def import_feeds(file: Path, config: Path | None, *, dry_run: bool) -> Said:
    """Feeds of an OPML file: printed as feeds.yaml, or appended to that of a folder."""
    wanted = _wanted(file)
    if isinstance(wanted, Said):
        return wanted
    there = _EMPTY if config is None else feeds_of(config)
    if isinstance(there, Said):
        return there
    sifted = sift(wanted, there)
    if sifted.clashes:
        return Said(INVALID, (), [*sifted.clashes, "nothing was imported"])
    if config is None:
        return Said(OK, as_yaml(sifted.new).splitlines(), _repeats(sifted))
    if dry_run:
        return Said(OK, [*_told(sifted, config), *as_yaml(sifted.new).splitlines()])
    return _append(config, sifted)


def _wanted(file: Path) -> Sequence[Item[FeedSpec]] | Said:
    listing, problems = read_opml_file(file)
    if problems:
        told = [str(replace(problem, file=str(file))) for problem in problems]
        return Said(INVALID, (), [*told, "nothing was imported"])
    return listing.items


def _append(config: Path, sifted: Sifted) -> Said:
    if not sifted.new:
        return Said(OK, _told(sifted, config))
    done = append_feeds(config, sifted.new)
    return done if isinstance(done, Said) else Said(OK, _told(sifted, done))


def _told(sifted: Sifted, place: Path) -> list[str]:
    lines = [f"{place}: {len(sifted.new)} added{_some(spec.id for spec in sifted.new)}"]
    return lines + _repeats(sifted)


def _repeats(sifted: Sifted) -> list[str]:
    if not sifted.known:
        return []
    return [f"{len(sifted.known)} there already{_some(known for _, known in sifted.known)}"]


def _some(names: Iterable[str]) -> str:
    known = list(names)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f" ({', '.join(known[:_NAMED])}{more})" if known else ""


async def export_feeds(config: Path | None, state: Path, settings: Settings) -> Said:
    """The feeds of a folder, or of the database, as OPML; never with a credential."""
    if config is not None:
        listing = feeds_of(config)
        if isinstance(listing, Said):
            return listing
        return exported([item.spec for item in listing.items])
    must_exist(state, settings)
    async with open_database_in(state, settings) as database, database.read() as tx:
        stored = await written.items(tx, Kind.FEEDS)
    return exported([FeedSpec.model_validate(dict(item.spec)) for item in stored.values()])


def exported(feeds: Sequence[FeedSpec]) -> Said:
    """The document, and what somebody who reads it has to know besides."""
    outlines: list[Outline] = []
    remarks: list[str] = []
    for feed in feeds:
        url = _without_secrets(feed.url)
        if url is None:
            remarks.append(f"{feed.id}: left out, for its address itself is a secret")
            continue
        outlines.append(Outline(feed.name or feed.id, url, 0, feed.id))
        if url != feed.url or _needs_credentials(feed):
            remarks.append(f"{feed.id}: needs credentials or headers, which are not exported")
    return Said(OK, write_opml(outlines, "Wirewatch").splitlines(), remarks)


def _needs_credentials(feed: FeedSpec) -> bool:
    return bool(feed.basic or feed.token or feed.query or feed.headers)


def _without_secrets(url: str) -> str | None:
    """The address without parameters that are secrets; None where its path is one."""
    parts = urlsplit(url)
    kept = "&".join(one for one in parts.query.split("&") if not _is_secret(one))
    host = parts.netloc.rpartition("@")[2]
    bare = parts._replace(netloc=host, query=kept).geturl()
    return None if secrets_in_url(bare) else bare


def _is_secret(parameter: str) -> bool:
    return names_secret(unquote(parameter.partition("=")[0]))
