"""Has the kernel compiled, or loaded where it was compiled before: `python -m` this module.

Takes seconds, once for each installation; what comes out is kept beside the code where that
may be written, else in the user's cache folder.
"""

from datetime import UTC, datetime

from schemas.article import Article, TextOrigin, TextReason
from schemas.rule import WatchRule
from services.engine.ruleset import RuleSet

_THEN = datetime(2020, 1, 1, tzinfo=UTC)
_TEXT = "Dockers’ wages in Zürich have not risen since 2,015. Port and ferry stand still."
_QUERIES = ("dock*", "wages NEAR/9 ferry", '"ferry stand" AND NOT port', "lang:en", "@ports")


def load_kernel() -> None:
    """Return when the compiled kernel is ready in this process. May run in a thread."""
    rules = [WatchRule(rule_id=query, version=1, name=query, query=query) for query in _QUERIES]
    article = Article(
        article_id="warm",
        revision="1",
        feed_id="warm",
        source="warm",
        title="Strike",
        body=_TEXT,
        lang="en",
        text=TextOrigin.FULL,
        text_reason=TextReason.PAGE,
        first_seen_at=_THEN,
        seen_at=_THEN,
    )
    result = RuleSet.of(rules, {"ports": ("port", '"port lind"')}, kernel=True).match(article)
    if result.index_error is not None:
        raise result.index_error


if __name__ == "__main__":
    load_kernel()
