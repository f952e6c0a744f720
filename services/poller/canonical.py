"""The address a page wants to be known by. PURE.

Decides which claims are believed: sites put their home page, a developer's machine or a
template there. A page of another site may be the original of a copy, so it is believed.
"""

from ipaddress import ip_address
from urllib.parse import urldefrag, urljoin, urlsplit

from services.poller.addresses import NotFetchable, web_address

_MAX_CHARACTERS = 2_000


def sane_canonical(href: str, url: str) -> str | None:
    """The absolute address that `href` on the page at `url` claims; None if it cannot be one."""
    try:
        absolute = urldefrag(urljoin(url, href.strip())).url
        here, there = urlsplit(url), urlsplit(absolute)
    except ValueError:
        return None
    if len(absolute) > _MAX_CHARACTERS or isinstance(web_address(absolute), NotFetchable):
        return None
    is_home = not there.path.strip("/") and not there.query
    if is_home and (here.path.strip("/") or here.query):
        return None
    is_same = (here.hostname or "").casefold() == (there.hostname or "").casefold()
    return absolute if is_same or _is_public_name(there.hostname or "") else None


def _is_public_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return "." in host.strip(".")
    return False
