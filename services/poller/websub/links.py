"""Which hubs push a feed, and under what name: what its reply shows. PURE.

The header comes first and then the document, as WebSub says (section 4). A feed is input
from strangers: addresses that are not fetched are passed over.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin

from yarl import URL

from services.poller.addresses import web_address

_MOST_HUBS = 5
_LONGEST = 2_000  # of an address
_RELATIONS = frozenset({"hub", "self"})
# RFC 8288, section 3: <target> and then ;name=value or ;name="quoted \" value" or ;name
_LINK = re.compile(r"<([^<>]*)>((?:\s*;[^;,\"]*(?:\"(?:[^\"\\]|\\.)*\")?[^;,\"]*)*)")
_PARAMETER = re.compile(r";\s*([\w!#$&+.^`|~*-]+)\s*=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]*))")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Shown:
    """The hubs of a feed, the one to ask first in front, and what they call the feed."""

    topic: str
    hubs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DocumentLinks:
    """What the feed document itself says, as it stands there."""

    hubs: tuple[str, ...] = ()
    self_link: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as far as links go: its Link headers, and the address that it came from."""

    headers: Sequence[str]
    url: str


def shown(reply: Reply, document: DocumentLinks, feed_url: str) -> Shown | None:
    """What a reply shows of hubs; None where there is none that could be asked."""
    links = list(_links(reply))
    hubs = [target for rel, target in links if rel == "hub"]
    topics = [target for rel, target in links if rel == "self"]
    if not hubs:
        hubs = _targets(document.hubs, reply.url)
        topics += _targets([document.self_link or ""], reply.url)
    best_first = sorted(dict.fromkeys(hubs), key=lambda hub: not hub.lower().startswith("https:"))
    if not best_first:
        return None
    return Shown((topics or [feed_url])[0], tuple(best_first[:_MOST_HUBS]))


def _links(reply: Reply) -> Iterator[tuple[str, str]]:
    """Each relation of the Link headers that matters, lower case, with its absolute target."""
    for header in reply.headers:
        for target, parameters in _LINK.findall(header):
            given = _parameters(parameters)
            relations = _RELATIONS.intersection(given.get("rel", "").lower().split())
            if not relations or "anchor" in given:  # a link of some other document
                continue
            for absolute in _targets([target], reply.url):
                yield from ((rel, absolute) for rel in relations)


def _parameters(text: str) -> dict[str, str]:
    """The parameters of a link by lower-case name; of one given twice the first counts."""
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(text):
        found.setdefault(name.lower(), _ESCAPED.sub(r"\1", quoted) or bare)
    return found


def _targets(targets: Sequence[str], base: str) -> list[str]:
    """Those of `targets` that are web addresses, made absolute and otherwise unchanged.

    Hubs compare topics letter by letter, so nothing is normalised.
    """
    absolute = [_joined(target, base) for target in targets]
    return [
        url
        for url in absolute
        if url and len(url) <= _LONGEST and isinstance(web_address(url), URL)
    ]


def _joined(target: str, base: str) -> str:
    try:
        return urljoin(base, target.strip()) if target.strip() else ""
    except ValueError:
        return ""
