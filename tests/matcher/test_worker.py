"""The matcher as a Faust worker, on a real Kafka, when all goes well or an article is bad."""

from schemas.matches import ArticleMatches
from schemas.topics import ARTICLES, ARTICLES_DLQ, MATCHES
from services.bus.port import Outgoing
from tests.matcher.matchers import REAL, Desk, article, rule, until


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


async def test_nothing_is_matched_before_the_rules_are_known(desk: Desk) -> None:
    await desk.publish([article(1)])
    matcher = await desk.start(wait=False)

    async def waits() -> bool:
        status, text = await matcher.get("/readyz")
        return status == 503 and "matcher: waiting: the rules are not known yet" in text

    await until(waits, "the matcher to wait for the rules")
    await desk.apply(1, rule())
    await desk.expect_all()
    await matcher.until_ready()


async def test_a_bad_record_and_a_bug_put_one_record_aside_each(desk: Desk) -> None:
    await desk.apply(1, rule())
    matcher = await desk.start()
    await desk.publish([article(1)])
    for value in (b"rubbish", None, article(2, "This one always fails").encode()):
        await desk.bus.send(Outgoing(ARTICLES, "bad", value, {"trace": b"\xff"}))
    await desk.publish([article(3)])
    await desk.expect_all()
    await desk.until_committed()
    letters = await desk.bus.tail(ARTICLES_DLQ, 10)
    assert [letter.value for letter in letters][:2] == [b"rubbish", None]
    assert [letter.headers["attempts"] for letter in letters] == [b"1", b"1", b"4"]
    assert letters[2].headers["error"] == b"KeyError: 'This one always fails'"
    assert {letter.headers["trace"] for letter in letters} == {b"\xff"}
    assert await matcher.ready()


async def test_too_many_bad_records_end_every_start_with_the_last_uncommitted(desk: Desk) -> None:
    await desk.apply(1, rule())
    await desk.bus.send_all([Outgoing(ARTICLES, "one key", b"rubbish") for _ in range(30)])
    for _ in range(2):
        matcher = await desk.start(wait=False)
        assert await matcher.ended() == 1
        (said,) = matcher.logged("the matcher ends")
        assert "articles, partition" in str(said["reason"])
        assert "21 of the 100 records up to offset 20 are bad" in str(said["reason"])
        await desk.until_committed(behind=10)
        assert len(await desk.bus.tail(ARTICLES_DLQ, 100)) == 20
