"""How an alert looks in Slack: a payload that Slack accepts, whatever the article says."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.catchers.block_kit import problems_of
from schemas.matches import ArticleField
from services.notifier.composing import compose
from services.notifier.excerpts import Excerpt
from services.notifier.message import AlertMessage, OtherReport
from services.notifier.render import render_slack
from services.notifier.render.slack import render_slack_reply
from tests.notifier.alerts import (
    IDS,
    NOW,
    article,
    ferry_alert,
    hit,
    hostile_alert,
    matches,
    rule_match,
)
from tests.notifier.golden_files import GOLDEN, assert_golden

OUR_MARKUP = re.compile(r"<https?://[^|<>\s]+\|[^<>]*>|^> ", re.MULTILINE)
ENTITY = re.compile(r"&(?:amp|lt|gt);")


def texts_of(payload: Any) -> Iterator[dict[str, Any]]:
    """Every text object of a payload."""
    if isinstance(payload, dict):
        if payload.get("type") in {"mrkdwn", "plain_text"}:
            yield payload
        payload = list(payload.values())
    if isinstance(payload, list):
        for part in payload:
            yield from texts_of(part)


def assert_slack_accepts(payload: dict[str, Any]) -> None:
    assert 1 <= len(payload["blocks"]) <= 50
    assert len(payload["text"]) <= 4000
    for text in texts_of(payload):
        assert 1 <= len(text["text"]) <= 3000
    for block in payload["blocks"]:
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        if block["type"] == "context":
            assert 1 <= len(block["elements"]) <= 10


def assert_nothing_is_live(payload: dict[str, Any]) -> None:
    for text in [payload["text"], *(t["text"] for t in texts_of(payload))]:
        rest = ENTITY.sub("", OUR_MARKUP.sub("", text))
        assert not set("<>&") & set(rest), text
        assert not set("\x00\x1b\x9b\u202e\u2066\u200f") & set(text)


def test_an_alert_in_slack() -> None:
    payload = render_slack(ferry_alert(), NOW)
    assert_golden("slack.json", json.dumps(payload, indent=2, ensure_ascii=False) + "\n")
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)


def test_hostile_text_notifies_nobody_and_keeps_to_the_limits() -> None:
    payload = render_slack(hostile_alert(), NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)
    assert "<!channel>" not in json.dumps(payload)
    assert "javascript" not in json.dumps(payload)


@pytest.mark.parametrize("title", ["&" * 5000, "<" * 5000, "a & b " * 2000, "🙂" * 5000])
def test_escaping_never_breaks_a_limit(title: str) -> None:
    message = ferry_alert(title=title)
    rule = message.rules[0].model_copy(update={"name": title})
    excerpt = Excerpt(
        field=ArticleField.BODY,
        before=title,
        sentence=((title, True), (title, False)),
        after=title,
        rule_ids=(),
    )
    update = {"title": title, "rules": (rule,) * 30, "excerpts": (excerpt,) * 3}
    payload = render_slack(message.model_copy(update=update), NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)


@pytest.mark.parametrize("letter", ["x", "&", "|"])
def test_a_long_link_never_breaks_a_limit(letter: str) -> None:
    url = "https://gazette.example/?" + letter * (1950 if letter == "x" else 600)
    message = ferry_alert(url=url, title="&" * 5000, source="&" * 5000)
    payload = render_slack(message, NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@settings(derandomize=True, max_examples=150, deadline=None)
def test_any_text_makes_a_payload_that_slack_accepts(one: str, two: str, three: str) -> None:
    of = article(title=one, body=f"{two} ferry {three}. {one} {two}", source=three)
    found = rule_match("r", [[hit(of, "ferry")]])
    message = compose(matches(of, found), {"r"}, IDS, "UTC")
    payload = render_slack(message, NOW)
    assert_slack_accepts(payload)
    assert_nothing_is_live(payload)
    json.dumps(payload, ensure_ascii=False).encode()


def section_texts(message: AlertMessage) -> list[str]:
    blocks = render_slack(message, NOW)["blocks"]
    return [block["text"]["text"] for block in blocks if block["type"] == "section"]


def test_hits_inside_a_word_are_bold_too() -> None:
    of = article(title="", body="北京渡轮今天停航。")
    message = compose(matches(of, rule_match("r", [[hit(of, "渡轮")]])), {"r"}, IDS, "UTC")
    assert section_texts(message)[1] == "> 北京\u200b*渡轮*\u200b今天停航。"


def test_signs_of_formatting_in_the_text_do_not_format() -> None:
    of = article(body="The *first* ferry of _our_ `line` at snake_case.")
    message = compose(matches(of, rule_match("r", [[hit(of, "ferry")]])), {"r"}, IDS, "UTC")
    assert section_texts(message)[1] == "> The ∗first∗ *ferry* of ˍourˍ ˋlineˋ at snake_case."


def test_a_headline_without_a_web_link_is_not_linked() -> None:
    text = section_texts(ferry_alert(url="javascript:alert(1)"))[0]
    assert text.startswith("*Ferry line")


def test_without_its_blocks_it_is_still_an_alert() -> None:
    text = render_slack(ferry_alert(), NOW)["text"]
    assert "Urgent: Rule ferries and 1 more rule" in text
    assert "https://gazette.example/2026/ferry?from=feed&amp;page=1|Ferry line" in text
    assert "*Nordholm*" in text


def test_links_are_not_unfurled() -> None:
    payload = render_slack(ferry_alert(), NOW)
    assert (payload["unfurl_links"], payload["unfurl_media"]) == (False, False)


def test_a_test_says_that_it_is_one() -> None:
    message = ferry_alert().model_copy(update={"test": True})
    assert "Test · Urgent" in render_slack(message, NOW)["blocks"][0]["text"]["text"]


def updated() -> AlertMessage:
    """The alert, now that three others have reported it."""
    copy = {"is_copy": True, "copied_from": "The Harbour Gazette"}
    others = (
        OtherReport(
            source="Northern Courier", url="https://courier.example/1", seen_at=NOW, **copy
        ),
        OtherReport(source="Isle <Herald> & Post", seen_at=NOW, **copy),
        OtherReport(source="Reuters", is_copy=False, seen_at=NOW),
    )
    first = ferry_alert()
    facts = {"others": others, "update": True, "updates": first.delivery_id}
    return first.model_copy(update=facts)


@pytest.mark.parametrize("name", ["update", "reply"])
def test_an_update_looks_as_it_did(name: str) -> None:
    payload = render_slack(updated(), NOW) if name == "update" else render_slack_reply(updated())
    assert problems_of(payload) == []
    assert_nothing_is_live(payload)
    assert_golden(f"slack-{name}.json", json.dumps(payload, indent=2, ensure_ascii=False) + "\n")


def test_an_alert_says_who_else_reports_it_and_who_copies_whom() -> None:
    text = json.dumps(render_slack(updated(), NOW)["blocks"], ensure_ascii=False)
    assert "Northern Courier (copy), Isle &lt;Herald&gt; &amp; Post (copy) and Reuters" in text
    assert "4 outlets, 2 of them copies of The Harbour Gazette" in text


@pytest.mark.parametrize(
    "name",
    [
        "slack.json",
        "slack-update.json",
        "slack-reply.json",
        "summary-slack.json",
        "notice-slack.json",
    ],
)
def test_every_payload_that_is_kept_for_review_is_one_that_slack_takes(name: str) -> None:
    assert problems_of(json.loads((GOLDEN / name).read_text(encoding="utf-8"))) == []
