"""Metadata of an article against a rule: source, author, category, url, lang.

Decides when a value is acceptable in a rule and when an article has it. `author` and
`category` compare words as the analyser cuts them, the others characters without case.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import assert_never
from unicodedata import normalize
from urllib.parse import urlsplit

from schemas.article import Article
from services.engine.analysis import Text, analyse
from services.engine.characters import IGNORABLE
from services.engine.errors import RuleError, shortened
from services.engine.languages import language_of
from services.engine.places import Ways, places_of
from services.engine.query import MetaField, Term
from services.engine.tokens import Token

MIN_URL = 4
_CACHED_LENGTH = 512
_PORT = re.compile(r":[0-9]+\Z")


def check_value(name: MetaField, token: Token, query: str) -> str:
    """The value at `token`; raises RuleError if the field can never have it."""
    problem = _problem(name, token.text)
    if problem:
        raise RuleError(problem, token.start, query)
    return token.text


def _problem(name: MetaField, value: str) -> str | None:
    if not value.strip():
        return f"{name}: needs a value"
    if name is MetaField.URL:
        return _problem_of_url(value)
    if "*" in value or "?" in value:
        return f"{name}: takes no wildcards; leave out the * or ?"
    if name is MetaField.LANG and language_of(_plain(value)) is None:
        return f'"{shortened(value)}" is no language code of ISO 639-1; write one like en, ar or zh'
    if not analyse(value).words:
        return "there is no letter or digit to search for here"
    return None


def _problem_of_url(value: str) -> str | None:
    if len(_plain(value)) < MIN_URL:
        return f"url: needs at least {MIN_URL} characters"
    return None


def has_value(article: Article, name: MetaField, value: str) -> bool:
    """Whether the article has this value in this field."""
    match name:
        case MetaField.SOURCE:
            return _has_source(article, _plain(value))
        case MetaField.URL:
            return _plain(value) in _plain(article.url or "")
        case MetaField.LANG:
            return article_language(article) == language_of(_plain(value))
        case MetaField.AUTHOR:
            return any(_has_words(one, value) for one in article.author)
        case MetaField.CATEGORY:
            return any(_has_words(one, value) for one in article.category)
        case _:
            assert_never(name)


def article_language(article: Article) -> str | None:
    """The article's language without its region, if it has one."""
    return language_of(article.lang) if article.lang else None


def _plain(value: str) -> str:
    """A value as it is compared: without case, and without what nobody sees."""
    return _cached_plain(value) if len(value) <= _CACHED_LENGTH else _plain_of(value)


def _plain_of(value: str) -> str:
    return IGNORABLE.sub("", normalize("NFC", value)).strip().casefold()


def _has_source(article: Article, value: str) -> bool:
    if value in (_plain(article.feed_id), _plain(article.source)):
        return True
    host, domain = _host(article.url or ""), _punycode(_PORT.sub("", value))
    return domain != "" and (host == domain or host.endswith(f".{domain}"))


def spellings_of_source(value: str) -> set[str]:
    """What a value of `source:` may stand for: one of them is a name of what it means."""
    plain = _plain(value)
    return {plain, _punycode(_PORT.sub("", plain))}


def names_of_source(article: Article) -> Iterator[str]:
    """Everything that `source:` may name the article by."""
    yield _plain(article.feed_id)
    yield _plain(article.source)
    host = _host(article.url or "")
    while host:
        yield host
        host = host.partition(".")[2]


def words_of(value: str) -> list[str]:
    """The words of a value of `author` or `category`."""
    return [word.folded for word in _analysed(value).words]


@lru_cache(maxsize=1024)
def _host(url: str) -> str:
    try:
        return _punycode(urlsplit(url).hostname or "")
    except ValueError:  # a bracket in the wrong place: no host that anybody could name
        return ""


@lru_cache(maxsize=1024)
def _punycode(host: str) -> str:
    """The host as it travels, so that `пример.рф` and `xn--…` are the same."""
    host = host.rstrip(".")
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _has_words(text: str, value: str) -> bool:
    phrase = Term(tuple(word.folded for word in _analysed(value).words))
    return bool(places_of(phrase, _analysed(text), Ways()))


def _analysed(text: str) -> Text:
    return _cached_text(text) if len(text) <= _CACHED_LENGTH else _text_of(text)


def _text_of(text: str) -> Text:
    return analyse(" ".join(text.split()))


# Names and addresses come again and again; what is longer is neither.
_cached_plain = lru_cache(maxsize=4096)(_plain_of)
_cached_text = lru_cache(maxsize=4096)(_text_of)
