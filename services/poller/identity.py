"""Who an entry is: by which names it may be known, and what was seen under them. PURE.

Decides from the entries of one document and from what was seen in that feed. What was
seen is the caller's to keep. An entry is new only if none of its aliases was seen; there
is no date cursor, because two entries may share a second.

A name that two entries of a document share tells neither of them from the other, then and
later: it counts for nothing, and is remembered as such.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from services.poller.parse import FeedEntry
from services.store.feeds import SeenEntry

_TRACKING = re.compile(
    r"utm_\w+|(?:mtm|pk|piwik|matomo)_\w+|mc_[ce]id|mkt_tok|fbclid|gclid|gclsrc|gad_\w+|dclid"
    r"|msclkid|yclid|ymclid|twclid|ttclid|li_fat_id|igshid|igsh|srsltid|gbraid|wbraid|_ga|_gl"
    r"|_hs\w+|__hs\w+|hsctatracking|ocid|ncid|icid|cmpid|cmp|sc_campaign|smid|ref_src|ito|xtor"
    r"|at_(?:medium|campaign|custom\d)|traffic_source|ns_\w+|wt[._]mc\w*|guccounter|guce_\w+"
    r"|vero_(?:id|conv)|oly_(?:anon|enc)_id|s_kwcid|_openstat|__twitter_impression",
    re.IGNORECASE,
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
# The surest first. The first three name an entry by themselves; the fourth where they are
# missing or shared, the last where all others are.
_STRONG = ("guid", "path", "link")
_ORDER = (*_STRONG, "entry", "text")


SHARED = ""
"""In place of an article: entries of one document shared this alias."""


@dataclass(frozen=True, slots=True)
class Borne:
    """An entry with all names that it bears, the surest first, and the hash of its text."""

    entry: FeedEntry
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Named:
    """The names of an entry, the surest first: all that it bears, and those that count.

    `shared` are those that count for nothing because others bear them, too.
    """

    borne: tuple[str, ...]
    counting: tuple[str, ...]
    shared: tuple[str, ...]
    text: str


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
    feed_id: str, document: Sequence[Named], seen: Mapping[str, SeenEntry]
) -> list[Verdict]:
    """What each entry of a document is, given what `feed_id` showed so far.

    No two of them are the same article: where the names of two lead to one, it is the one
    with the same text, or else with the surer name, and the other is new.
    """
    verdicts: dict[int, Verdict] = {}
    taken: set[str] = set()
    claims = [_claim(each, seen) for each in document]
    for place in sorted(range(len(document)), key=lambda i: (claims[i].weight, i)):
        verdicts[place] = _verdict(feed_id, document[place], claims[place], seen, taken)
        taken.add(verdicts[place].article_id)
    return [verdicts[place] for place in range(len(document))]


def _verdict(
    feed_id: str,
    entry: Named,
    claim: "_Claim",
    seen: Mapping[str, SeenEntry],
    taken: Collection[str],
) -> Verdict:
    if claim.article_id is None or claim.article_id in taken:
        return New(_new_id(feed_id, entry, seen, taken))
    return (Known if claim.same_text else Edited)(claim.article_id)


@dataclass(frozen=True, slots=True)
class _Claim:
    """The article that an entry's names lead to, and how surely; the lightest goes first."""

    article_id: str | None = None
    same_text: bool = False
    rank: int = len(_ORDER)

    @property
    def weight(self) -> tuple[bool, int]:
        return not self.same_text, self.rank


def _claim(entry: Named, seen: Mapping[str, SeenEntry]) -> _Claim:
    hits = [(alias, seen[alias]) for alias in entry.counting if alias in seen]
    # An alias that is shared from now on still leads to the article it was of, with its text.
    once = [(a, seen[a]) for a in entry.borne if a in seen and seen[a].article_id != SHARED]
    for alias, hit in (*hits, *once):
        if hit.text_hash == entry.text:
            return _Claim(hit.article_id, True, _rank(alias))
    return _Claim(hits[0][1].article_id, False, _rank(hits[0][0])) if hits else _Claim()


def _new_id(
    feed_id: str, entry: Named, seen: Mapping[str, SeenEntry], taken: Collection[str]
) -> str:
    """Named by its surest name that led to nothing, so that a repeat gives the same."""
    unseen = [alias for alias in entry.counting if alias not in seen]
    found = article_id(feed_id, (unseen or entry.borne[-1:])[0])
    # The name of an article that is known by other names since: once more makes another.
    return article_id(feed_id, found) if found in taken else found


def article_id(feed_id: str, alias: str) -> str:
    """32 hex digits that name an article of a feed."""
    return _digest(feed_id, alias)


def text_hash(entry: FeedEntry) -> str:
    """32 hex digits that name what the feed says; white space does not count."""
    return _digest(*(" ".join(part.split()) for part in (entry.title, entry.summary, entry.body)))


def borne_by(entries: Sequence[FeedEntry]) -> list[Borne]:
    """The entries of one document with their names, repeats that say the very same left out."""
    one_host = len({host for entry in entries if (host := _host_of(entry.guid))}) < 2
    borne = (_borne(entry, one_host=one_host) for entry in entries)
    return list({each.names[-1]: each for each in borne}.values())


def named(document: Sequence[Borne], seen: Mapping[str, SeenEntry]) -> list[Named]:
    """The names of the entries of one document, each with one at least that counts.

    Title and day count only where guid and link are missing or shared; the whole text where
    title and day are, too ("Market wrap" twice a day, in a feed whose links all point home).
    """
    uses = Counter(alias for each in document for alias in each.names)
    useless = {alias for alias, count in uses.items() if count > 1}
    useless |= {a for a in uses if a in seen and seen[a].article_id == SHARED}
    return [_named(each, useless) for each in document]


def _named(entry: Borne, useless: Collection[str]) -> Named:
    shared = tuple(alias for alias in entry.names[:-1] if alias in useless)
    return Named(entry.names, _counting(entry.names, useless), shared, entry.text)


def _counting(names: Sequence[str], useless: Collection[str]) -> tuple[str, ...]:
    left = [alias for alias in names[:-1] if alias not in useless]
    strong = tuple(alias for alias in left if _kind(alias) in _STRONG)
    return strong or tuple(left) or tuple(names[-1:])


def aliases_of(entries: Sequence[FeedEntry]) -> tuple[frozenset[str], ...]:
    """The names that count of each distinct entry of a feed's first document."""
    return tuple(frozenset(each.counting) for each in named(borne_by(entries), {}))


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
    host = f"[{host}]" if ":" in host else host
    authority = host if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{host}:{port}"
    return urlunsplit(
        (parts.scheme, authority, parts.path or "/", _canonical_query(parts.query), "")
    )


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode(sorted((k, v) for k, v in pairs if not _TRACKING.fullmatch(k)))


def _borne(entry: FeedEntry, *, one_host: bool) -> Borne:
    """The whole text is always among the names, and tells an entry from all others."""
    link = canonical_link(entry.link) if entry.link else None
    text = text_hash(entry)
    when = entry.published or entry.updated
    day, title = when.date().isoformat() if when else "", " ".join(entry.title.casefold().split())
    origin = (entry.guid or "", link or "")
    found = {
        "guid": entry.guid,
        # In a feed that gathers many sites, two of them may each have a /?p=12.
        "path": _path_of(entry.guid) if entry.guid and one_host else None,
        "link": link,
        # A title alone would not do: every day has its "Market wrap".
        "entry": _digest(*origin, title, day) if title and day else None,
        "text": _digest(*origin, day, text),
    }
    return Borne(entry, tuple(f"{kind}:{value}" for kind, value in found.items() if value), text)


def _host_of(guid: str | None) -> str | None:
    try:
        host = urlsplit(guid or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


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


def _kind(alias: str) -> str:
    return alias.partition(":")[0]


def _rank(alias: str) -> int:
    return _ORDER.index(_kind(alias))


def _digest(*parts: str) -> str:
    joined = "\x00".join(parts)
    return hashlib.sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()[:32]
