"""Links from outside: which are shown as links, and as what host. PURE.

Only http and https links are linked: anything else in a feed is a mistake or an attack.
A host in another script is shown and linked in its ASCII form (Punycode), because a
look-alike letter must not pass for a known site.
"""

import re
from urllib.parse import quote, urlsplit, urlunsplit

from yarl import URL

# Longer ones do not fit beside a headline into a Slack section (3,000 characters).
LONGEST_LINK = 2000
_LEFT_ALONE = ":/?#[]@!$&()*+,;=-._~%"
_NOT_IN_A_URL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def safe_link(url: str | None) -> str | None:
    """`url` in ASCII, without blanks, quotes, `|`, `<` or `>`; None if it must not be linked."""
    if url is None or len(url) > LONGEST_LINK or _NOT_IN_A_URL.search(url.strip()):
        return None
    host = host_of(url)
    if host is None:
        return None
    parts = urlsplit(url.strip())
    encoded = quote(urlunsplit(parts._replace(netloc=_netloc(host, parts.port))), _LEFT_ALONE)
    return encoded if len(encoded) <= LONGEST_LINK else None


def host_of(url: str | None) -> str | None:
    """The host that an http(s) `url` leads to, in ASCII; None for every other."""
    if url is None:
        return None
    try:
        parts = urlsplit(url.strip())
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            return None
        return URL.build(scheme="http", host=parts.hostname).raw_host
    except ValueError:  # urlsplit and yarl: a malformed host or port
        return None


def _netloc(host: str, port: int | None) -> str:
    # A user name in front of the host only serves to make a link look like another.
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"
