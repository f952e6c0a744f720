"""The matcher as a Faust worker, on a real Kafka, when all goes well or an article is bad."""

import asyncio
import logging
import os
import sys

import pytest
from faust.types import ProcessingGuarantee

from schemas.matches import ArticleMatches
from schemas.topics import ARTICLES, ARTICLES_DLQ, MATCHES
from services.bus.kafka_connection import KafkaTimes
from services.bus.port import Outgoing
from services.matcher.worker import MatcherApp
from tests.matcher.matchers import REAL, ROOT, Desk, article, rule, until


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
    lines = matcher.log.read_text().splitlines()
    assert all(line.startswith("{") for line in lines), "our way to log, whatever Faust prefers"


async def test_without_the_address_of_kafka_it_does_not_start_and_says_what_to_set() -> None:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WIREWATCH_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *REAL),
        cwd=ROOT,
        env={**inherited, "WIREWATCH_HTTP_PORT": "0"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"WIREWATCH_KAFKA_SERVERS is not set" in said


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


def test_the_environment_does_not_change_how_faust_works(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "STREAM_WAIT_EMPTY": "false",
        "PROCESSING_GUARANTEE": "exactly_once",
        "BROKER_URL": "kafka://elsewhere",
        "APP_VERSION": "2",
    }.items():
        monkeypatch.setenv(name, value)
    conf = MatcherApp("one:1,two:2", KafkaTimes(), lambda *_: None).conf
    assert conf.stream_wait_empty is True
    guarantee: object = conf.processing_guarantee
    assert guarantee is ProcessingGuarantee.AT_LEAST_ONCE
    assert [str(url) for url in conf.broker] == ["kafka://one:1", "kafka://two:2"]
    assert conf.id == "wirewatch-matcher"


def test_a_faust_app_leaves_logging_and_arguments_alone() -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), list(sys.argv))
    MatcherApp("one:1", KafkaTimes(), lambda *_: None).finalize()
    assert (root.level, list(root.handlers), list(sys.argv)) == before
