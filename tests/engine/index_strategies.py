"""Rules and articles at random in which the same words come again and again."""

from collections.abc import Iterable

from hypothesis import strategies as st

from schemas.rule import WatchRule
from services.engine.errors import RuleError
from services.engine.options import Options
from services.engine.parse import Lists, parse
from tests.engine.newsroom import article, rule

_WORDS = ["port", "Port", "ports", "dock", "docks", "dockers", "strike", "struck", "ferry", "U.S."]
_OTHERS = ["us", "Assad's", "US-backed", "2,000", "3.5", "Zürich", "港口", "부산항", "وميناء"]
_RARER = [
    "(port",
    "port",
    "ferry)",
    "strike",
    "㍇",
    "ﷺ",
    "والميناء",
    'צה"ל',
    "s",
    "x" * 70,
    "ZÜRICH",
]
_MARKS = [" ", " ", " ", " ", ". ", ", ", "\n\n", "\n", "’s ", " — ", '" ', "\u200b ", "."]
TEXTS = st.lists(
    st.tuples(st.sampled_from([*_WORDS, *_OTHERS, *_RARER]), st.sampled_from(_MARKS)), max_size=30
).map(lambda pairs: "".join(word + mark for word, mark in pairs))
ARTICLES = st.builds(
    lambda title, body, summary, lang, url: article(
        body,
        title=title,
        summary=summary,
        lang=lang,
        url=url,
        author=("Ana Low",),
        category=("Ports", "World news"),
    ),
    TEXTS,
    st.one_of(TEXTS, st.just(" \u200b\n")),
    TEXTS,
    st.sampled_from([None, "en", "ar", "de-AT"]),
    st.sampled_from([None, "https://news.example.org/port/1"]),
)

TERMS = st.sampled_from(
    [
        *("port", "ports", "dock", "strike", "ferry", "us", "zurich", "assad", "2000", "absent"),
        *('"port strike"', '"dock dock"', '"us backed"', '"port ports dock"', '"strike ferry"'),
        *('"port port"', '"port port port"', '"ferry port strike dock"', '"absent port"'),
        *("dock*", "port?", "str?*", '"dock* strike"', "exact:Port", 'exact:"Port strike"'),
        *("port*", "zur*h", "3.5", "200*", '"dock 부산"', '"port 港"', "ン", '"マン"', "ميناء*"),
        *("港", "港口", "부산", "ميناء", "@places", "@mixed", "@nested", "@unless", "@exactly"),
    ]
)
_METADATA = st.sampled_from(
    [
        *("source:example.org", "source:coast-wire", "lang:en", "url:/port/", "author:low"),
        *('category:"world news"', "author:(low OR high)", "source:absent.org"),
    ]
)
_COUNTABLE = st.one_of(TERMS, st.lists(TERMS, min_size=2, max_size=3).map(" OR ".join))
_LINKS = st.sampled_from(["NEAR/0", "NEAR/2", "ONEAR/1", "NEAR/S", "NEAR/P", "NOT NEAR/1", "NEAR"])
_NEAR = st.builds(lambda a, link, b: f"(({a}) {link} ({b}))", _COUNTABLE, _LINKS, _COUNTABLE)
_NEAR_TERMS = st.builds(
    lambda a, link, b: f"({a} {link} {b})",
    TERMS,
    st.sampled_from(["NEAR/0", "NEAR/1", "NEAR/5", "ONEAR/0", "ONEAR/4"]),
    TERMS,
)
_FIELDS = st.sampled_from(["title", "body", "lead"])
_LEAVES = st.one_of(
    TERMS,
    _METADATA,
    _NEAR,
    _NEAR_TERMS,
    st.builds(lambda n, a: f"ATLEAST/{n} ({a})", st.integers(1, 3), _COUNTABLE),
    st.builds(lambda n, f, a: f"ATLEAST/{n} {f}:({a})", st.integers(1, 2), _FIELDS, _COUNTABLE),
    st.builds(lambda field, a: f"{field}:({a})", _FIELDS, st.one_of(_COUNTABLE, _NEAR_TERMS)),
)
QUERIES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        inner.map(lambda part: f"NOT ({part})"),
        st.builds(lambda field, part: f"{field}:({part})", _FIELDS, inner),
    ),
    max_leaves=6,
)
_OPTIONS = st.builds(
    Options,
    languages=st.sampled_from([frozenset(), frozenset({"en"}), frozenset({"ar", "de"})]),
    stem=st.booleans(),
    clitics=st.booleans(),
)
OPTIONS = st.one_of(st.just(Options()), _OPTIONS)
MANY = st.lists(st.tuples(QUERIES, OPTIONS), max_size=8)
LISTS: Lists = {
    "places": ["port", "zürich", '"dock strike"', "dock*"],
    "mixed": ["port AND ferry", "strike"],
    "nested": ["@places", "ferry OR us"],
    "unless": ["NOT port", "ferry"],
    "exactly": ["exact:Port", "us"],
}
_ITEMS = st.sampled_from(
    [
        *("port", "ferry", "dock*", '"port strike"', "zürich", "us OR strike", "부산", "港"),
        *("exact:Port", "port AND ferry", "title:port", "NOT dock", "port NEAR/1 ferry", "lang:en"),
        *("port", "ferry", "strike", '"dock dock"'),
    ]
)
_LIST = st.lists(_ITEMS, min_size=1, max_size=4)
OTHER_LISTS = st.fixed_dictionaries(
    {
        "places": _LIST,
        "mixed": _LIST,
        "nested": _LIST.map(lambda items: ["@places", *items]),
        "unless": _LIST,
        "exactly": _LIST,
    }
)


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
