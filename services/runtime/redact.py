"""What nobody may read in a log, an error or a message: secrets, and where addresses hold some.

Decides which parts of an address look like secrets, and blots them out together with every
secret that this process has read. Who shows something to people or stores what a server said
passes it through `shown`; the log does so with each of its lines.
"""

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

MASK = "[secret]"
SHORTEST_SECRET = 6
"""Shorter texts stand everywhere by chance: blotting them out would spoil what is said."""

_NAME = re.compile(
    r"(?:^|[-_.]|api|access|auth|client|feed|private|rss|secret|session|user)"
    r"(?:key|token|secret|pass|passw(?:or)?d|passphrase|pwd|auth|authorization|sig|sign|signature"
    r"|hmac|jwt|bearer|credentials?|session|sessionid|sid|hash)$",
    re.IGNORECASE,
)
_PARAMETER = re.compile(r"""([?&;]([\w.%\[\]-]{1,80})=)([^&;#\s"'<>]+)""")
_USER = re.compile(r"(?<=://)[^/?#@\s]+(?=@)")
_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
# Most addresses have neither parameters nor anything as long as a token: told in a microsecond.
_MAY_HOLD = re.compile(r"\?|[^/.]{20}")
_WORD = re.compile(r"(?:^|[-_])[a-z]{3,}(?:[-_]|$)")

_known: dict[str, None] = {}


def never_show(secret: str) -> None:
    """From now on no text that passes through `shown` holds this secret.

    Kept for the whole process, as the log is: the secret of a feed may turn up in any
    library's error.
    """
    if len(secret) >= SHORTEST_SECRET:
        _known.update(dict.fromkeys(_spellings(secret)))


def shown(text: str) -> str:
    """`text` with known secrets and what looks like one in an address blotted out."""
    text = without(text, _known)
    if "=" in text:
        text = _PARAMETER.sub(_parameter_shown, text)
    return _USER.sub(MASK, text) if "@" in text else text


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` with each of these secrets blotted out, the longest first."""
    for secret in sorted((s for s in secrets if s in text), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def shown_url(url: str) -> str:
    """An address for people's eyes: what looks like a secret is blotted out, in its path, too."""
    return without(shown(url), _tokens_in_path(url))


def names_secret(name: str) -> bool:
    """Whether a parameter or header of this name usually holds a secret."""
    return _NAME.search(name) is not None


def secrets_in_url(url: str) -> tuple[str, ...]:
    """The secrets that stand in an address: values so named that look random, random paths.

    A value that may be a word is left out: it may also be a word of the news.
    """
    if _MAY_HOLD.search(url) is None:
        return ()
    try:
        values = [v for k, v in parse_qsl(urlsplit(url).query) if names_secret(k)]
        return (*(v for v in values if is_random(v)), *_tokens_in_path(url))
    except ValueError:
        return ()


def may_hold_secret(url: str) -> bool:
    """Whether an address is nobody else's business: here a value so named may be a word, too."""
    if _MAY_HOLD.search(url) is None:
        return False
    try:
        named = any(names_secret(name) for name, _ in parse_qsl(urlsplit(url).query))
    except ValueError:
        return False
    return named or bool(secrets_in_url(url))


def spellings_of(secrets: Iterable[str]) -> frozenset[str]:
    """Each of these secrets in all spellings that a text may hold it in; not the short ones."""
    long = (secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    return frozenset(spelling for secret in long for spelling in _spellings(secret))


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]


def _parameter_shown(found: re.Match[str]) -> str:
    return f"{found[1]}{MASK}" if names_secret(found[2]) else found[0]


def _tokens_in_path(url: str) -> tuple[str, ...]:
    try:
        segments = urlsplit(url).path.split("/")
    except ValueError:
        return ()
    return tuple(s for segment in segments if _is_token(s := segment.rpartition(".")[0] or segment))


def _is_token(segment: str) -> bool:
    """Whether a path's segment is random rather than words, such as an article's slug."""
    if _UUID.fullmatch(segment):
        return True
    random = len(segment) >= 20 and re.fullmatch(r"[\w~%-]+", segment, re.ASCII) is not None
    return random and _WORD.search(segment) is None and is_random(segment)


def is_random(value: str) -> bool:
    """Whether a value looks like a secret rather than a word or a number."""
    digits = sum(char.isdigit() for char in value)
    letters = sum(char.isalpha() for char in value)
    return len(value) >= 8 and digits >= 2 and letters >= 2
