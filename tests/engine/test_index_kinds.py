"""Each kind of node inside each kind of node: the index finds what trying each rule finds."""

from random import Random

import pytest

from schemas.article import Article
from schemas.rule import WatchRule
from services.engine.options import Options
from services.engine.ruleset import RuleSet
from tests.engine.index_strategies import LISTS, article_of, is_usable
from tests.engine.newsroom import article, rule
from tests.engine.oracle import proofs_one_by_one

_NODES = [
    *("port", "ferry", '"port strike"', '"port strike ferry"', "dock*", '"dock* strike"', "3.5"),
    *(
        "exact:Port",
        'exact:"port Strike"',
        "부산",
        "산",
        '"산 port"',
        "港口",
        "ميناء",
        "ン",
        '"port port"',
    ),
    *("port NEAR/0 ferry", "port ONEAR/2 ferry", "port NEAR/2 port", '"port strike" NEAR/1 strike'),
    *(
        "port NEAR/S ferry",
        "port NEAR/1 (ferry OR dock)",
        "port NEAR/2 ferry NEAR/2 dock",
        "dock* NEAR/0 port",
    ),
    *("port NOT NEAR/1 ferry", "exact:Port NEAR/1 ferry", "부산 NEAR/1 port", "dock* ONEAR/0 dock"),
    *("ATLEAST/1 (port OR ferry)", "ATLEAST/2 (port OR ferry)", "ATLEAST/2 title:port"),
    *("source:coast-wire", "lang:(de OR en)", "author:low", 'category:"world news"', "url:/port/"),
    *(
        "@places",
        "@mixed",
        "@nested",
        "@unless",
        "@single",
        "@exactly",
        "@places NEAR/1 ferry",
        "@places NEAR/0 @places",
    ),
    *(
        "port ferry",
        "port OR ferry",
        "port (ferry OR dock)",
        "(port ferry) OR dock",
        "port NOT ferry",
    ),
    *(
        "NOT port",
        "NOT (port ferry)",
        "NOT (port OR ferry)",
        "title:port",
        "body:ferry",
        "lead:ferry",
    ),
    *(
        "lead:(port NEAR/1 ferry)",
        "title:(port NOT ferry)",
        "NOT title:port",
        "NOT lead:(port OR dock)",
    ),
]
_AROUND = [
    *("{}", "NOT ({})", "title:({})", "lead:({})", "NOT title:({})", "body:(NOT ({}))"),
    *("dock ({})", "dock NOT ({})", "dock OR ({})", "NOT (dock ({}))", "NOT (dock OR ({}))"),
    *("strike (dock OR NOT ({}))", "strike OR (dock ({}))", "NOT (NOT ({}) OR NOT dock)"),
    *("strike NOT (dock NOT ({}))", "NOT (lead:(NOT ({})))"),
]
_OPTIONS = [
    Options(),
    Options(clitics=True),
    Options(frozenset({"en", "ar"}), stem=True, clitics=True),
]
_TEXTS = [
    *(
        "",
        "port",
        "Port ferry",
        "ferry port",
        "ports docks",
        "port x ferry",
        "port x x ferry x x x port",
    ),
    *(
        "port strike ferry",
        "port Strike",
        "dock dock strike",
        "dockers’ strike",
        "부산항",
        "산 port",
        "부산 port",
    ),
    *(
        "港口",
        "والميناء",
        "ميناء",
        "㍇",
        "port\n\nferry\n\ndock strike",
        "dock strike\n\nport ferry. Ferry",
    ),
    *(
        "port port port",
        "ferry port ferry x port",
        "3.5 ports",
        "Zürich docks. Port ferry",
        "ferry x dock x port",
        "port, x x. Ferry.",
    ),
]


def _rules(options: Options) -> list[WatchRule]:
    queries = [around.format(node) for node in _NODES for around in _AROUND]
    made = [rule(query, f"r{number}", options=options) for number, query in enumerate(queries)]
    return [one for one in made if is_usable(one, LISTS)]


def _articles() -> list[Article]:
    told = []
    for number, text in enumerate(_TEXTS):
        title, body, summary, lang = [
            (text, "", "", "en"),
            ("dock", text, "port", "de"),
            ("strike", " ", text, None),
            (_TEXTS[number - 3], f"{text}\n\n{_TEXTS[number - 7]}", "", "ar"),
        ][number % 4]
        told.append(article(body, title=title, summary=summary, lang=lang, author=("Ana Low",)))
        told.append(article(f"{_TEXTS[number - 5]}\n\n{text}", title=_TEXTS[number - 2], lang="en"))
    return told + [article_of(Random(seed)) for seed in range(8)]


@pytest.mark.parametrize("options", _OPTIONS, ids=("plain", "clitics", "everything"))
def test_each_kind_of_node_in_each_kind_of_node(options: Options) -> None:
    rules = _rules(options)
    sets = [RuleSet.of(rules, LISTS, kernel=kernel) for kernel in (False, True)]
    for told in _articles():
        expected = proofs_one_by_one(rules, told, LISTS)
        for one in sets:
            result = one.match(told)
            assert result.index_error is None and result.failures == ()
            got = {match.rule_id: match.evidence for match in result.matches}
            wrong = [
                one.query for one in rules if got.get(one.rule_id) != expected.get(one.rule_id)
            ]
            assert not wrong, (wrong[:3], told)
