"""Which facts and which sentences of an article a message carries."""

from schemas.article import TextOrigin, TextReason
from schemas.matches import ArticleField, Hit
from schemas.rule import Severity
from services.notifier.composing import compose
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage
from tests.notifier.alerts import (
    BIDI,
    CONTROL,
    IDS,
    article,
    ferry_alert,
    hit,
    matches,
    rule_match,
)


def sentence_of(excerpt: Excerpt) -> str:
    return "".join(text for text, _ in excerpt.sentence)


def hits_of(excerpt: Excerpt) -> list[str]:
    return [text for text, is_hit in excerpt.sentence if is_hit]


def test_a_message_survives_being_stored() -> None:
    message = ferry_alert()
    assert AlertMessage.decode(message.encode()) == message


def test_only_the_selected_rules_are_told_the_gravest_first() -> None:
    of = article()
    found = [
        rule_match("low", [[hit(of, "ferry")]], Severity.LOW),
        rule_match("other", [[hit(of, "Dogs")]], Severity.URGENT),
        rule_match("high", [[hit(of, "mail")]], Severity.HIGH),
    ]
    message = compose(matches(of, *found), {"low", "high"}, IDS, "UTC")
    assert [rule.rule_id for rule in message.rules] == ["high", "low"]
    assert {rule for e in message.excerpts for rule in e.rule_ids} == {"low", "high"}


def test_an_excerpt_is_the_sentence_of_the_hits_with_its_neighbours() -> None:
    excerpt = ferry_alert().excerpts[0]
    assert sentence_of(excerpt) == (
        "The first ferry carried <medicine> & mail to Nordholm, the shipping line said, "
        "and a second followed at noon."
    )
    assert hits_of(excerpt) == ["ferry", "Nordholm"]
    assert excerpt.before == "The islands had waited all winter for the boats."
    assert excerpt.after == "Both came back empty."


def test_neighbours_stay_within_the_paragraph() -> None:
    excerpt = ferry_alert().excerpts[1]
    assert (excerpt.before, excerpt.after) == ("", "Dogs travel free.")


def test_the_sentence_that_holds_most_clauses_wins_over_earlier_ones() -> None:
    of = article(body="A ferry came. It rained.\n\nMail was late. The ferry had mail for Nordholm.")
    clauses = [
        [hit(of, "ferry"), hit(of, "ferry", nth=1)],
        [hit(of, "mail")],
        [hit(of, "Nordholm")],
    ]
    message = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC")
    assert [sentence_of(e) for e in message.excerpts] == ["The ferry had mail for Nordholm."]


def test_the_text_is_preferred_to_the_headline_that_says_the_same() -> None:
    of = article()
    clauses = [[hit(of, "Ferry", ArticleField.TITLE), hit(of, "ferry")]]
    message = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC")
    assert [e.field for e in message.excerpts] == [ArticleField.BODY]


def test_few_sentences_show_many_clauses() -> None:
    of = article(body="\n\n".join(f"Word{i} is here." for i in range(6)))
    clauses = [[hit(of, f"Word{i}")] for i in range(6)]
    message = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC")
    assert len(message.excerpts) == 3


def test_a_sentence_is_not_shown_twice_as_excerpt_and_as_neighbour() -> None:
    of = article(body="The ferry left. The mail stayed. Nobody knew why.")
    message = compose(
        matches(of, rule_match("r", [[hit(of, "ferry")], [hit(of, "mail")]])), {"r"}, IDS, "UTC"
    )
    first, second = message.excerpts
    assert (first.after, second.before, second.after) == ("", "", "Nobody knew why.")


def test_overlapping_hits_are_one_hit() -> None:
    of = article(body="The first ferry left.")
    clauses = [[hit(of, "first ferry")], [hit(of, "ferry left")], [hit(of, "ferry")]]
    message = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC")
    assert hits_of(message.excerpts[0]) == ["first ferry left"]


def test_a_long_sentence_is_cut_around_its_hits() -> None:
    filler = "and so on " * 60
    of = article(body=f"It began {filler}with a ferry {filler}and ended in Nordholm {filler}.")
    clauses = [[hit(of, "ferry")], [hit(of, "Nordholm")]]
    shown = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC").excerpts[0]
    assert hits_of(shown) == ["ferry", "Nordholm"]
    assert sentence_of(shown).startswith("… ")
    assert sentence_of(shown).endswith("…")
    assert " … " in sentence_of(shown)
    assert len(sentence_of(shown)) <= 620


def test_a_sentence_full_of_hits_stays_short() -> None:
    of = article(body="ferry " * 5000)
    clauses = [[hit(of, "ferry", nth=i) for i in range(0, 50)]]
    shown = compose(matches(of, rule_match("r", clauses)), {"r"}, IDS, "UTC").excerpts[0]
    assert len(sentence_of(shown)) <= 620


def test_a_match_without_places_shows_how_the_article_begins() -> None:
    excerpt = compose(matches(article(), rule_match("r", [[]])), {"r"}, IDS, "UTC").excerpts[0]
    assert sentence_of(excerpt) == "The harbour master opened the season on Monday."
    assert hits_of(excerpt) == []


def test_places_outside_the_text_are_left_out() -> None:
    of = article(body="Short.", title="")
    beyond = Hit(field=ArticleField.BODY, start=4, end=400)
    message = compose(matches(of, rule_match("r", [[beyond]])), {"r"}, IDS, "UTC")
    assert [hits_of(e) for e in message.excerpts] == [[]]


def test_an_article_without_any_text_still_makes_a_message() -> None:
    of = article(title="", body="", url=None, text=TextOrigin.SUMMARY, text_reason="no_link")
    message = compose(matches(of, rule_match("r", [[]])), {"r"}, IDS, "UTC")
    assert message.title == "(no headline)"
    assert message.excerpts == ()
    assert message.text_reason is TextReason.NO_LINK


def test_controls_from_outside_are_gone_before_a_message_is_stored() -> None:
    of = article(title=f"a{CONTROL}b{BIDI}c", body=f"A ferry{BIDI} came\x1b[2J. {CONTROL}")
    message = compose(matches(of, rule_match("r", [[hit(of, "ferry")]])), {"r"}, IDS, "UTC")
    stored = message.encode().decode()
    assert "\\u001b" not in stored
    assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\u200f"} & set(stored)
    assert sentence_of(message.excerpts[0]) == "A ferrygnp.exe came[2J."


def test_a_headline_of_a_megabyte_is_cut() -> None:
    of = article(title="word " * 200_000)
    message = compose(matches(of, rule_match("r", [[hit(of, "ferry")]])), {"r"}, IDS, "UTC")
    assert len(message.title) <= 300
    assert message.title.endswith("word…")
