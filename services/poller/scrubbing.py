"""What a private feed repeats of its secrets is not published. PURE.

Some feeds write the reader's key into every link. A parameter that holds a secret is dropped,
so that the link still leads somewhere; a link with a secret in its path is no link. Anywhere
else a secret is blotted out.
"""

from dataclasses import replace

from services.poller.articles import PageResult, PageText
from services.poller.credentials import Access
from services.poller.parse import FeedEntry, ParsedFeed


def without_secrets(parsed: ParsedFeed, access: Access) -> ParsedFeed:
    """A feed as it may be remembered and published; the same object where it holds no secret."""
    if not access.secrets:
        return parsed
    entries = tuple(_entry(entry, access) for entry in parsed.entries)
    hubs = tuple(filter(None, (access.address(hub) for hub in parsed.hubs)))
    self_link = access.address(parsed.self_link) if parsed.self_link else None
    title = access.told(parsed.title)
    clean = replace(parsed, title=title, entries=entries, hubs=hubs, self_link=self_link)
    return parsed if clean == parsed else clean


def page_without_secrets(page: PageResult, access: Access) -> PageResult:
    """What was read of a page as it may be published."""
    if not isinstance(page, PageText) or not access.secrets:
        return page
    return replace(
        page,
        body=access.told(page.body),
        title=access.told(page.title) if page.title else None,
        canonical_url=access.address(page.canonical_url) if page.canonical_url else None,
    )


def _entry(entry: FeedEntry, access: Access) -> FeedEntry:
    return replace(
        entry,
        guid=access.told(entry.guid) if entry.guid else None,
        link=access.address(entry.link) if entry.link else None,
        title=access.told(entry.title),
        summary=access.told(entry.summary),
        body=access.told(entry.body),
        author=tuple(map(access.told, entry.author)),
        category=tuple(map(access.told, entry.category)),
    )
