"""The matcher as a Faust worker, on a real Kafka."""

from schemas.matches import ArticleMatches
from schemas.topics import MATCHES
from tests.matcher.matchers import REAL, Desk, article, rule


async def test_an_article_becomes_a_record_of_its_matches(desk: Desk) -> None:
    await desk.apply(1, rule())
    matcher = await desk.start_module(*REAL)
    await desk.publish([article(1)])
    await desk.expect_all()
    (record,) = await desk.bus.tail(MATCHES, 10)
    found = ArticleMatches.decode(record.value)
    assert record.key == "article-1"
    assert found.article == article(1)
    assert [match.rule_id for match in found.matches] == ["forces"]
    await desk.until_committed()
    assert await matcher.end() == 0
