"""Which articles a person means by an address. PURE.

Decides leniently: scheme, `www.`, a closing slash, fragment and tracking parameters do not
count. Where that finds nothing, a part of host and path will do.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from services.poller.identity import canonical_link


@dataclass(frozen=True, slots=True)
class Address:
    """An address in the form in which equal addresses are equal: host, path, query."""

    host: str
    path: str
    query: str = ""

    def __str__(self) -> str:
        return f"{self.host}{self.path}{f'?{self.query}' if self.query else ''}"


def address_of(url: str) -> Address | None:
    """The address that `url` names, with or without its scheme; None for what is none."""
    text = url.strip()
    if "://" not in text:
        text = f"https://{text}"
    canonical = canonical_link(text)
    if canonical is None:
        return None
    parts = urlsplit(canonical)
    host = parts.netloc.lower().removeprefix("www.")
    return Address(host, parts.path.rstrip("/"), parts.query)


def is_part_of(asked: str, address: Address) -> bool:
    """Whether what was asked for is a part of an address."""
    part = _part(asked)
    return bool(part) and part in str(address).casefold()


def needles_of(asked: str) -> frozenset[bytes]:
    """Of these, a record in lower case holds one if its article may be meant."""
    address = address_of(asked)
    parts = {_part(asked), (address.path or address.host).casefold() if address else ""}
    # The host of an article may stand with or without `www.`, or in other letters.
    return frozenset(part.encode() for part in parts if part)


def _part(asked: str) -> str:
    text = asked.strip().casefold()
    text = text.partition("://")[2] or text
    return text.partition("#")[0].removeprefix("www.").rstrip("/")


def aliases_of(url: str, feed_url: str) -> frozenset[str]:
    """The names under which the feed at `feed_url` may have remembered an entry with this link.

    A path without its host counts in feeds of the same publisher only: `/world/1` is
    somebody else's article elsewhere.
    """
    address = address_of(url)
    if address is None:
        return frozenset()
    tail = f"?{address.query}" if address.query else ""
    hosts = (address.host, f"www.{address.host}")
    paths = {f"{address.path}{slash}{tail}" for slash in ("", "/")}
    links = {
        f"{scheme}://{host}{path}"
        for scheme in ("http", "https")
        for host in hosts
        for path in paths
    } | {url.strip()}
    canonical = {link for one in links if (link := canonical_link(one))}
    named = {f"guid:{link}" for link in links} | {f"link:{link}" for link in canonical}
    feed = address_of(feed_url)
    if feed is not None and are_related(feed.host, address.host):
        named |= {f"path:{path}" for path in paths if path.strip("/")}
    return frozenset(named)


def are_related(host: str, other: str) -> bool:
    """Whether two hosts may belong to one publisher: one is the other's, or a sibling."""
    one, two = host.removeprefix("www."), other.removeprefix("www.")
    return _domain(one) == _domain(two)


def _domain(host: str) -> str:
    labels = host.partition(":")[0].split(".")
    if all(label.isdigit() for label in labels):
        return host  # an address in numbers has no parent
    # `bbc.co.uk` keeps three labels: a short one before a country is no publisher's.
    keep = 3 if len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3 else 2
    return ".".join(labels[-keep:])
