"""What rules mean: which articles match, and with what proof."""

import pytest

from services.engine.options import Options
from tests.engine.newsroom import article, does_match, evidence_of, match_of

_DRILL = """\
Alpha one two bravo. Charlie three.

Alpha bravo alpha delta. Echo echo foxtrot; alpha echo."""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("alpha bravo", True),
        ("alpha golf", False),
        ("golf OR alpha", True),
        ("alpha -golf", True),
        ("+alpha -bravo", False),
        ("alpha AND NOT (golf OR bravo)", False),
        ('"bravo charlie"', True),
        ('"three alpha"', False),
        ("alph* NEAR/0 delt?", True),
        ("alph* NEAR/0 char*", False),
        ("alpha NEAR/2 bravo", True),
        ("bravo NEAR/1 one", True),
        ("bravo ONEAR/5 one", False),
        ("one ONEAR/1 bravo", True),
        ("alpha NEAR/S charlie", False),
        ("alpha NEAR/P charlie", True),
        ("three NEAR/P delta", False),
        ('"bravo charlie" NEAR/S one', False),
        ("one NEAR two NEAR/0 bravo", True),
        ("one NEAR/0 bravo NEAR/0 two", False),
        ("alpha NOT NEAR/1 echo", True),
        ("delta NOT NEAR/0 echo", False),
        ('alpha NOT NEAR/0 ("alpha one" OR bravo OR echo)', False),
        ("echo NOT NEAR/0 echo", True),
        ("foxtrot NOT ONEAR/0 echo", True),
        ("foxtrot NOT NEAR/0 echo", False),
        ("ATLEAST/4 alpha", True),
        ("ATLEAST/5 alpha", False),
        ('ATLEAST/2 ("alpha bravo" OR "bravo alpha")', False),
        ("lead:alpha -lead:delta", True),
        ("ATLEAST/2 lead:alpha", False),
        ("ATLEAST/3 body:(alpha OR one)", True),
    ],
)
def test_operators_mean_what_the_language_says(query: str, expected: bool) -> None:
    assert does_match(query, _DRILL) is expected


def test_near_asks_for_one_occurrence_that_is_near_both() -> None:
    assert not does_match("alpha NEAR/0 bravo NEAR/0 charlie", "alpha bravo. x bravo charlie")
    assert does_match("alpha NEAR/0 bravo NEAR/0 charlie", "alpha bravo charlie")


def test_a_sentence_shorter_candidate_is_found_behind_a_phrase_that_crosses_its_end() -> None:
    text = "It was rain. Snow fell on ice."
    assert does_match('(snow OR "rain snow") NEAR/S ice', text)


def test_fields_restrict_where_words_are_looked_for() -> None:
    told = article("Karvala port.\n\nShips wait.", title="Strike spreads", summary="Unseen.")
    assert does_match("title:strike body:karvala lead:port", told)
    assert not does_match("title:karvala OR body:strike OR lead:ships OR unseen", told)


def test_the_summary_is_searched_only_where_there_is_no_body() -> None:
    told = article("  \n ", title="Strike", summary="Karvala stands.\n\nAll still.")
    assert does_match("karvala AND lead:still", told)
    assert not does_match("body:karvala", told)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("source:coast-wire", True),
        ('source:"COAST WIRE"', True),
        ("source:example.org", True),
        ("source:News.Example.org", True),
        ("source:ample.org", False),
        ("source:(nowhere.net | example.org)", True),
        ("url:/STRIKE", True),
        ("url:strike?id=4", True),
        ("author:brandt", True),
        ('author:"low ilse"', False),
        ('category:"middle coast"', True),
        ("category:coast -category:east", True),
        ("lang:EN", True),
        ("lang:(de OR en-US)", True),
        ("lang:de", False),
    ],
)
def test_metadata(query: str, expected: bool) -> None:
    told = article(
        url="https://news.example.org:8443/strike?id=4",
        author=("Ana Low", "Ilse Brandt"),
        category=("Middle Coast",),
        lang="en-GB",
    )
    assert does_match(query, told) is expected


def test_a_source_may_be_named_in_its_own_script() -> None:
    assert does_match("source:münchen.example", article(url="https://xn--mnchen-3ya.example/1"))


def test_a_broken_url_matches_no_source() -> None:
    assert not does_match("source:example.org", article(url="https://[example.org"))


def test_a_hangul_term_begins_at_a_word_start() -> None:
    assert does_match("부산", "부산항 파업")
    assert not does_match("산항", "부산항 파업")


@pytest.mark.parametrize(
    ("pattern", "word", "expected"),
    [
        ("dock*", "dock", True),
        ("dock*", "dockyards", True),
        ("dock?", "dock", False),
        ("organi?ation", "organisation", True),
        ("har*r", "harbour", True),
        ("har*x*r", "harbour", False),
        ("200*", "200.5", False),
        ("str*e*e*e*", "strength", False),
        ("cafe*", "Cafés", True),
    ],
)
def test_wildcards(pattern: str, word: str, expected: bool) -> None:
    assert does_match(pattern, word) is expected


def test_wildcards_take_no_longer_than_pattern_times_word() -> None:
    assert not does_match("aaa*a*a*a*b", "a" * 5_000)


def test_exact_keeps_case_and_marks() -> None:
    assert does_match('exact:"São Tomé"', "in São Tomé.")
    assert not does_match('exact:"Sao Tome"', "in São Tomé.")


def test_saved_lists_are_ors_and_may_use_other_lists() -> None:
    lists = {"ports": ["Karvala", "@north"], "north": ['"Port Lind"']}
    assert does_match("@ports NEAR/1 closed", "Port Lind is closed", lists)
    assert not does_match("@ports", "Lind is a port", lists)


def test_languages_restrict_and_an_article_without_one_fails() -> None:
    options = Options(languages=frozenset({"ar", "de"}))
    assert does_match("karvala", article(lang="de-AT"), options=options)
    assert not does_match("karvala", article(lang="en"), options=options)
    assert not does_match("karvala", article(), options=options)


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("ميناء", "وميناء", True),
        ("ميناء", "بالميناء", True),
        ("الميناء", "وللميناء", True),
        ("ميناء", "للميناء", True),
        ("نمل", "ميناء", False),
        ("נמל", "ושבנמל", True),
        ("נמל", "הנמל", True),
        ('"נמל גדול"', "בנמל הגדול", True),
        ("exact:נמל", "הנמל", False),
    ],
)
def test_clitics(query: str, text: str, expected: bool) -> None:
    assert does_match(query, text, options=Options(clitics=True)) is expected
    if expected:
        assert not does_match(query, text)


@pytest.mark.parametrize(("pairs", "expected"), [(30, True), (31, False)])
def test_the_deepest_rules_are_matched_too(pairs: int, expected: bool) -> None:
    query = "karvala AND " + "-(" * pairs + "union" + ")" * pairs
    assert does_match(query, article()) is expected


def test_the_proof_names_each_clause_and_points_at_its_words() -> None:
    told = article(title="Harbour strike in Karvala")
    query = '"walked out" AND (Karvala OR Lindhafen) AND title:strike -ferry lang:en'
    told = told.model_copy(update={"lang": "en"})
    assert evidence_of(query, told) == {
        '"walked out"': ["walked out"],
        "Karvala": ["Karvala", "Karvala"],
        "title:strike": ["strike"],
        "-ferry": [],
        "lang:en": [],
    }


def test_the_proof_of_a_proximity_is_the_words_that_are_near() -> None:
    told = article("Alpha far from it all, bravo.\n\nAlpha bravo.")
    assert evidence_of("alpha NEAR/0 bravo", told) == {"alpha NEAR/0 bravo": ["Alpha", "bravo"]}
    assert evidence_of("alpha NOT NEAR/0 bravo", told) == {"alpha NOT NEAR/0 bravo": ["Alpha"]}


def test_the_proof_of_a_list_points_at_what_was_found() -> None:
    told = article("Karvala. Lind port. Karvala.")
    match = match_of("@ports", told, {"ports": ["lind AND port", "karvala"]})
    assert match is not None
    assert [clause.clause for clause in match.evidence] == ["@ports"]
    starts = [hit.start for hit in match.evidence[0].hits]
    assert starts == sorted(starts) and len(starts) == 4
