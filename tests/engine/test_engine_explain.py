"""Explanations: what held, what failed, and how far off it was."""

import pytest

from schemas.matches import ArticleField, Hit
from services.engine.explain import Explanation, Joint, explain
from services.engine.options import Options
from services.engine.parse import parse
from tests.engine.newsroom import article

_TOLD = article(
    "Alpha one two three bravo. Charlie fell.\n\nDelta rose; delta fell.", title="Echo", lang="en"
)


def _words_at(hit: Hit) -> str:
    text = _TOLD.title if hit.field is ArticleField.TITLE else _TOLD.body
    return text[hit.start : hit.end]


def _explained(query: str, options: Options | None = None) -> Explanation:
    return explain(parse(query, {"all": ["alpha", "delta"]}), _TOLD, options or Options())


@pytest.mark.parametrize(
    ("query", "note"),
    [
        ("alpha NEAR/2 bravo", "3 words between them where they are nearest"),
        ("alpha NEAR/S charlie", "in one paragraph, 4 words between them where they are nearest"),
        ("alpha NEAR/9 delta", "never in one paragraph"),
        ("alpha NEAR/P echo", "never in one paragraph"),
        ("alpha NEAR/9 golf", "golf does not occur"),
        ("bravo ONEAR/9 alpha", "near, but in the other order"),
        ("alpha NEAR/0 one NEAR/2 charlie", "3 words between them where they are nearest"),
        ("charlie NEAR/0 fell NEAR/0 delta", "no occurrence is near both"),
        ("rose NEAR/0 fell", "1 word between"),
        ("delta NOT NEAR/0 (rose OR fell)", "each occurrence has one near"),
        ("ATLEAST/3 delta", "occurs 2 times"),
        ("golf", "does not occur"),
        ("title:alpha", "does not occur"),
        ("lang:de", "the article has en"),
        ("author:low", "the article has none"),
    ],
)
def test_a_clause_that_failed_says_why(query: str, note: str) -> None:
    explanation = _explained(query)
    assert not explanation.held
    assert note in explanation.note


def test_a_rule_is_explained_clause_by_clause() -> None:
    whole = _explained("alpha AND (golf OR delta) -echo title:(echo fox)")
    assert not whole.held
    assert [(part.clause, part.held) for part in whole.parts] == [
        ("alpha", True),
        ("golf OR delta", True),
        ("-echo", False),
        ("title:(echo fox)", False),
    ]
    assert [(part.clause, part.held) for part in whole.parts[1].parts] == [
        ("golf", False),
        ("delta", True),
    ]
    assert whole.parts[2].parts[0].note == "occurs once"


def test_a_match_is_explained_too() -> None:
    whole = _explained("@all NEAR/3 bravo")
    assert (whole.held, whole.note, whole.parts) == (True, "", ())
    assert [_words_at(hit) for hit in whole.hits] == ["Alpha", "bravo"]


def test_a_proximity_that_failed_shows_the_two_that_came_nearest() -> None:
    whole = _explained("delta NEAR/0 fell")
    assert whole.held
    missed = _explained("(bravo OR rose) NEAR/0 fell").nearest
    assert missed is not None
    assert [_words_at(hit) for hit in missed] == ["bravo", "fell"]
    assert missed[1].start == _TOLD.body.index("fell")
    assert _explained("alpha NEAR/9 delta").nearest is None


def test_the_leaves_point_at_the_words_they_speak_of() -> None:
    whole = _explained("alpha title:echo -delta ATLEAST/3 fell bravo NOT NEAR/0 charlie")
    found = {leaf.clause: [_words_at(hit) for hit in leaf.hits] for leaf in whole.leaves()}
    assert found == {
        "alpha": ["Alpha"],
        "title:echo": ["Echo"],
        "delta": ["Delta", "delta"],
        "ATLEAST/3 fell": ["fell", "fell"],
        "bravo NOT NEAR/0 charlie": ["bravo"],
    }


def test_clauses_say_how_their_parts_are_joined() -> None:
    whole = _explained("alpha (golf OR delta) NOT title:(bravo OR echo)")
    assert [whole.joint, *(part.joint for part in whole.parts)] == [
        Joint.ALL,
        Joint.LEAF,
        Joint.ANY,
        Joint.NONE,
    ]


def test_the_wrong_language_is_the_reason() -> None:
    whole = _explained("alpha", Options(languages=frozenset({"de"})))
    assert not whole.held
    assert whole.note == "the rule is for de, the article is en"
