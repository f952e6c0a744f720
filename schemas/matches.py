"""An article that at least one rule matched, with the proof for each rule.

Evidence is offsets, not text: the article travels beside it.
"""

from enum import StrEnum

from pydantic import Field

from schemas.article import Article
from schemas.message import Message, UtcDatetime
from schemas.rule import Severity


class ArticleField(StrEnum):
    """The searchable texts of an article."""

    TITLE = "title"
    BODY = "body"
    SUMMARY = "summary"


class Hit(Message):
    """The words at `[start, end)` of a field, in code points of the text as published."""

    field: ArticleField
    start: int = Field(ge=0)
    end: int = Field(ge=0)


class Clause(Message):
    """A clause of the rule that held, as written in the rule, with where it held.

    `hits` is empty for a clause that holds by absence (NOT) or on metadata.
    """

    clause: str
    hits: tuple[Hit, ...] = ()


class RuleMatch(Message):
    """One rule that the article matched."""

    rule_id: str
    version: int
    name: str
    severity: Severity
    tags: tuple[str, ...] = ()
    query: str
    evidence: tuple[Clause, ...]


class ArticleMatches(Message):
    """One article with all its matches; over 900 kB it is split into `parts`."""

    article: Article
    matches: tuple[RuleMatch, ...] = Field(min_length=1)
    matched_at: UtcDatetime
    part: int = Field(default=1, ge=1)
    parts: int = Field(default=1, ge=1)
