"""`rules explain`: a rule and an article, put side by side."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from schemas.matches import RuleMatch
from services.embedded.rules.chosen import Chosen
from services.embedded.rules.sample import Sample
from services.embedded.rules.shown import (
    QUIET,
    Look,
    clauses,
    expression,
    hits_of,
    text_of,
    verdict,
)
from services.engine.explain import Explanation
from services.engine.suite import explain_rule


def explained(chosen: Chosen, sample: Sample, look: Look) -> tuple[bool, list[RenderableType]]:
    """Whether the rule matches, and everything there is to say about it."""
    result = chosen.ruleset.match(sample.article)
    if result.failures:
        raise result.failures[0].error
    match = result.matches[0] if result.matches else None
    explanation = explain_rule(chosen.rule, sample.article, chosen.lists)
    return match is not None, list(_lines(chosen, sample, explanation, match, look))


def _lines(
    chosen: Chosen,
    sample: Sample,
    explanation: Explanation,
    match: RuleMatch | None,
    look: Look,
) -> Iterator[RenderableType]:
    yield verdict(match is not None, chosen.name)
    yield from expression(chosen.rule.query, explanation)
    yield Text()
    yield clauses(explanation, sample.article, look)
    yield Text()
    yield Text(f"{sample.origin}{_language(sample)}:", style=QUIET)
    yield from text_of(sample.article, hits_of(explanation, match), look)


def _language(sample: Sample) -> str:
    return f" (language: {sample.article.lang})" if sample.article.lang else ""
