"""How explanations look, whatever rule and article they are of."""

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from services.embedded.rules.shown import Look, clauses, hits_of, text_of
from services.engine.ruleset import RuleSet
from services.engine.suite import explain_rule
from tests.engine.newsroom import article, rule
from tests.engine.random_rules import LISTS, RULES, TEXTS


def _printed(*lines: object) -> str:
    out = io.StringIO()
    Console(file=out, width=10_000, highlight=False, markup=False).print(*lines, sep="\n")
    return out.getvalue()


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(RULES, TEXTS, TEXTS, st.booleans())
def test_every_explanation_can_be_shown_with_the_words_that_count_marked(
    query: str, title: str, body: str, full: bool
) -> None:
    # Whatever the rest is, a rule that asks for a word can fail.
    asked = rule(f"(alpha OR bravo OR delta) {query}", "one")
    told = article(body, title=title)
    explanation = explain_rule(asked, told, LISTS)
    look = Look(full=full)
    tree = _printed(clauses(explanation, told, look))
    assert tree.startswith("held" if explanation.held else "failed")
    match = next(iter(RuleSet.of([asked], LISTS).match(told).matches), None)
    hits = hits_of(explanation, match)
    text = _printed(*text_of(told, hits, look))
    assert (("*" in text) is bool(hits)) or not told.body.strip()
    for word in ("alpha", "bravo", "charlie"):
        assert text.count(word) <= f"{title} {body}".count(word)
    if full:
        assert text.replace("*", "").split() == f"{title} {body}".split()


@settings(derandomize=True, max_examples=200, deadline=None, database=None)
@given(
    st.text(max_size=40), st.lists(st.tuples(st.integers(0, 45), st.integers(0, 45)), max_size=6)
)
def test_marks_change_nothing_but_the_marks(text: str, places: list[tuple[int, int]]) -> None:
    marked = Look(colours=True).marked(text, 0, len(text), places).plain
    plain = Look(colours=True).marked(text, 0, len(text), ()).plain
    assert marked.split() == plain.split()
