"""A matcher with a cache folder that starts again, on a real Kafka."""

from schemas.matches import ArticleMatches
from schemas.topics import MATCHES
from services.matcher.cache import RuleCache
from tests.matcher.matchers import REAL, Desk, MatcherProcess, article, fresh_topics, rule, until


async def run_until_saved(desk: Desk, generation: int) -> MatcherProcess:
    """A matcher that has put a generation in force, saved it and ended."""
    matcher = await desk.start_module(*REAL)

    async def saved() -> bool:
        found = RuleCache(desk.folder / "cache").load()
        return found is not None and found.generation.manifest.generation == generation

    await until(saved, f"generation {generation} on disk")
    assert await matcher.end() == 0
    return matcher


async def test_a_matcher_reads_on_from_its_cache_and_notices_another_topic(desk: Desk) -> None:
    desk.settings["WIREWATCH_CACHE_FOLDER"] = str(desk.folder / "cache")
    await desk.apply(1, rule(), rule().model_copy(update={"rule_id": "more"}))
    first = await run_until_saved(desk, 1)
    assert not first.logged("rules remembered")

    await desk.apply(2, rule(2, "colonel OR ground"), rule().model_copy(update={"rule_id": "more"}))
    second = await desk.start_module(*REAL)
    await desk.publish([article(1)])
    await desk.expect_all()
    (record,) = await desk.bus.tail(MATCHES, 10)
    versions = {m.rule_id: m.version for m in ArticleMatches.decode(record.value).matches}
    assert versions == {"forces": 2, "more": 1}
    (remembered,) = second.logged("rules remembered")
    assert (remembered["generation"], remembered["rules"]) == (1, 2)
    assert not second.logged("what is remembered of the rules is not believed")
    assert await second.end() == 0

    await fresh_topics(desk.servers)
    desk.announcement, desk.published[:] = 8, []
    await desk.apply(1, rule(3))
    third = await desk.start_module(*REAL)
    await desk.publish([article(2)])
    await desk.expect_all()
    assert third.logged("what is remembered of the rules is not believed")
    assert await third.end() == 0
