"""Rules and articles at random in which the same few words come again and again.

Made from a seed, not by strategies: those make short lists of simple things, and hardly any
rule would match.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar

from hypothesis import strategies as st

from schemas.article import Article
from schemas.rule import WatchRule
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import Lists, parse
from tests.engine.newsroom import article, rule

_Made = TypeVar("_Made")

_WORDS = ["port", "Port", "ports", "dock", "docks", "strike", "struck", "ferry", "ferry", "port"]
_OTHERS = [
    *(
        "dockers",
        "us",
        "Assad's",
        "US-backed",
        "2,000",
        "3.5",
        "Zürich",
        "港口",
        "부산항",
        "وميناء",
    ),
    *(
        "(port",
        "ferry)",
        "㍇",
        "ﷺ",
        "والميناء",
        'צה"ל',
        "s",
        "x" * 70,
        "ZÜRICH",
        "U.S.",
        "U.S.port",
    ),
]
_MARKS = [*[" "] * 12, ". ", ", ", "\n\n", "\n", "’s ", " — ", '" ', "\u200b ", ".", "\n\n"]
_PLAIN = [
    *("port", "ports", "dock", "strike", "ferry", "us", "zurich", "assad", "2000", "absent"),
    *('"port strike"', '"dock dock"', '"us backed"', '"port ports dock"', '"strike ferry"'),
    *('"port port"', '"port port ferry"', '"ferry port strike"', '"absent port"', "3.5", "s"),
]
_SPECIAL = [
    *("dock*", "port?", "str?*", "port*", "zur*h", "200*", '"dock* strike"', '"port* ferry"'),
    *("exact:Port", 'exact:"Port strike"', 'exact:"port ferry"', "exact:ZÜRICH"),
    *('"dock 부산"', '"port 港"', "ン", '"マン"', "ميناء*", "港", "港口", "부산", "산", "ميناء"),
]
_METADATA = [
    *("source:example.org", "source:coast-wire", "lang:en", "url:/port/", "author:low"),
    *('category:"world news"', "author:(low OR high)", "source:absent.org", "category:news"),
]
_LINKS = ["NEAR/0", "NEAR/2", "NEAR/5", "ONEAR/0", "ONEAR/1", "ONEAR/4", "NEAR/S", "NEAR/P", "NEAR"]
_ITEMS = [
    *("port", "ferry", "dock*", '"port strike"', "zürich", "us OR strike", "부산", "港", "strike"),
    *("exact:Port", "port AND ferry", "title:port", "NOT dock", "port NEAR/1 ferry", "lang:en"),
    *("port", "ferry", "strike", '"dock dock"', "absent", "us", '"ferry port"', "3.5", "ports"),
]
LISTS: Lists = {
    "places": ["port", "zürich", '"dock strike"', "dock*"],
    "single": ["port", "dock*", "ميناء"],
    "mixed": ["port AND ferry", "strike"],
    "nested": ["@places", "ferry OR us"],
    "unless": ["NOT port", "ferry"],
    "exactly": ["exact:Port", "us"],
}


def _term(random: Random) -> str:
    kind = random.random()
    if kind < 0.15:
        return random.choice(["@places", "@nested", "@single"])
    return random.choice(_PLAIN if kind < 0.7 else _SPECIAL)


def _countable(random: Random) -> str:
    terms = [_term(random) for _ in range(random.choice([1, 1, 1, 2, 3]))]
    return f"({' OR '.join(terms)})" if len(terms) > 1 else terms[0]


def _leaf(random: Random) -> str:
    kind = random.random()
    if kind < 0.4:
        return _term(random)
    if kind < 0.5:
        return random.choice([*_METADATA, "@mixed", "@unless", "@exactly"])
    if kind < 0.75:
        link = random.choice(_LINKS)
        return f"({_countable(random)} {link} {_countable(random)})"
    if kind < 0.8:
        return f"({_countable(random)} NEAR/3 {_countable(random)} ONEAR/2 {_term(random)})"
    if kind < 0.87:
        link = random.choice(["NOT NEAR/1", "NOT ONEAR/0", "NOT NEAR/S"])
        return f"({_countable(random)} {link} {_countable(random)})"
    field = random.choice(["", "", "title:", "body:"])
    return f"ATLEAST/{random.choice([1, 1, 2, 3])} {field}({_countable(random)})"


def query_of(random: Random, depth: int = 3) -> str:
    """A rule; it may be one that is refused."""
    kind = random.random() if depth else 0.0
    if kind < 0.45:
        return _leaf(random)
    if kind < 0.55:
        return f"NOT ({query_of(random, depth - 1)})"
    if kind < 0.67:
        field = random.choice(["title", "body", "lead"])
        return f"{field}:({query_of(random, depth - 1)})"
    parts = [query_of(random, depth - 1) for _ in range(random.choice([2, 2, 3]))]
    return f"({random.choice([' ', ' OR ']).join(parts)})"


def _text(random: Random, most: int) -> str:
    words = [_WORDS, _WORDS, _OTHERS]
    return "".join(
        random.choice(random.choice(words)) + random.choice(_MARKS)
        for _ in range(random.randint(0, most))
    )


def article_of(random: Random) -> Article:
    """An article of some of the words that rules ask for."""
    return article(
        random.choice([_text(random, 30), _text(random, 30), " \u200b\n", ""]),
        title=_text(random, 8),
        summary=_text(random, 12),
        lang=random.choice([None, "en", "en", "ar", "de-AT"]),
        url=random.choice([None, "https://news.example.org/port/1"]),
        author=random.choice([(), ("Ana Low",)]),
        category=random.choice([(), ("Ports", "World news")]),
    )


def options_of(random: Random) -> Options:
    """None for most rules."""
    if random.random() < 0.6:
        return Options()
    languages = random.choice([frozenset[str](), frozenset({"en"}), frozenset({"ar", "de"})])
    return Options(languages, random.random() < 0.5, random.random() < 0.5)


def lists_of(random: Random) -> Lists:
    """The same lists with other items."""
    lists = {name: random.choices(_ITEMS, k=random.randint(1, 4)) for name in LISTS}
    return lists | {"nested": ["@places", *lists["nested"]]}


def _seeded(make: Callable[[Random], _Made]) -> st.SearchStrategy[_Made]:
    return st.integers(0, 2**48).map(lambda seed: make(Random(seed)))


def _many(random: Random) -> list[tuple[str, Options]]:
    return [(query_of(random), options_of(random)) for _ in range(random.randint(1, 16))]


ARTICLES = _seeded(article_of)
OTHER_LISTS = _seeded(lists_of)
MANY = _seeded(_many)


def is_usable(one: WatchRule, lists: Lists) -> bool:
    """Whether it can be read: a proximity cannot take every list."""
    try:
        parse(one.query, lists)
    except RuleError:
        return False
    return True


def rules_of(
    queries: Iterable[tuple[str, Options]], lists: Lists, version: int = 1
) -> list[WatchRule]:
    """Those that can be read, numbered."""
    made = [
        rule(query, f"r{number}", version, options)
        for number, (query, options) in enumerate(queries)
    ]
    return [one for one in made if is_usable(one, lists)]
