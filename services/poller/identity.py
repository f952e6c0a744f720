"""Who an entry is: whether it is new, edited or known.

Decides from the entries of one document and from what was seen in that feed. What was
seen is the caller's to keep. An entry is new only if none of its aliases was seen; there
is no date cursor, because two entries may share a second.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.poller.parse import FeedEntry

_TRACKING = re.compile(
    r"utm_\w+|mc_[ce]id|fbclid|gclid|dclid|msclkid|yclid|twclid|igshid|gbraid|wbraid|_ga|_gl|_hs\w+"
    r"|ocid|cmpid|at_(?:medium|campaign|custom\d)|traffic_source|ito|ns_\w+|xtor|wt_mc|cmp"
    r"|guccounter|guce_\w+|__twitter_impression",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# The surest first: the first alias names a new article, the first that was seen an edited one.
_ORDER = ("guid", "path", "link", "entry", "text")


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of an alias: its article and the last text published for it."""

    article_id: str
    text_hash: str


@dataclass(frozen=True, slots=True)
class New:
    """No alias was seen in this feed."""

    article_id: str


@dataclass(frozen=True, slots=True)
class Edited:
    """A known article with another text: a new revision."""

    article_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """A known article with the same text."""

    article_id: str


Verdict = New | Edited | Known


def classify(
    feed_id: str, aliases: frozenset[str], text_hash: str, seen: Mapping[str, Seen]
) -> Verdict:
    """What an entry with these aliases and this text is, given what `feed_id` showed so far.

    `aliases` must not be empty; those of `aliases_of` never are.
    """
    ordered = sorted(aliases, key=_rank)
    hits = [seen[alias] for alias in ordered if alias in seen]
    if not hits:
        return New(article_id(feed_id, ordered[0]))
    # An alias that another entry once shared may lead to that one's article; the text tells.
    same_text = next((hit for hit in hits if hit.text_hash == text_hash), None)
    return Known(same_text.article_id) if same_text else Edited(hits[0].article_id)


def article_id(feed_id: str, alias: str) -> str:
    """32 hex digits that name an article of a feed."""
    return _digest(feed_id, alias)


def text_hash(entry: FeedEntry) -> str:
    """32 hex digits that name what the feed says; white space does not count."""
    return _digest(*(" ".join(part.split()) for part in (entry.title, entry.summary, entry.body)))


def aliases_of(entries: Sequence[FeedEntry]) -> tuple[frozenset[str], ...]:
    """The aliases of every entry of one document, at least one each.

    An alias that two entries share counts for nothing (feeds whose links all point home,
    "Market wrap" twice a day). Entries that share all of them are the same text twice
    and keep the last, the one that holds the text.
    """
    candidates = [_candidates(entry) for entry in entries]
    uses = Counter(alias for own in candidates for alias in own)
    return tuple(
        frozenset(alias for alias in own if uses[alias] == 1) or frozenset((_fallback(entry),))
        for own, entry in zip(candidates, entries, strict=True)
    )


def published_at(entry: FeedEntry, now: datetime) -> datetime | None:
    """The feed's own date, never later than `now`; None if it gives none."""
    claimed = entry.published or entry.updated
    return None if claimed is None else min(now, claimed)


def canonical_link(url: str) -> str | None:
    """One spelling for all links to a page; None for what is no web address.

    Lower-case host, no default port, no fragment, no tracking parameters, sorted query.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in _DEFAULT_PORTS:
        return None
    authority = host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    return urlunsplit(
        (parts.scheme, authority, parts.path or "/", _canonical_query(parts.query), "")
    )


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode(sorted((k, v) for k, v in pairs if not _TRACKING.fullmatch(k)))


def _candidates(entry: FeedEntry) -> frozenset[str]:
    """All aliases an entry may have, before looking at its neighbours.

    "entry" holds everything but the text, so an entry whose guid or link is shared in one
    document and not in the next is recognised in both. Without guid and link it is the
    title and the day. "text" does the same where there is no guid to tell entries apart.
    """
    link = canonical_link(entry.link) if entry.link else None
    path = _path_of(entry.guid) if entry.guid else None
    found = {
        "guid": entry.guid,
        "path": path,
        "link": link,
        "entry": _entry_digest(entry, link),
        "text": None if entry.guid else _digest(_entry_digest(entry, link), text_hash(entry)),
    }
    return frozenset(f"{kind}:{value}" for kind, value in found.items() if value)


def _fallback(entry: FeedEntry) -> str:
    link = canonical_link(entry.link) if entry.link else None
    return f"text:{_digest(_entry_digest(entry, link), text_hash(entry))}"


def _entry_digest(entry: FeedEntry, link: str | None) -> str:
    when = entry.published or entry.updated
    day = when.date().isoformat() if when else ""
    return _digest(entry.guid or "", link or "", " ".join(entry.title.casefold().split()), day)


def _path_of(guid: str) -> str | None:
    """A URL without scheme and host: sites that move to https or another host keep it."""
    try:
        parts = urlsplit(guid)
    except ValueError:
        return None
    if not parts.scheme or not parts.netloc:
        return None
    tail = urlunsplit(("", "", parts.path, parts.query, parts.fragment))
    return tail if tail.strip("/") else None


def _rank(alias: str) -> tuple[int, str]:
    return _ORDER.index(alias.partition(":")[0]), alias


def _digest(*parts: str) -> str:
    joined = "\x00".join(parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]
