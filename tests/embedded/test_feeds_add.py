"""A feed is found from an address, seen to be one, and added where its like are kept."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from services.config.folder import read_feeds
from services.embedded.feeds.discovery import declared_feeds, usual_places
from services.store import outbox, written
from services.store.database import open_database, sqlite_url
from services.store.written import Kind, StoredItem
from tests.embedded.command_line import an_empty_place, typed
from tests.embedded.site import Site, running_site

__all__ = ["an_empty_place"]


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that can be applied, with one feed."""
    path = tmp_path / "config"
    (path / "rules").mkdir(parents=True)
    (path / "feeds.yaml").write_text("feeds:\n- id: old\n  url: https://old.example/  # oldest\n")
    (path / "rules" / "a.yaml").write_text("rules: [{id: a, query: a}]")
    (path / "channels.yaml").write_text("channels: [{id: c, type: console}]")
    (path / "subscriptions.yaml").write_text("subscriptions: [{id: s, channel: c, rules: all}]")
    return path


def urls(folder: Path) -> Mapping[str, str]:
    listing, problems = read_feeds(folder)
    assert not problems
    return {item.spec.id: item.spec.url for item in listing.items}


def stored() -> Mapping[str, StoredItem]:
    async def look() -> Mapping[str, StoredItem]:
        async with (
            open_database(sqlite_url(Path("var/wirewatch.sqlite"))) as database,
            database.read() as tx,
        ):
            return await written.items(tx, Kind.FEEDS)

    return asyncio.run(look())


def link(href: str, title: str = "", kind: str = "application/rss+xml") -> str:
    return f'<link rel="alternate" type="{kind}" title="{title}" href="{href}">'


# Into the folder


def test_a_feed_is_added_to_the_folder_under_its_own_name(site: Site, folder: Path) -> None:
    site.feed("/rss", "Coast Wire: News")
    done = typed("feeds", "add", f"{site.url}/rss", "--config", folder)
    assert done.exit_code == 0, done.stderr
    assert "added coast-wire-news (Coast Wire: News)" in done.stdout
    assert "1 entry" in done.stdout
    assert urls(folder)["coast-wire-news"] == f"{site.url}/rss"
    assert "# oldest" in (folder / "feeds.yaml").read_text()


def test_id_and_name_may_be_given(site: Site, folder: Path) -> None:
    site.feed("/rss")
    done = typed(
        *("feeds", "add", f"{site.url}/rss", "--id", "coast", "--name", "The Coast"),
        *("--config", folder),
    )
    assert "added coast (The Coast)" in done.stdout
    assert set(urls(folder)) == {"old", "coast"}


def test_an_address_may_begin_with_feed(site: Site, folder: Path) -> None:
    site.feed("/rss")
    done = typed("feeds", "add", f"feed:{site.url}/rss", "--config", folder)
    assert done.exit_code == 0, done.stderr


def test_a_bad_id_is_refused(site: Site, folder: Path) -> None:
    site.feed("/rss")
    done = typed("feeds", "add", f"{site.url}/rss", "--id", "The Coast", "--config", folder)
    assert done.exit_code == 2
    assert "an id is 1 to 80 lower-case letters" in done.stderr
    assert "--id" in done.stderr
    assert set(urls(folder)) == {"old"}


def test_a_taken_id_is_refused_and_a_known_address_is_named(site: Site, folder: Path) -> None:
    site.feed("/rss")
    site.feed("/other")
    assert typed("feeds", "add", f"{site.url}/rss", "--config", folder).exit_code == 0
    taken = typed("feeds", "add", f"{site.url}/other", "--config", folder)
    assert taken.exit_code == 2
    assert "feed coast-wire is another one already (feeds.yaml:4)" in taken.stderr
    again = typed("feeds", "add", f"{site.url}/rss", "--id", "anew", "--config", folder)
    assert again.exit_code == 0
    assert "is feed coast-wire already (feeds.yaml:4)" in again.stdout
    assert set(urls(folder)) == {"old", "coast-wire"}


def test_a_feed_that_has_moved_for_good_is_added_where_it_is(site: Site, folder: Path) -> None:
    site.feed("/new")
    site.answers["/old"] = (301, "/new", "")
    typed("feeds", "add", f"{site.url}/old", "--config", folder)
    assert urls(folder)["coast-wire"] == f"{site.url}/new"


# From a page


def test_the_one_feed_that_a_page_declares_is_meant(site: Site, folder: Path) -> None:
    site.page("/", "<base href='/news/'>", link("rss.xml?a=1&amp;b=2"))
    site.feed("/news/rss.xml?a=1&b=2")
    done = typed("feeds", "add", site.url, "--config", folder)
    assert done.exit_code == 0, done.stderr
    assert urls(folder)["coast-wire"] == f"{site.url}/news/rss.xml?a=1&b=2"


def test_of_several_one_has_to_be_chosen(site: Site, folder: Path) -> None:
    site.page(
        "/",
        link("/all", "All news"),
        link("/comments", "Com\x1b[2Jme\u202ents".replace("[2J", ""), "application/atom+xml"),
        link("/json", "", "application/feed+json"),
    )
    site.feed("/comments", "Comments")
    several = typed("feeds", "add", site.url, "--config", folder)
    assert several.exit_code == 2
    assert several.stdout.splitlines() == [
        f"1. {site.url}/all  All news",
        f"2. {site.url}/comments  Comments",
        f"3. {site.url}/json",
    ]
    assert "--choose NUMBER" in several.stderr
    assert typed("feeds", "add", site.url, "--choose", 4, "--config", folder).exit_code == 1
    done = typed("feeds", "add", site.url, "--choose", 2, "--config", folder)
    assert done.exit_code == 0, done.stderr
    assert urls(folder)["comments"] == f"{site.url}/comments"


def test_where_nothing_is_declared_the_usual_places_are_looked_at(site: Site, folder: Path) -> None:
    site.page("/blog")
    site.feed("/atom.xml")
    done = typed("feeds", "add", f"{site.url}/blog", "--config", folder)
    assert done.exit_code == 0, done.stderr
    assert urls(folder)["coast-wire"] == f"{site.url}/atom.xml"
    assert "/blog/feed" in site.asked


def test_a_declared_feed_that_is_none_is_an_error_and_no_other_is_guessed(
    site: Site, folder: Path
) -> None:
    site.page("/", link("/gone"))
    site.feed("/feed")
    done = typed("feeds", "add", site.url, "--config", folder)
    assert done.exit_code == 1
    assert f"{site.url}/gone: not_found" in done.stderr
    assert "nothing was added" in done.stderr


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ((404, "text/html", ""), "not_found"),
        ((401, "text/html", ""), "basic: or token:"),
        ((200, "text/html", "<html><head></head>none"), "look for the feed's own address"),
        ((200, "text/plain", "nothing"), "not_a_feed"),
        ((200, "image/png", "\x89PNG"), "not_a_feed"),
    ],
)
def test_what_has_no_feed_is_named_with_the_reason(
    site: Site, folder: Path, answer: tuple[int, str, str], complaint: str
) -> None:
    site.answers["/x"] = answer
    done = typed("feeds", "add", f"{site.url}/x", "--config", folder)
    assert done.exit_code == 1
    assert complaint in done.stderr
    assert set(urls(folder)) == {"old"}


def test_a_key_in_the_address_is_not_repeated_and_is_said_to_have_its_own_place(
    site: Site, folder: Path
) -> None:
    address = f"{site.url}/rss?api_key=s3cr3t99x1"
    missing = typed("feeds", "add", address, "--config", folder)
    site.feed("/rss?api_key=s3cr3t99x1")
    done = typed("feeds", "add", address, "--config", folder)
    again = typed("feeds", "add", address, "--config", folder)
    assert (missing.exit_code, done.exit_code, again.exit_code) == (1, 0, 0)
    assert "query: in feeds.yaml" in done.stderr
    assert "s3cr3t" not in "".join(r.stdout + r.stderr for r in (missing, done, again))


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("https://me:pass1234@a.example/feed", "must not carry a user name or password"),
        ("ftp://a.example/feed", "starts with http"),
        ("http://[broken", "not an address"),
        ("https://a.example:99999/", "not an address"),
    ],
)
def test_what_is_no_address_is_refused(folder: Path, address: str, complaint: str) -> None:
    done = typed("feeds", "add", address, "--config", folder)
    assert done.exit_code == 2
    assert complaint in done.stderr
    assert "pass1234" not in done.stderr


def test_the_network_guard_holds_here_too(site: Site, folder: Path) -> None:
    site.feed("/rss")
    done = typed(
        "feeds", "add", f"{site.url}/rss", "--config", folder, WIREWATCH_ALLOWED_NETWORKS=""
    )
    assert done.exit_code == 1
    assert "refused_address" in done.stderr
    assert site.asked == []


# Into the database


def test_without_a_folder_the_feed_is_kept_in_the_database_and_no_apply_removes_it(
    site: Site, folder: Path
) -> None:
    site.feed("/rss")
    assert typed("apply", "--config", folder).exit_code == 0
    done = typed("feeds", "add", f"{site.url}/rss")
    assert done.exit_code == 0, done.stderr
    assert stored()["coast-wire"].managed_by == "command"
    (folder / "feeds.yaml").write_text("feeds:\n- id: other\n  url: https://o.example/\n")
    assert typed("apply", "--config", folder, "--prune").exit_code == 0
    assert set(stored()) == {"coast-wire", "other"}
    assert typed("feeds", "add", f"{site.url}/rss").stdout.startswith(f"{site.url}/rss is feed")


def test_the_poller_takes_it_over_once_its_generation_is_broadcast(
    site: Site, folder: Path
) -> None:
    site.feed("/rss")
    typed("apply", "--config", folder)
    before = _generation()
    typed("feeds", "add", f"{site.url}/rss")
    assert _generation() == before + 1
    assert f'"generation":{before + 1}'.encode() in _last_in_outbox().replace(b" ", b"")


def test_a_feed_added_by_command_is_removed_by_command_and_no_other(
    site: Site, folder: Path
) -> None:
    site.feed("/rss")
    typed("apply", "--config", folder)
    typed("feeds", "add", f"{site.url}/rss")
    folders = typed("feeds", "remove", "old")
    assert (folders.exit_code, "comes from the folder" in folders.stderr) == (2, True)
    unknown = typed("feeds", "remove", "older")
    assert (unknown.exit_code, "added by command: coast-wire" in unknown.stderr) == (2, True)
    assert typed("feeds", "remove", "coast-wire").stdout == "removed coast-wire\n"
    assert set(stored()) == {"old"}


def test_without_a_folder_and_a_database_nothing_is_asked(site: Site) -> None:
    done = typed("feeds", "add", f"{site.url}/rss")
    assert (done.exit_code, site.asked) == (1, [])
    assert "no such state folder" in done.stderr


def _generation() -> int:
    async def look() -> int:
        async with (
            open_database(sqlite_url(Path("var/wirewatch.sqlite"))) as database,
            database.read() as tx,
        ):
            return await written.counter(tx, written.GENERATION)

    return asyncio.run(look())


def _last_in_outbox() -> bytes:
    async def look() -> bytes:
        async with (
            open_database(sqlite_url(Path("var/wirewatch.sqlite"))) as database,
            database.read() as tx,
        ):
            return (await outbox.waiting(tx, 99))[-1].value or b""

    return asyncio.run(look())


# Discovery


def test_declarations_are_read_from_ugly_pages() -> None:
    page = """
    <HTML><HEAD><!-- <link rel=alternate type=application/rss+xml href=/commented> -->
    <LINK REL="Alternate stylesheet" type="text/css" href="/a.css">
    <link href=//cdn.example/feed rel='alternate' type='Application/RSS+XML; charset=utf-8'>
    <link rel="alternate" type="application/rss+xml" href="https://cdn.example/feed#again">
    <link rel="alternate" type="application/json" href="/wp-json/">
    <link rel="alternate" type="application/rss+xml" href="javascript:alert(1)">
    <link rel="alternate" type="application/rss+xml" href="http://[">
    <link rel="alternate" type="application/rss+xml">
    <link rel="alternate" hreflang="de" href="/de/">
    <link rel="alternate" type="application/atom+xml" title="Caf&eacute;  &amp;
      more" href="atom"><link <<"""
    found = [(each.url, each.title) for each in declared_feeds(page, "https://a.example/x/y")]
    assert found == [
        ("https://cdn.example/feed", ""),
        ("https://a.example/x/atom", "Café & more"),
    ]


def test_a_page_of_any_size_is_read_in_bounded_work() -> None:
    assert declared_feeds("<link " * 2_000_000, "https://a.example/") == []


def test_usual_places_are_below_the_page_and_then_below_the_root() -> None:
    places = usual_places("https://a.example/blog?x=1")
    assert places[0] == "https://a.example/blog/feed"
    assert "https://a.example/feed" in places
    assert len(usual_places("https://a.example/")) * 2 == len(places)
