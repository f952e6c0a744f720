"""Which web addresses are fetched, and in what spelling.

Decides from the text of an address alone. Where its name leads on the network is the
judgement of the session's socket factory.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from yarl import URL

# What an address may not hold if it is to be sent exactly as it was written.
_NEEDS_QUOTING = frozenset(' "<>\\^`{|}')


@dataclass(frozen=True, slots=True)
class NotFetchable:
    """No address that is fetched, and why; the reason does not repeat the address."""

    detail: str


def web_address(text: str) -> URL | NotFetchable:
    """The http or https address in `text`; user names in addresses are not accepted."""
    try:
        url = _url(text.strip())
    except ValueError:
        return NotFetchable("not a web address")
    if url.scheme not in {"http", "https"} or not url.host:
        return NotFetchable("not an http or https address")
    if url.user is not None or url.password is not None:
        return NotFetchable("an address with a user name is not fetched")
    if "%" in url.host and ":" not in url.host:
        return NotFetchable("a host with an escape in it, which a proxy might read otherwise")
    return _in_lower_case(url)


def redirect_target(here: URL, location: str) -> URL | NotFetchable:
    """Where a redirect from `here` leads; never from https to http."""
    if not location.strip() or not is_encodable(location):
        return NotFetchable("a redirect without a usable Location")
    try:
        joined = str(here.join(_url(location.strip())))
    except ValueError:
        return NotFetchable("a redirect to no web address")
    target = web_address(joined)
    if isinstance(target, URL) and (here.scheme, target.scheme) == ("https", "http"):
        return NotFetchable("a redirect from https to http")
    return target


def host_of(text: str) -> str:
    """The host in an address, in lower case and without a port; empty if there is none."""
    try:
        return urlsplit(text.strip()).hostname or ""
    except ValueError:
        return ""


def is_encodable(text: str) -> bool:
    """Whether a header's value is text: bytes that are not arrive as lone surrogates."""
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)


def _in_lower_case(url: URL) -> URL:
    # Credentials, pauses and connections go by the host.
    host = url.raw_host or ""
    return url if host == host.lower() or ":" in host else url.with_host(host.lower())


def _url(text: str) -> URL:
    """`text` as it stands if it can be sent so: signed links break when they are re-quoted."""
    as_it_is = text.isascii() and text.isprintable() and _NEEDS_QUOTING.isdisjoint(text)
    return URL(text, encoded=as_it_is)
